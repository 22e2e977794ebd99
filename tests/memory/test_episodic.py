"""The episodic estimate: eq. 9 where the case has a history nearby, its Beta posterior where it has none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.errors import InputError
from memento_memory.selection.episodic import History, decayed, episodic, kernel, outcomes_of_reuse

counts = st.floats(0, 100)


def posterior_mean(successes, failures):
    return (1 + successes) / (2 + successes + failures)


def logit(chance):
    return np.log(chance / (1 - chance))


def history(*rows):
    """From (owner, similarity, value, evidence)."""
    owner, similarity, value, evidence = np.array(rows, np.float64).reshape(-1, 4).T
    return History(owner.astype(np.int64), similarity, value, evidence)


@given(counts, counts)
def test_without_neighbours_it_is_the_case_s_own_posterior(successes, failures):
    found = episodic(history(), np.array([successes]), np.array([failures]))
    assert found.mean[0] == pytest.approx(posterior_mean(successes, failures))
    assert found.support[0] == 0


@given(st.lists(st.tuples(st.floats(0.5, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_a_long_history_of_this_very_neighbourhood_is_eq_9(rows):
    weights = np.exp((np.array([s for s, _ in rows]) - 1) / 0.15)
    equation = weights @ np.array([v for _, v in rows]) / weights.sum()
    found = episodic(history(*[(0, s, v, 1e6) for s, v in rows]), np.zeros(1), np.zeros(1))
    assert found.mean[0] == pytest.approx(equation, abs=1e-3)


@given(counts, counts, st.floats(0, 1), st.floats(0, 1), st.floats(0, 20))
def test_it_lies_between_the_overall_record_and_the_neighbourhood(successes, failures, similarity, value, evidence):
    found = episodic(history((0, similarity, value, evidence)), np.array([successes]), np.array([failures]))
    low, high = sorted((posterior_mean(successes, failures), value))
    assert low - 1e-9 <= found.mean[0] <= high + 1e-9
    assert 0 <= found.variance[0] <= 0.34


def test_a_case_good_for_one_kind_of_task_is_told_from_its_record_on_another():
    near_good = [(0, 0.97, 1.0, 1.0)] * 8 + [(0, 0.3, 0.0, 1.0)] * 8
    near_bad = [(0, 0.3, 1.0, 1.0)] * 8 + [(0, 0.97, 0.0, 1.0)] * 8
    here, there = (episodic(history(*rows), np.full(1, 8.0), np.full(1, 8.0)).mean[0] for rows in (near_good, near_bad))
    assert here > 0.8
    assert there < 0.2


def test_only_a_case_s_own_history_counts_for_it():
    found = episodic(history((1, 1.0, 1.0, 5.0)), np.zeros(3), np.zeros(3))
    assert found.mean[0] == found.mean[2] == 0.5
    assert found.mean[1] > 0.8
    assert found.support.tolist() == [0, 5, 0]


def test_more_evidence_nearby_makes_surer():
    spread = [episodic(history((0, 1.0, 0.5, n)), np.full(1, 2.0), np.full(1, 2.0)).variance[0] for n in (0, 1, 10, 99)]
    assert spread == sorted(spread, reverse=True)


def test_a_case_hardly_tried_is_less_sure_than_one_with_the_same_mean_and_a_long_record():
    found = episodic(history(), np.array([0.0, 500.0]), np.array([0.0, 500.0]))
    assert found.mean[0] == found.mean[1]
    assert found.variance[0] > 1.5 * found.variance[1]


def test_drift_is_followed_when_evidence_ages():
    rng = np.random.default_rng(0)
    values = (rng.random(200) < np.repeat([0.9, 0.2], [140, 60])).astype(np.float64)
    age = np.arange(200)[::-1].astype(np.float64)
    plain, aged = (
        episodic(
            History(np.zeros(200, np.int64), np.ones(200), values, evidence), np.full(1, 10.0), np.full(1, 10.0)
        ).mean[0]
        for evidence in (np.ones(200), decayed(np.ones(200), age, half_life=15.0))
    )
    assert abs(aged - 0.2) < 0.1 < abs(plain - 0.2)


def test_the_estimate_beats_both_the_overall_record_and_bare_eq_9_where_truth_is_smooth():
    """Tasks on a circle; a case's chance changes smoothly along it; histories are short."""
    rng = np.random.default_rng(1)
    errors = []
    for _ in range(300):
        phase = rng.uniform(0, 2 * np.pi)
        tasks = rng.uniform(0, 2 * np.pi, 12)
        value = (rng.random(12) < 0.5 + 0.35 * np.cos(tasks - phase)).astype(np.float64)
        here = rng.uniform(0, 2 * np.pi)
        near = np.cos(tasks - here)
        found = episodic(
            History(np.zeros(12, np.int64), near, value, np.ones(12)), value.sum()[None], (1 - value).sum()[None]
        )
        weight = kernel(near)
        guesses = np.array(
            [found.mean[0], posterior_mean(value.sum(), 12 - value.sum()), weight @ value / weight.sum()]
        )
        errors.append((guesses - 0.5 - 0.35 * np.cos(here - phase)) ** 2)
    ours, overall, bare = np.mean(errors, axis=0)
    assert ours < 0.9 * overall
    assert ours < 0.9 * bare


def test_reuse_is_seen_beside_what_is_usual_then_beside_what_is_usual_for_the_case():
    rows = [(0, 0.2, 0.0, 1.0)] * 3 + [(0, 1.0, 1.0, 1.0), (1, 0.2, 1.0, 0.5)]
    overall, here = outcomes_of_reuse(history(*rows), 3, bandwidth=0.03, strength=2, shrinkage=4)
    usual = (1 + 1.5) / (2 + 4.5)
    mean = np.array([(4 * usual + 1) / 8, (4 * usual + 0.5) / 4.5, usual])
    near = np.array([(2 * mean[0] + 1) / 3, mean[1], mean[2]])
    assert overall == pytest.approx(logit(mean) - logit(usual), abs=1e-9)
    assert here == pytest.approx(logit(near) - logit(mean), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(-1, 1), st.floats(0, 1), st.floats(0, 50)), max_size=20))
def test_a_case_that_was_never_shown_is_neither_better_nor_worse(rows):
    overall, here = outcomes_of_reuse(history(*rows), 4)
    assert np.isfinite([overall, here]).all()
    assert overall[3] == pytest.approx(0, abs=1e-9)
    assert here[3] == pytest.approx(0, abs=1e-9)


def test_settings_and_values_outside_their_range_are_named():
    with pytest.raises(InputError, match="bandwidth"):
        kernel(np.ones(1), bandwidth=0)
    with pytest.raises(InputError, match="strength"):
        episodic(history(), np.zeros(1), np.zeros(1), strength=0)
    with pytest.raises(InputError, match="value"):
        episodic(history((0, 1.0, 1.5, 1.0)), np.zeros(1), np.zeros(1))
    with pytest.raises(InputError, match="value"):
        outcomes_of_reuse(history((0, 1.0, -0.5, 1.0)), 1)
