"""The circuit breaker: when it opens, for how long, and what closes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_toolhub.breaker import Breaker, State


class Clock:
    """A clock that goes on only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def broken(times: int) -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(times):
        clock.now += breaker.wait_s
        breaker.failed()
    return breaker, clock


def test_two_failures_in_a_row_leave_it_closed_and_the_third_opens_it() -> None:
    assert [broken(times)[0].state for times in range(4)] == [State.CLOSED] * 3 + [State.OPEN]


def test_after_its_wait_one_attempt_decides() -> None:
    breaker, clock = broken(3)
    assert breaker.wait_s == 1.0
    clock.now += 0.75
    assert (breaker.state, breaker.wait_s) == (State.OPEN, 0.25)
    clock.now += 0.25
    assert (breaker.state, breaker.wait_s) == (State.HALF_OPEN, 0.0)
    breaker.failed()
    assert (breaker.state, breaker.wait_s) == (State.OPEN, 2.0)


@pytest.mark.parametrize("halfway", [False, True], ids=["open", "half-open"])
def test_an_answer_closes_it_and_forgets_how_often_it_failed(halfway: bool) -> None:
    breaker, clock = broken(7)
    if halfway:
        clock.now += breaker.wait_s
    breaker.worked()
    assert (breaker.state, breaker.wait_s) == (State.CLOSED, 0.0)
    breaker.failed()
    breaker.failed()
    assert breaker.state is State.CLOSED
    breaker.failed()
    assert breaker.wait_s == 1.0


def test_each_wait_is_twice_the_one_before_up_to_a_minute() -> None:
    waits = [broken(times)[0].wait_s for times in range(3, 14)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0, 60.0]


def test_failures_while_it_is_open_do_not_make_the_wait_longer() -> None:
    breaker, _ = broken(3)
    breaker.failed()
    breaker.failed()
    assert breaker.wait_s == 1.0


def test_a_connection_closes_it_on_trial_and_the_next_failure_opens_it_for_longer() -> None:
    breaker, clock = broken(3)
    clock.now += breaker.wait_s
    breaker.connected()
    assert (breaker.state, breaker.wait_s) == (State.CLOSED, 0.0)
    breaker.failed()
    assert (breaker.state, breaker.wait_s) == (State.OPEN, 2.0)
    breaker.worked()
    breaker.connected()
    breaker.failed()
    assert breaker.state is State.CLOSED


@given(st.lists(st.sampled_from(["failed", "worked"]) | st.floats(0, 100), max_size=60))
def test_whatever_happens_it_is_open_exactly_while_there_is_something_to_wait_for(events: list[str | float]) -> None:
    breaker, clock = broken(0)
    in_a_row = 0
    for event in events:
        if isinstance(event, float):
            clock.now += event
        else:
            getattr(breaker, event)()
            in_a_row = in_a_row + 1 if event == "failed" else 0
        assert 0.0 <= breaker.wait_s <= 60.0
        assert (breaker.state is State.OPEN) == (breaker.wait_s > 0)
        assert (breaker.state is State.CLOSED) == (in_a_row < 3)
