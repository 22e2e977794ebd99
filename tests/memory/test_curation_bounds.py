"""The bound: what goes first, what stays whatever happens, and that it holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.curation.bounds import Bounds, evict
from memento_memory.curation.usefulness import Holding, coverage, demand, value


def held(n: int, **changed: object) -> Holding:
    """Cases that are all alike but for what is said."""
    made: dict[str, object] = {
        "successes": np.ones(n),
        "failures": np.zeros(n),
        "warns": np.zeros(n, np.bool_),
        "demand": np.ones(n),
        "pinned": np.zeros(n, np.bool_),
        "size": np.full(n, 100),
    }
    return Holding(**{name: np.asarray(column) for name, column in (made | changed).items()})  # type: ignore[arg-type]


def near(vectors):
    """Neighbours by cosine, of vectors of shape (n, d)."""
    unit = np.asarray(vectors, np.float32)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)

    def of(rows, k):
        cosine = unit[rows] @ unit.T
        cosine[np.arange(len(rows)), rows] = -2
        others = np.argsort(-cosine, axis=1)[:, :k]
        return others, np.take_along_axis(cosine, others, 1)

    return of


def rows(evictions):
    return [eviction.row for eviction in evictions]


ALIKE = near([[*np.full(4, 2.0) + np.eye(4)[i]] for i in range(4)])
APART = near(np.eye(4))


def test_nothing_goes_while_the_bounds_hold():
    assert evict(held(4), ALIKE, Bounds(4, 400)) == []
    assert evict(held(4), ALIKE, Bounds()) == []


def test_the_least_valuable_goes_first():
    assert rows(evict(held(4, successes=[3, 2, 0.1, 4]), ALIKE, Bounds(3))) == [2]


def test_what_is_not_asked_for_goes_first():
    assert rows(evict(held(4, demand=[1, 0.1, 3, 2]), ALIKE, Bounds(2))) == [1, 0]


def test_bytes_are_a_bound_of_their_own():
    gone = evict(held(4, demand=[1, 0.1, 3, 2], size=[100, 100, 100, 700]), ALIKE, Bounds(size=850))
    assert rows(gone) == [1, 0]


def test_of_two_twins_one_goes_and_the_other_has_a_region_of_its_own_then():
    twins = near([[1, 0, 0], [1, 0.01, 0], [0.7, 0.7, 0], [0.7, 0, 0.7]])
    gone = evict(held(4, demand=[1, 1.1, 0.5, 0.5]), twins, Bounds(3))
    assert rows(gone) == [0]
    assert rows(evict(held(4, demand=[1, 1.1, 0.5, 0.5]), twins, Bounds(2))) != [0, 1]


def test_the_last_success_of_a_region_goes_after_all_others():
    lonely = near([[0, 1], [1, 0], [1, 0.1], [1, 0.2]])
    gone = evict(held(4, demand=[0.001, 5, 5, 5]), lonely, Bounds(1))
    assert rows(gone)[-1] in (0, 1, 2, 3)
    assert 0 not in rows(gone)[:2]
    assert [eviction.last for eviction in gone] == [False, False, True]


def test_a_bound_holds_even_where_every_case_is_the_last_of_its_region():
    gone = evict(held(4, demand=[4, 3, 2, 1]), APART, Bounds(1))
    assert rows(gone) == [3, 2, 1]
    assert all(eviction.last for eviction in gone)


def test_a_pinned_case_stays_even_if_the_bound_does_not_hold():
    assert rows(evict(held(4, pinned=[True, True, False, True]), ALIKE, Bounds(1))) == [2]


def test_a_warning_that_is_shown_outlives_a_success_that_nobody_asks_for():
    warns = [False, True, True, False]
    asked = demand(np.array([50.0, 0, 0, 60]), np.arange(4), np.array([False, True, False, False]), np.array(warns), 10)
    holding = held(4, warns=warns, successes=[1, 0, 0, 1], failures=[0, 1, 1, 0], demand=asked)
    assert 1 not in rows(evict(holding, near([[1, 0.1], [1, 0.6], [1, 0.61], [1, 0.3]]), Bounds(1)))


def test_a_warning_beside_a_success_of_the_very_task_goes_before_one_without():
    states = near([[1, 0, 0], [1, 0.01, 0], [0.8, 0.6, 0], [0.8, 0.6, 0.3]])
    holding = held(4, warns=[False, True, True, True], successes=[1, 0, 0, 0], failures=[0, 1, 1, 1])
    assert rows(evict(holding, states, Bounds(3))) == [1]


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 1000))
def test_the_bound_holds_as_far_as_pins_allow_and_never_takes_more_than_it_must(n, bound, seed):
    rng = np.random.default_rng(seed)
    pinned = rng.random(n) < 0.2
    holding = held(
        n,
        successes=rng.random(n) * 3,
        failures=rng.random(n) * 3,
        warns=rng.random(n) < 0.4,
        demand=rng.random(n) + 0.01,
        pinned=pinned,
    )
    gone = rows(evict(holding, near(rng.normal(size=(n, 3))), Bounds(bound)))
    assert len(gone) == len(set(gone)) == min(max(n - bound, 0), n - pinned.sum())
    assert not pinned[gone].any()


@given(st.floats(0, 50), st.floats(0, 50), st.floats(0.1, 5))
def test_value_grows_with_success_and_that_of_a_warning_with_failure(successes, failures, more):
    example = held(2, successes=[successes, successes + more], failures=[failures] * 2)
    warning = held(2, successes=[successes] * 2, failures=[failures, failures + more], warns=[True, True])
    for holding in (example, warning):
        less, greater = value(holding)
        assert 0 < less < greater < 1


def test_a_use_counts_half_for_every_half_life_and_a_warning_little_until_it_is_shown():
    ages, owners = np.array([0.0, 10, 20, 0, 0]), np.array([0, 0, 1, 2, 3])
    showing, warns = np.array([True, True, True, False, True]), np.array([False, False, True, True])
    assert demand(ages, owners, showing, warns, 10) == pytest.approx([1.5, 0.25, 0.1, 1.0])


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_the_nearer_the_neighbour_the_less_a_case_covers_alone(one, other):
    alone = coverage(np.array(sorted([one, other])), np.array([False, False]))
    assert 0 < alone[1] <= alone[0] <= 1
