"""Drawing slates without replacement, and the propensities that go with them."""

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from memento_memory.selection.plackett_luce import Quotas, draw, log_probability, mixed, set_log_probability, steps
from memento_memory.selection.policy import Pool

some_logits = npst.arrays(np.float64, st.integers(0, 4), elements=st.floats(-4, 4))
LOGITS = np.array([1.0, 0.2, -0.5, 0.4])


def one_of_a_pair(drawn, case):
    """Cases 0 and 1 are variants of the same plan: never both."""
    return case > 1 or not {0, 1} & set(drawn)


def every_slate(n, k):
    return [slate for size in range(min(n, k) + 1) for slate in permutations(range(n), size)]


@given(some_logits, st.floats(-4, 4), st.integers(1, 3), st.booleans())
def test_the_probabilities_of_all_slates_sum_to_one(logits, void, k, restricted):
    rule = {"allows": one_of_a_pair} if restricted else {}
    total = sum(math.exp(log_probability(logits, void, slate, k, **rule)) for slate in every_slate(len(logits), k))
    assert total == pytest.approx(1)


@given(some_logits, st.integers(1, 3))
def test_without_a_void_case_only_full_slates_are_drawn(logits, k):
    full = min(k, len(logits))
    chances = {s: math.exp(log_probability(logits, -math.inf, s, k)) for s in every_slate(len(logits), k)}
    assert sum(chance for slate, chance in chances.items() if len(slate) == full) == pytest.approx(1)


def test_slates_are_drawn_as_often_as_their_propensity_says():
    rng = np.random.default_rng(1)
    drawn = Counter(tuple(draw(LOGITS, 0.1, 3, rng, one_of_a_pair)[0]) for _ in range(6000))
    for slate in every_slate(4, 3):
        chance = math.exp(log_probability(LOGITS, 0.1, slate, 3, one_of_a_pair))
        assert drawn[slate] / 6000 == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / 6000))


@given(some_logits, st.floats(-4, 4), st.integers(1, 3), st.integers(0, 1000))
def test_the_steps_of_a_drawn_slate_sum_to_its_log_probability(logits, void, k, seed):
    slate, made = draw(logits, void, k, np.random.default_rng(seed))
    assert sum(made) == pytest.approx(log_probability(logits, void, slate, k))
    assert all(step <= 1e-12 for step in made)


def test_the_order_can_be_summed_out():
    quotas = Quotas(np.array([0, 1, 2, 0]), np.array([0, 0, 0, 3]))

    def rule(drawn, case):
        return quotas.open(drawn)[case]

    for cases in ((), (1,), (0, 2), (1, 3), (2, 1, 3)):
        for k in range(max(len(cases), 1), 4):
            each = [log_probability(LOGITS, 0.3, slate, k, rule) for slate in permutations(cases)]
            assert set_log_probability(LOGITS, 0.3, cases, k, quotas) == pytest.approx(np.logaddexp.reduce(each))


@given(st.lists(st.integers(0, 3), min_size=5, max_size=5), st.permutations(range(5)))
def test_quotas_are_those_of_the_pool_that_examples_are_chosen_from(plans, order):
    plans, tasks, drawn = np.array(plans), np.array([0, 0, 0, 1, 1]), []
    quotas, pool = Quotas(plans, tasks), Pool(np.zeros(5), plans, tasks)
    for case in order:
        allowed = quotas.open(drawn)
        assert allowed.tolist() == [pool.allows(drawn, i) and i not in drawn for i in range(5)]
        drawn += [case] if allowed[case] else []


def test_forced_cases_come_first_and_cost_nothing():
    quotas = Quotas(np.arange(4), np.arange(4))
    several = [s for s in every_slate(4, 3) if s[:1] == (2,) and list(s[1:]) == sorted(s[1:])]
    total = sum(math.exp(set_log_probability(LOGITS, 0.0, s, 3, quotas, forced=1)) for s in several)
    assert total == pytest.approx(1)
    assert set_log_probability(LOGITS, 0.0, (2, 0), 2, quotas, forced=2) == 0


def test_a_slate_that_breaks_the_rules_has_no_probability():
    assert log_probability(LOGITS, 0, (0, 1), 3, one_of_a_pair) == -math.inf
    with pytest.raises(ValueError, match="cannot have been drawn"):
        steps(LOGITS, 0, (2, 2), 3)


@given(some_logits, st.floats(0, 1), st.floats(0, 1), st.integers(0, 50))
def test_hold_out_and_exploration_leave_a_distribution(logits, explore, holdout, pick):
    slates = every_slate(len(logits), 2)
    greedy = slates[pick % len(slates)]
    similar, shares = slates[pick // 2 % len(slates)], {"explore": explore, "holdout": holdout}
    sampled = [(s, log_probability(logits, 0, s, 2)) for s in slates]
    total = sum(
        math.exp(mixed(p, is_greedy=s == greedy, is_void=not s, is_similar=s == similar, **shares)) for s, p in sampled
    )
    assert total == pytest.approx(1)
