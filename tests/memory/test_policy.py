"""Policies: which examples are drawn, how likely each slate was, and when a case is withheld."""

from collections import Counter

import numpy as np
import pytest

from memento_memory.decision import Arm
from memento_memory.errors import InputError
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.plackett_luce import allow_all
from memento_memory.selection.policy import Policy, PolicyName, Pool, choose_examples, greedy
from memento_memory.selection.value import QFunction
from memory.seeing import THRESHOLD, values_of

ADVANTAGE = np.array([1.0, 0.4, -0.3])
SIMILARITY = np.array([0.6, 0.8, 0.7])
Q = QFunction(0, LastLayer.fresh(np.zeros(1), np.ones(1)))


def pool(plans=(0, 1, 2), tasks=(0, 1, 2), forced=()):
    return Pool(SIMILARITY, np.array(plans), np.array(tasks), forced)


def chosen(policy, *, of=None, k=2, times=1, seed=0, **others):
    rng = np.random.default_rng(seed)
    of = of or pool()
    values = values_of(ADVANTAGE)
    return [
        choose_examples(of, values, k, policy=policy, threshold=THRESHOLD, q=Q, rng=rng, **others) for _ in range(times)
    ]


def test_greedy_takes_what_is_worth_more_than_none_and_is_certain_of_it():
    (choice,) = chosen(Policy())
    assert (choice.arm, choice.drawn, choice.best, choice.log_propensity) == (Arm.GREEDY, (0, 1), (0, 1), 0)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(PolicyName.SOFTMAX, alpha=0.3),
        Policy(PolicyName.SOFTMAX, alpha=0.3, holdout=0.3),
        Policy(explore=0.5, alpha=0.5),
        Policy(explore=0.4, holdout=0.2),
    ],
)
@pytest.mark.parametrize("of", [pool(), pool(plans=(0, 0, 1)), pool(forced=(2,))])
def test_slates_come_up_as_often_as_the_log_says(policy, of):
    found = chosen(policy, of=of, times=4000)
    often = Counter(choice.drawn for choice in found)
    said = {choice.drawn: np.exp(choice.log_propensity) for choice in found}
    assert len(often) > 1
    for slate, count in often.items():
        assert count / 4000 == pytest.approx(said[slate], abs=0.03)
    assert sum(said.values()) == pytest.approx(1, abs=0.03)


def test_exploration_shows_what_similarity_would_have_shown_too():
    drawn = {choice.drawn for choice in chosen(Policy(explore=0.5, alpha=0.01), times=50)}
    assert (1, 2) in drawn


def test_a_held_out_plan_is_told_from_an_empty_slate_with_warnings():
    held = next(c for c in chosen(Policy(holdout=0.5), times=20, warned=True) if c.arm is Arm.HELD_OUT)
    assert held.drawn == ()
    assert np.exp(held.log_propensity) == pytest.approx(0.5)


def test_thompson_sampling_shows_what_may_be_best_and_logs_no_propensity():
    unsure = QFunction(0, LastLayer.fresh(np.zeros(3), np.ones(3)))
    values = values_of(np.zeros(2))
    values = type(values)(
        values.mean, values.low, values.high, values.advantage, values.doubt, values.at_first, values.void,
        np.array([[1.0, 0.0], [0.0, 1.0]]), np.ones(1), np.zeros(3),
    )  # fmt: skip
    two = Pool(np.array([0.8, 0.8]), np.arange(2), np.arange(2))
    rng = np.random.default_rng(0)
    policy = Policy(PolicyName.THOMPSON)
    found = [choose_examples(two, values, 1, policy=policy, threshold=0.4, q=unsure, rng=rng) for _ in range(200)]
    often = Counter(choice.drawn for choice in found)
    assert set(often) == {(), (0,), (1,)}
    assert often[(0,)] == pytest.approx(often[(1,)], abs=40)
    assert {choice.log_propensity for choice in found} == {None}


def test_what_similarity_would_show_is_withheld_only_where_it_is_sure_not_to_help():
    values = values_of([-0.5, -0.5], doubt=np.array([1.0, 0.2]))
    believed = type(values)(
        values.mean, values.low, values.high, values.advantage, values.doubt, np.array([2.0, 2.0]), values.void,
        values.pair, values.task, values.weights,
    )  # fmt: skip
    assert greedy(believed, 2, allow_all) == [0]
    assert greedy(believed, 2, allow_all, caution=1.0) == []
    assert greedy(values, 2, allow_all) == []


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"explore": 1.1}, "explore"),
        ({"holdout": 1.0}, "holdout"),
        ({"caution": -1.0}, "caution"),
    ],
)
def test_settings_out_of_range_are_refused(settings, field):
    with pytest.raises(InputError, match=field):
        Policy(**settings)
