"""The additive slate model in worlds of known truth: credit goes where it was earned."""

import numpy as np
import pytest

from memento_memory.selection.credit import case_rows, credit, slate_row
from memento_memory.selection.lastlayer import LastLayer
from memory.worlds import sigmoid

CASES = 6


def test_credit_is_shared_by_those_used_or_by_all_when_nothing_is_known():
    assert credit([None, None]).tolist() == [0.5, 0.5]
    assert credit([True, None, False]).tolist() == [1, 0, 0]
    assert credit([True, True, False]).tolist() == [0.5, 0.5, 0]
    assert credit([False, False]).tolist() == [0, 0]
    assert credit([]).shape == (0,)


def test_an_empty_slate_only_tells_of_the_task():
    assert slate_row(np.ones(2), np.zeros((0, 3)), credit([])).tolist() == [1, 1, 0, 0, 0]


def stream(episodes, advantage, difficulty, choose, rng):
    """Learn from slates online; return the layer and each case's plain mean reward."""
    layer = LastLayer.fresh(np.zeros(2 + CASES), np.full(2 + CASES, 4.0))
    shown, earned = np.zeros(CASES), np.zeros(CASES)
    for _ in range(episodes):
        ease = rng.normal()
        slate = choose(ease, rng)
        row = slate_row(np.array([1.0, ease]), np.eye(CASES)[slate], credit([None] * len(slate)))
        reward = float(rng.random() < sigmoid(difficulty @ row[:2] + advantage @ row[2:]))
        layer, _ = layer.updated(row, reward)
        shown[slate] += 1
        earned[slate] += reward
    return layer, earned / np.maximum(shown, 1)


def with_a_companion(_ease, rng):
    """Any cases, or none; case 1 comes along with case 0 four times in five."""
    slate = rng.permutation(CASES)[: rng.integers(0, 4)].tolist()
    if 0 in slate and 1 not in slate and rng.random() < 0.8:
        slate.append(1)
    return slate


def test_credit_goes_to_the_useful_case_and_not_to_those_shown_beside_it():
    rng = np.random.default_rng(0)
    truth = np.array([4.0, 0, 0, 0, 0, 0])
    layer, means = stream(3000, truth, np.array([-1.0, 1.0]), with_a_companion, rng)
    found, spread = layer.mean[2:], np.sqrt(np.diag(layer.covariance))[2:]
    assert np.all(np.abs(found - truth) < 3 * spread)
    assert found[0] > 3
    assert np.abs(found[1:]).max() < 0.8
    assert means[1] > means[2:].max() + 0.05  # copying the slate's reward to all of it rewards the companion


def easy_for_the_useless(ease, rng):
    """Case 0 where tasks are easy, case 1 where they are hard; sometimes none, rarely the other."""
    if rng.random() < 0.2:
        return []
    return [int((ease < 0) != (rng.random() < 0.1))]


def test_the_baseline_takes_up_the_difficulty_of_tasks():
    rng = np.random.default_rng(1)
    truth = np.array([0.0, 1.5, 0, 0, 0, 0])
    layer, means = stream(3000, truth, np.array([0.0, 2.0]), easy_for_the_useless, rng)
    assert means[0] > means[1] + 0.1  # without a baseline the useless case looks better
    q = layer.predict(case_rows(np.array([1.0, 0.0]), np.eye(CASES)[:2])).mean
    assert q[1] > q[0] + 0.2
    assert layer.mean[:2] == pytest.approx([0, 2], abs=0.35)


def test_a_known_advantage_is_recovered_from_what_the_caller_said_helped():
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 1.5, CASES)
    layer = LastLayer.fresh(np.zeros(1 + CASES), np.full(1 + CASES, 4.0))
    for _ in range(4000):
        slate = rng.permutation(CASES)[: rng.integers(0, 5)]
        used = [bool(rng.random() < 0.5) for _ in slate]
        row = slate_row(np.ones(1), np.eye(CASES)[slate], credit(used))
        layer, _ = layer.updated(row, float(rng.random() < sigmoid(row[1:] @ truth - 0.3)))
    assert np.corrcoef(layer.mean[1:], truth)[0, 1] > 0.97
    assert np.abs(layer.mean[1:] - truth).max() < 0.6


def test_a_poisoned_tenth_of_outcomes_shrinks_the_advantage_but_keeps_the_order():
    rng = np.random.default_rng(3)
    truth = np.linspace(-2, 2, CASES)
    layer = LastLayer.fresh(np.zeros(1 + CASES), np.full(1 + CASES, 4.0))
    for _ in range(4000):
        case = rng.integers(CASES, size=1)
        row = slate_row(np.ones(1), np.eye(CASES)[case], credit([None]))
        reward = rng.random() < sigmoid(truth[case[0]])
        layer, _ = layer.updated(row, float(reward != (rng.random() < 0.1)))
    q = layer.predict(case_rows(np.ones(1), np.eye(CASES))).mean
    assert np.argmax(q) == CASES - 1
    assert np.abs(q - sigmoid(truth)).max() < 0.13
