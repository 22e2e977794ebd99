"""Off-policy estimates against worlds whose truth is known, and what the log cannot answer."""

import numpy as np
import pytest

from memento_memory.errors import InputError
from memento_memory.selection.evaluation import Log, Target, contrast, evaluate, logged_target
from memento_memory.selection.overlap import Lack
from memory.worlds import EMPTY, World

WORLD = World.seeded(7)
BEHAVIOUR = WORLD.policy(0.0)
BETTER = WORLD.policy(0.6)
GOOD_MODEL = WORLD.chance.mean(0)
POOR_MODEL = np.full_like(GOOD_MODEL, 0.9)


def greedy_table(policy):
    table = np.full_like(policy, -np.inf)
    table[np.arange(len(policy)), policy.argmax(1)] = 0.0
    return table


def coverage(answers, truth, name):
    found = [getattr(answer, name) for answer in answers]
    return float(np.mean([estimate.low <= truth <= estimate.high for estimate in found]))


@pytest.fixture(scope="module")
def logs():
    """Many logs of the same world; every test of coverage reads all of them."""
    return [WORLD.log(BEHAVIOUR, 250, np.random.default_rng(seed)) for seed in range(300)]


@pytest.mark.parametrize("model", [GOOD_MODEL, POOR_MODEL], ids=["good model", "poor model"])
def test_intervals_cover_the_true_value_at_about_their_nominal_rate(logs, model):
    answers = [evaluate(log, drawn.target(BETTER, model), resamples=500) for log, drawn in logs]
    assert not any(answer.refusal for answer in answers)
    for name in ("ips", "snips", "dr"):
        assert 0.91 <= coverage(answers, WORLD.worth(BETTER), name) <= 0.985, name


def test_the_contrast_of_memory_and_void_covers_the_truth():
    held_out = np.exp(BEHAVIOUR) * 0.75
    held_out[:, EMPTY] += 0.25
    truth = WORLD.worth(BEHAVIOUR) - WORLD.chance.mean(0)[:, EMPTY].mean()
    answers = []
    for seed in range(300):
        log, drawn = WORLD.log(np.log(held_out), 250, np.random.default_rng(seed))
        memory = drawn.target(BEHAVIOUR, GOOD_MODEL)
        answers.append(contrast(log, memory, drawn.void(GOOD_MODEL), resamples=500))
    assert not any(answer.refusal for answer in answers)
    for name in ("snips", "dr"):
        assert 0.91 <= coverage(answers, truth, name) <= 0.985, name


def test_estimates_average_to_the_truth_where_the_log_alone_is_far_off(logs):
    truth = WORLD.worth(BETTER)
    answers = [evaluate(log, drawn.target(BETTER, POOR_MODEL), resamples=200) for log, drawn in logs]
    naive = np.mean([log.reward.mean() for log, _ in logs])
    assert abs(naive - truth) > 0.05
    for name in ("ips", "snips", "dr"):
        assert np.mean([getattr(answer, name).value for answer in answers]) == pytest.approx(truth, abs=0.01)


def test_a_good_reward_model_narrows_the_interval(logs):
    log, drawn = logs[0]
    answer = evaluate(log, drawn.target(BETTER, GOOD_MODEL))
    assert answer.dr.high - answer.dr.low < answer.ips.high - answer.ips.low


def test_episodes_of_one_task_are_not_taken_for_independent():
    log, drawn = World.seeded(7, luck=3).log(BEHAVIOUR, 250, np.random.default_rng(0))
    alone = Log(np.arange(len(log)), log.reward, log.propensity)
    by_task, by_row = (evaluate(each, drawn.target(BEHAVIOUR)).snips for each in (log, alone))
    assert by_task.high - by_task.low > 1.3 * (by_row.high - by_row.low)


def test_the_policy_that_wrote_the_log_earns_what_the_log_earned(logs):
    log, _ = logs[0]
    answer = evaluate(log, logged_target(log))
    assert answer.ips.value == answer.snips.value == pytest.approx(log.reward.mean())
    assert answer.overlap.mean_weight == 1
    assert answer.dr is None


def test_the_same_seed_gives_the_same_answer(logs):
    log, drawn = logs[0]
    assert evaluate(log, drawn.target(BETTER), seed=3) == evaluate(log, drawn.target(BETTER), seed=3)


def test_a_greedy_log_is_refused_for_another_policy_and_the_missing_exploration_named():
    log, drawn = WORLD.log(greedy_table(BEHAVIOUR), 250, np.random.default_rng(0))
    answer = evaluate(log, drawn.target(BETTER))
    assert answer.overlap.certain == 1
    assert "shown with certainty" in answer.refusal
    assert "exploration" in answer.refusal
    assert answer.lack is Lack.CHANCE
    assert answer.ips is answer.snips is answer.dr is None
    assert not evaluate(log, logged_target(log)).refusal


def test_memory_cannot_be_set_against_void_when_every_slate_had_cases():
    log, drawn = WORLD.log(greedy_table(WORLD.policy(2.0)), 250, np.random.default_rng(0))
    assert EMPTY not in drawn.slate
    answer = contrast(log, logged_target(log), drawn.void())
    assert answer.refusal.startswith("second policy: every slate")
    assert "hold-out" in answer.refusal


def test_a_share_of_hold_out_makes_that_contrast_answerable():
    greedy = greedy_table(WORLD.policy(2.0))
    mixture = np.log(0.8 * np.exp(greedy) + 1e-300)
    mixture[:, EMPTY] = np.log(0.2)
    log, drawn = WORLD.log(mixture, 250, np.random.default_rng(0))
    answer = contrast(log, drawn.target(greedy), drawn.void())
    truth = WORLD.worth(greedy) - WORLD.chance.mean(0)[:, EMPTY].mean()
    assert not answer.refusal
    assert answer.snips.low <= truth <= answer.snips.high
    assert answer.snips.low > 0
    assert answer.above > 0.99


def test_too_few_tasks_and_too_little_overlap_are_refused_with_what_is_missing():
    few, drawn = WORLD.log(BEHAVIOUR, 12, np.random.default_rng(0))
    assert "18 more" in evaluate(few, drawn.target(BEHAVIOUR)).refusal
    none = Log(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    assert "outcomes of 0 tasks" in evaluate(none, logged_target(none)).refusal
    log, drawn = WORLD.log(BEHAVIOUR, 60, np.random.default_rng(1))
    answer = evaluate(log, drawn.target(WORLD.policy(4.0)))
    assert answer.overlap.effective < 30
    assert "policy closer to the one in use" in answer.refusal


def test_propensities_that_cannot_be_right_are_noticed():
    log, drawn = WORLD.log(BEHAVIOUR, 250, np.random.default_rng(0))
    wrong = Log(log.task, log.reward, log.propensity - 0.5)
    assert "must average 1" in evaluate(wrong, drawn.target(BEHAVIOUR)).refusal


def test_arrays_that_do_not_fit_are_named():
    one = np.zeros(1)
    with pytest.raises(InputError, match="reward"):
        Log(np.zeros(1, np.int64), np.array([np.nan]), one)
    with pytest.raises(InputError, match="propensity"):
        Log(np.zeros(1, np.int64), one, np.array([0.1]))
    with pytest.raises(InputError, match="propensity"):
        Log(np.zeros(1, np.int64), one, np.zeros(2))
    with pytest.raises(InputError, match="both or neither"):
        evaluate(Log(np.zeros(1, np.int64), one, one), Target(one, predicted=one))
