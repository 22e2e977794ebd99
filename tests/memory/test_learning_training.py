"""Training the committee: what it aims at, and that nothing but the data, the recipe and the seed decides it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from memento_memory.errors import BankError
from memento_memory.fitting import NETWORK
from memento_memory.learning.committee import LinearModel, fresh, outputs, plan_of, trainable
from memento_memory.learning.recipe import Recipe
from memento_memory.learning.training import _Run, soft_value, train
from memento_memory.selection.network import Network
from memento_memory.selection.value import fresh_layer, sigmoid
from memory.logs import entry, seen, simulated

BRIEF = Recipe(epochs=4, members=3, rank=4, hidden=4, batch=64)


def trained(episodes, recipe=BRIEF, **options):
    return train(episodes, episodes.known, fresh_layer(), recipe, at=NETWORK, **options)


@pytest.fixture(scope="module")
def log():
    return simulated(400, 4.0)


@pytest.fixture(scope="module")
def network(log):
    return trained(log.episodes, replace(BRIEF, epochs=10, patience=10)).network


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(log):
    first, second = (trained(log.episodes, seed=3).network.to_bytes() for _ in range(2))
    assert first == second
    assert trained(log.episodes, seed=4).network.to_bytes() != first


def test_training_lowers_the_loss_on_tasks_left_out(log):
    result = trained(log.episodes, replace(BRIEF, epochs=25, patience=25, rate=0.01))
    assert result.best > 0
    assert min(result.losses) < result.losses[0] - 0.02


def test_nothing_is_kept_where_nothing_can_be_learned():
    result = trained(simulated(300, 0.0).episodes, replace(BRIEF, epochs=12, rate=0.01))
    assert min(result.losses) > result.losses[0] - 0.02


def test_an_interrupted_training_goes_on_to_the_same_end(log, tmp_path, monkeypatch):
    monkeypatch.setattr("memento_memory.learning.training._SAVE_EVERY_S", -1.0)
    file = tmp_path / "checkpoint"

    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(log.episodes, saved_as=file, tick=interrupt)
    passes = []
    resumed = trained(log.episodes, saved_as=file, tick=lambda done, total: passes.append(done))
    assert passes[0] == 2
    assert resumed.network.to_bytes() == trained(log.episodes).network.to_bytes()


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-100], lambda data: data[:99] + data[98:]])
def test_a_damaged_checkpoint_is_left_aside(log, tmp_path, monkeypatch, damage):
    monkeypatch.setattr("memento_memory.learning.training._SAVE_EVERY_S", -1.0)
    file = tmp_path / "checkpoint"
    trained(log.episodes, saved_as=file)
    file.write_bytes(damage(file.read_bytes()))
    passes = []
    trained(log.episodes, saved_as=file, tick=lambda done, total: passes.append(done))
    assert passes[0] == 0


def test_a_checkpoint_of_other_data_is_left_aside(log, tmp_path, monkeypatch):
    monkeypatch.setattr("memento_memory.learning.training._SAVE_EVERY_S", -1.0)
    file = tmp_path / "checkpoint"
    trained(simulated(200, 4.0, seed=5).episodes, saved_as=file)
    passes = []
    trained(log.episodes, saved_as=file, tick=lambda done, total: passes.append(done))
    assert passes[0] == 0


def test_training_ends_when_its_time_is_over(log):
    times = iter(range(1000))
    result = trained(log.episodes, replace(BRIEF, limit_s=2.0), clock=lambda: float(next(times)))
    assert result.ended == "out of time"
    assert len(result.losses) < 1 + BRIEF.epochs


def test_numpy_says_what_torch_says(log, network):
    episodes = log.episodes
    episodes.vectors[3], episodes.plan_vectors[5] = np.nan, np.nan
    models = [LinearModel.fitted(episodes, episodes.known, fresh_layer(), 3, i) for i in range(3)]
    plan = plan_of(episodes, episodes.known, models, network, NETWORK)
    parts = {name: torch.from_numpy(getattr(network, name)) for name in ("projection", "hidden", "bias", "output")}
    rows = np.arange(200)
    theirs = outputs(parts, plan, episodes, rows).numpy()
    case = episodes.case[rows]
    pair = np.delete(episodes.pair[rows], NETWORK, axis=1)
    tasks = episodes.vector[episodes.owner[rows]]
    ours = network.members(pair, tasks, episodes.vectors[case], episodes.plan_vectors[case])
    assert np.abs(ours).max() > 0.01
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_one_task_for_all_cases_is_the_same_as_one_for_each(log, network):
    episodes = log.episodes
    pair, vectors = np.delete(episodes.pair[:8], NETWORK, axis=1), episodes.vectors[episodes.case[:8]]
    one = network.advantage(pair, episodes.vector[0], vectors, vectors)
    each = network.advantage(pair, np.repeat(episodes.vector[:1], 8, 0), vectors, vectors)
    assert one == pytest.approx(each)
    assert network.advantage(pair[:0], episodes.vector[0], vectors[:0], vectors[:0]).shape == (0,)


def test_a_network_survives_its_bytes(network):
    again = Network.from_bytes(network.to_bytes())
    assert again.to_bytes() == network.to_bytes()
    assert np.array_equal(again.hidden, network.hidden)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: b"MLL1" + data[4:], lambda data: data[:-4]])
def test_bytes_of_something_else_are_refused(network, damage):
    with pytest.raises(BankError, match="memento learn"):
        Network.from_bytes(damage(network.to_bytes()))


def test_on_a_task_trained_on_only_the_member_that_left_it_out_speaks(log, network):
    episodes = log.episodes
    honest = np.zeros(len(episodes.keys), bool)
    honest[0] = True
    said = episodes.opinions(network, NETWORK, honest=honest)
    rows = slice(0, 8)
    pair, case = np.delete(episodes.pair[rows], NETWORK, axis=1), episodes.case[rows]
    all_ = network.members(pair, episodes.vector[0], episodes.vectors[case], episodes.plan_vectors[case])
    assert said[rows] == pytest.approx(all_[episodes.fold(3)[0]])
    assert said[rows] != pytest.approx(all_.mean(0))


def test_the_soft_value_is_between_the_mean_and_the_largest():
    values, log_prior = torch.tensor([[0.2, 0.9, 0.5]]), torch.log(torch.tensor([0.5, 0.25, 0.25]))
    assert float(soft_value(values, log_prior, 0.001)) == pytest.approx(0.9, abs=0.002)
    assert float(soft_value(values, log_prior, 1000.0)) == pytest.approx(0.45, abs=0.001)
    expected = 0.1 * np.log(0.5 * np.exp(2) + 0.25 * np.exp(9) + 0.25 * np.exp(5))
    assert float(soft_value(values, log_prior, 0.1)) == pytest.approx(expected, abs=1e-5)


def test_the_target_of_an_attempt_that_was_followed_is_what_the_next_one_is_worth():
    first = entry(1, "a", 0.0)
    second = entry(2, "a", 1.0, similarity=(0.9, 0.6), previous=1)
    third = entry(3, "a", 1.0, previous=2)
    nothing = np.full(4, np.nan, np.float32)
    episodes = seen([first, second, third], {f"case-{i}": (nothing, nothing) for i in range(3)})
    recipe = replace(BRIEF, gamma=0.8, alpha=0.2, members=1)
    layer = fresh_layer()
    models = [LinearModel.fitted(episodes, episodes.known & False, layer, 1, 0)]  # the prior itself
    run = _run(episodes, recipe, models)
    base = layer.mean[: episodes.task.shape[1]] @ episodes.task[1]
    q = sigmoid(base + np.append(episodes.candidates()[3:5] @ layer.mean[episodes.task.shape[1] :], 0.0))
    prior = np.exp((np.array([0.9, 0.6, 0.7]) - 0.7) / 0.1)
    prior /= prior.sum()
    value = 0.2 * np.log(np.sum(prior * np.exp(q / 0.2)))
    targets = run._targets()[0].tolist()
    assert targets[0] == pytest.approx(0.8 * value, abs=1e-5)
    assert targets[1] == 1.0  # it succeeded: more than that there is not
    assert targets[2] == 1.0


def _run(episodes, recipe, models):
    start = fresh(episodes, episodes.known, recipe, NETWORK, 0)
    return _Run(episodes, recipe, 0, plan_of(episodes, episodes.known, models, start, NETWORK), trainable(start))
