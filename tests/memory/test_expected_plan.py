"""The expectation of a plan: it learns a linear law, and one case more or less equals fitting all again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_memory.errors import BankError, InputError
from memento_memory.selection.expected_plan import ExpectedPlan

D = 6
PARTS = ("task_mean", "plan_mean", "inverse", "weights")


def units(rng: np.random.Generator, n: int) -> np.ndarray:
    drawn = rng.standard_normal((n, D))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def same(one: ExpectedPlan, other: ExpectedPlan) -> bool:
    return one.count == other.count and all(
        np.allclose(getattr(one, part), getattr(other, part), atol=1e-6) for part in PARTS
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(0, 30))
def test_adding_one_by_one_equals_fitting_all_at_once(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    tasks, plans = units(rng, n), units(rng, n)
    grown = ExpectedPlan.empty(D)
    for task, plan in zip(tasks, plans, strict=True):
        grown = grown.added(task, plan)
    assert same(grown, ExpectedPlan.fit(tasks, plans))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 20), gone=st.integers(1, 20))
def test_removing_equals_never_having_added(seed: int, n: int, gone: int) -> None:
    rng = np.random.default_rng(seed)
    tasks, plans = units(rng, n + gone), units(rng, n + gone)
    left = ExpectedPlan.fit(tasks, plans)
    for task, plan in zip(tasks[n:], plans[n:], strict=True):
        left = left.removed(task, plan)
    assert same(left, ExpectedPlan.fit(tasks[:n], plans[:n]))


def test_a_linear_law_between_tasks_and_plans_is_found() -> None:
    rng = np.random.default_rng(0)
    law, tasks = rng.standard_normal((D, D)), units(rng, 400)
    plans = (tasks @ law).astype(np.float32)
    new = units(rng, 1)[0]
    expected = ExpectedPlan.fit(tasks, plans, ridge=1e-6).predict(new)
    assert expected is not None
    assert np.allclose(expected.plan, new @ law, atol=1e-3)


def test_a_large_ridge_expects_the_usual_plan() -> None:
    rng = np.random.default_rng(1)
    expected = ExpectedPlan.fit(units(rng, 50), units(rng, 50), ridge=1e9).predict(units(rng, 1)[0])
    assert expected is not None
    assert np.allclose(expected.plan, expected.usual, atol=1e-6)
    assert expected.known < 1e-6


def test_a_task_is_better_known_the_more_of_its_kind_were_solved() -> None:
    rng = np.random.default_rng(2)
    one = np.eye(D, dtype=np.float32)[0]
    far = ExpectedPlan.fit(np.eye(D, dtype=np.float32)[1:], units(rng, D - 1))
    near = far.added(one, units(rng, 1)[0])
    before, after = far.predict(one), near.predict(one)
    assert before is not None
    assert after is not None
    assert 0 <= before.known < after.known <= 1


def test_nothing_is_expected_before_two_successes() -> None:
    rng = np.random.default_rng(3)
    tasks, plans = units(rng, 2), units(rng, 2)
    one = ExpectedPlan.empty(D).added(tasks[0], plans[0])
    assert ExpectedPlan.empty(D).predict(tasks[0]) is None
    assert one.predict(tasks[0]) is None
    assert one.added(tasks[1], plans[1]).predict(tasks[0]) is not None
    assert same(one.removed(tasks[0], plans[0]), ExpectedPlan.empty(D))


def test_it_is_never_changed_in_place() -> None:
    rng = np.random.default_rng(4)
    tasks, plans = units(rng, 5), units(rng, 5)
    first = ExpectedPlan.fit(tasks, plans)
    before = first.to_bytes()
    first.added(tasks[0], plans[1])
    first.removed(tasks[0], plans[0])
    assert first.to_bytes() == before


def test_it_survives_being_stored_in_single_precision() -> None:
    rng = np.random.default_rng(5)
    kept = ExpectedPlan.fit(units(rng, 20), units(rng, 20))
    read = ExpectedPlan.from_bytes(kept.to_bytes())
    assert same(kept, read)
    assert read.ridge == kept.ridge
    assert read.to_bytes() == ExpectedPlan.from_bytes(read.to_bytes()).to_bytes()


@pytest.mark.parametrize("data", [b"", b"XXXX" + bytes(40), ExpectedPlan.empty(D).to_bytes()[:-1]])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BankError, match="fit it again"):
        ExpectedPlan.from_bytes(data)


def test_a_case_that_was_never_in_it_cannot_be_taken_out() -> None:
    tasks = np.full((3, D), 0.1, np.float32)
    tasks[1:] *= [[1.001], [0.999]]
    with pytest.raises(InputError, match="never part"):
        ExpectedPlan.fit(tasks, tasks).removed(np.eye(D, dtype=np.float32)[0] * 9, tasks[0])


def test_shapes_and_ridge_are_checked() -> None:
    with pytest.raises(InputError, match="shape"):
        ExpectedPlan.fit(np.zeros((2, D), np.float32), np.zeros((3, D), np.float32))
    with pytest.raises(InputError, match="above 0"):
        ExpectedPlan.empty(D, ridge=0.0)
