"""Worlds whose truth is known: what is learned from outcomes alone comes near it, and choices improve."""

import numpy as np
import pytest

from memento_memory.selection.credit import case_rows, credit, slate_row
from memento_memory.selection.episodic import History, decayed, episodic
from memento_memory.selection.lastlayer import LastLayer
from memory.worlds import Life, PairWorld, sigmoid

ADVANTAGE = np.array([0.3, 1.2, -0.8, 0.0, 0.9])
WORLD = PairWorld(np.array([-0.5, 1.5]), ADVANTAGE)
SIZE = 2 + len(ADVANTAGE)


def fresh(*, keep=1.0, variance=1.0):
    """Similarity is believed in, nothing else."""
    mean = np.zeros(SIZE)
    mean[2] = 0.75
    return LastLayer.fresh(mean, np.full(SIZE, variance), keep=keep)


def slates(world, n, rng, most=3):
    """Design rows of random slates of up to `most` cases, and their outcomes."""
    rows, rewards = np.zeros((n, 2 + len(world.advantage))), np.zeros(n)
    for i in range(n):
        task, cases = world.scene(rng, int(rng.integers(0, most + 1)))
        weights = credit([None] * len(cases))
        rows[i] = slate_row(task, cases, weights)
        rewards[i] = rng.random() < world.chance(task, cases, weights)
    return rows, rewards


def learned(layer, rows, rewards, weights=None):
    for i, row in enumerate(rows):
        layer, _ = layer.updated(row, float(rewards[i]), 1.0 if weights is None else float(weights[i]))
    return layer


def unseen(world, rng, scenes=100):
    """Rows of pairs never shown, and their true chances."""
    found = [world.scene(rng) for _ in range(scenes)]
    rows = np.concatenate([case_rows(task, cases) for task, cases in found])
    return rows, np.concatenate([world.chances(task, cases) for task, cases in found])


def test_a_known_advantage_is_recovered_for_tasks_and_cases_that_were_never_shown():
    rng = np.random.default_rng(0)
    layer = learned(fresh(), *slates(WORLD, 4000, rng))
    rows, truth = unseen(WORLD, rng)
    q = layer.predict(rows).mean
    assert np.abs(q - truth).mean() < 0.03
    assert np.corrcoef(q, truth)[0, 1] > 0.99
    spread = np.sqrt(np.diag(layer.covariance))
    assert np.all(np.abs(layer.mean - [*WORLD.difficulty, *ADVANTAGE]) < 3.5 * spread)


def test_intervals_of_q_hold_the_truth_at_their_nominal_rate_when_slates_are_all_that_is_seen():
    shares = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        world = PairWorld(rng.normal(size=2), rng.normal(size=5))
        layer = learned(LastLayer.fresh(np.zeros(SIZE), np.ones(SIZE)), *slates(world, 300, rng))
        rows, truth = unseen(world, rng, 20)
        said = layer.predict(rows)
        shares.append(np.mean((said.low <= truth) & (truth <= said.high)))
    assert 0.91 <= np.mean(shares) <= 0.98


def test_the_case_that_fits_is_told_from_its_neighbours_though_they_are_always_shown_together():
    """Slates of one case that fits and two as similar that do not; all share the slate's outcome."""
    rng = np.random.default_rng(1)
    layer = naive = LastLayer.fresh(np.zeros(3), np.full(3, 4.0))
    one = np.ones(1)
    for _ in range(3000):
        fits = rng.integers(0, 2, 3) if rng.random() < 0.5 else np.eye(3)[0]
        cases = np.column_stack([np.full(3, rng.normal()), fits])
        weights = credit([None] * 3)
        reward = float(rng.random() < sigmoid(-1 + weights @ cases @ [0.0, 3.0]))
        layer, _ = layer.updated(slate_row(one, cases, weights), reward)
        for row in case_rows(one, cases):
            naive, _ = naive.updated(row, reward, 1 / 3)
    pair = case_rows(one, np.array([[0.0, 1.0], [0.0, 0.0]]))
    useful, neighbour = layer.predict(pair).mean
    assert useful == pytest.approx(sigmoid(2), abs=0.05)
    assert neighbour == pytest.approx(sigmoid(-1), abs=0.05)
    copied = naive.predict(pair).mean
    assert copied[0] - copied[1] < 0.5 * (useful - neighbour)  # copying the outcome to each case blurs them


def test_difficulty_that_goes_along_with_similarity_is_not_credited_to_similarity():
    """Easy tasks have similar cases; similarity itself helps nothing."""
    rng = np.random.default_rng(2)
    layer = blind = LastLayer.fresh(np.zeros(3), np.full(3, 4.0))
    for _ in range(3000):
        ease = rng.normal()
        cases = np.array([[ease + 0.3 * rng.normal()]])[: rng.integers(0, 2)]
        row = slate_row(np.array([1.0, ease]), cases, credit([None] * len(cases)))
        reward = float(rng.random() < sigmoid(1.5 * ease))
        layer, _ = layer.updated(row, reward)
        blind, _ = blind.updated(row * [1, 0, 1], reward)
    assert abs(layer.mean[2]) < 0.35
    assert blind.mean[2] > 0.8
    assert layer.mean[1] == pytest.approx(1.5, abs=0.3)


def test_choosing_by_what_was_learned_comes_near_the_best_choice():
    chosen, similar, best, void = Life([WORLD] * 2000).lived(fresh(), 0)[-700:].mean(0)
    assert best - chosen < 0.01
    assert chosen > similar + 0.1
    assert chosen > void + 0.2


def test_before_anything_was_learned_the_most_similar_case_is_chosen():
    found = Life([WORLD] * 300).lived(fresh(), 1, learns=False)
    has_case = found[:, 0] != found[:, 3]
    np.testing.assert_array_equal(found[has_case, 0], found[has_case, 1])
    assert has_case.mean() > 0.95


def test_memory_that_harms_is_soon_left_aside():
    harmful = PairWorld(np.array([0.5, 1.0]), np.full(5, 0.5), offset=-2.0)
    trusting = LastLayer.fresh(np.array([0, 0, -1.0, 0, 0, 0, 0]), np.full(SIZE, 0.15**2))  # far cases are worth most
    life = Life([harmful] * 600)
    chosen, _, _, void = life.lived(trusting, 2).T
    unlearning = life.lived(trusting, 2, learns=False)[:, 0]
    assert unlearning.mean() < void.mean() - 0.3
    assert chosen[-300:].mean() > void[-300:].mean() - 0.01


def flipped(_row, reward, rng):
    """A tenth of all outcomes is reported the wrong way round."""
    return 1 - reward if rng.random() < 0.1 else reward


def test_a_poisoned_tenth_of_outcomes_costs_at_most_one_point_of_success():
    clean, noisy = (
        np.mean([Life([WORLD] * 1200, lie=lie).lived(fresh(), seed)[-400:, 0].mean() for seed in range(3)])
        for lie in (lambda _row, reward, _rng: reward, flipped)
    )
    assert clean - noisy < 0.01


def test_a_poisoned_tenth_of_slates_moves_q_by_at_most_a_tenth():
    rng = np.random.default_rng(4)
    rows, rewards = slates(WORLD, 3000, rng)
    poisoned = np.where(rng.random(len(rewards)) < 0.1, 1 - rewards, rewards)
    inputs, truth = unseen(WORLD, rng)
    q = learned(fresh(), rows, poisoned).predict(inputs).mean
    assert np.abs(q - truth).mean() < 0.1
    assert np.corrcoef(q, truth)[0, 1] > 0.98


def test_praise_for_the_worst_choices_in_a_tenth_of_episodes_costs_at_most_three_points():
    told = []

    def praised(row, reward, rng):
        lies = row[2:] @ ADVANTAGE < -1 and rng.random() < 0.5
        told.append(lies)
        return 1.0 if lies else reward

    clean = Life([WORLD] * 1200, explore=0.6).lived(fresh(), 0)[-400:, 0].mean()
    poisoned = Life([WORLD] * 1200, explore=0.6, lie=praised).lived(fresh(), 0)[-400:, 0].mean()
    assert 0.05 < np.mean(told) < 0.15
    assert clean - poisoned < 0.03


def test_choices_follow_a_world_that_turns_round():
    turned = PairWorld(WORLD.difficulty, ADVANTAGE * [1, -1, -1, 1, -1])
    supple = fresh(keep=0.5 ** (1 / 4000))
    lost = [
        np.subtract(*Life([WORLD] * 1500 + [turned] * 600).lived(layer, 3)[:, [2, 0]].T) for layer in (supple, fresh())
    ]
    before, after = [one[1000:1500].mean() for one in lost], [one[-300:].mean() for one in lost]
    assert max(before) < 0.02
    assert after[0] < 0.03
    assert after[1] > 0.1


@pytest.mark.parametrize("seed", [0, 1])
def test_slates_learned_one_by_one_agree_with_all_at_once(seed):
    rng = np.random.default_rng(seed)
    rows, rewards = slates(WORLD, 600, rng)
    evidence = rng.choice([0.4, 0.6, 1.0], len(rows))
    online = learned(fresh(), rows, rewards, evidence)
    batch = fresh().fitted(rows, rewards, evidence)
    inputs, _ = unseen(WORLD, rng)
    apart = np.abs(online.predict(inputs).mean - batch.predict(inputs).mean)
    assert apart.mean() < 0.01
    assert apart.max() < 0.06


def test_the_last_layer_agrees_with_the_posterior_by_enumeration():
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(40, 2))
    rewards = (rng.random(40) < sigmoid(rows @ [1.0, -1.5])).astype(np.float64)
    grid = np.stack(np.meshgrid(*[np.linspace(-6, 6, 241)] * 2), axis=-1).reshape(-1, 2)
    logits = grid @ rows.T
    log_posterior = (rewards * logits - np.logaddexp(0, logits)).sum(1) - (grid**2).sum(1) / 2
    mass = np.exp(log_posterior - log_posterior.max())
    inputs = rng.normal(size=(50, 2))
    exact = sigmoid(inputs @ grid.T) @ mass / mass.sum()
    online = learned(LastLayer.fresh(np.zeros(2), np.ones(2)), rows, rewards)
    assert np.abs(online.predict(inputs).mean - exact).max() < 0.02


def test_a_case_s_own_record_is_its_posterior_by_enumeration():
    """Outcomes of unequal evidence, each a power of the likelihood."""
    rng = np.random.default_rng(6)
    rewards, evidence = (rng.random(9) < 0.7).astype(np.float64), rng.choice([0.4, 0.6, 1.0], 9)
    p = np.linspace(0, 1, 20_001)[1:-1]
    mass = np.exp(evidence @ (rewards[:, None] * np.log(p) + (1 - rewards[:, None]) * np.log(1 - p)))
    mean = p @ mass / mass.sum()
    none = History(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0))
    said = episodic(none, np.array([evidence @ rewards]), np.array([evidence @ (1 - rewards)]), strength=1e6)
    assert said.mean[0] == pytest.approx(mean, abs=1e-4)


def test_evidence_that_ages_step_by_step_agrees_with_all_at_once():
    rng = np.random.default_rng(7)
    times, evidence = np.sort(rng.uniform(0, 100, 30)), rng.choice([0.4, 1.0], 30)
    running, before = 0.0, 0.0
    for time, weight in zip(times, evidence, strict=True):
        running = running * 2 ** (-(time - before) / 20) + weight
        before = time
    assert decayed(evidence, times[-1] - times, half_life=20.0).sum() == pytest.approx(running)


def test_a_case_s_history_among_its_neighbours_keeps_the_useful_one_ahead():
    """Eq. 9 gives each case its share of the slate's outcome; over many slates the useful case still stands out."""
    rng = np.random.default_rng(8)
    worth = np.array([2.5, 0, 0, 0, 0, 0])
    owner, value, share = [], [], []
    for _ in range(800):
        slate = rng.permutation(6)[: rng.integers(1, 4)]
        weights = credit([None] * len(slate))
        reward = float(rng.random() < sigmoid(-1 + weights @ worth[slate]))
        owner += slate.tolist()
        value += [reward] * len(slate)
        share += weights.tolist()
    near = np.full(len(owner), 0.95)
    history = History(np.array(owner), near, np.array(value), np.array(share))
    mean = episodic(history, np.zeros(6), np.zeros(6)).mean
    assert mean[0] > mean[1:].max() + 0.15
    assert np.ptp(mean[1:]) < 0.15
