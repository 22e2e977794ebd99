"""How often a host is asked, on a clock that goes on only when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import anyio
import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers, lists, text

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.web.pace import Pace, retry_after

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Clock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pace(self, interval: float = 1.0) -> Pace:
        return Pace(interval, clock=self, sleep=self.sleep)


@given(lists(floats(0, 20), min_size=2, max_size=8))
def test_requests_to_one_host_are_an_interval_apart(delays: list[float]) -> None:
    clock = Clock()
    pace = clock.pace(2.0)
    times = []
    for delay in delays:
        anyio.run(pace.turn, "a.example", delay)
        times.append(clock())
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps == pytest.approx([max(2.0, min(delay, 10.0)) for delay in delays[:-1]])


def test_hosts_do_not_wait_for_each_other() -> None:
    clock = Clock()
    pace = clock.pace()
    for host in ("a.example", "b.example", "c.example"):
        anyio.run(pace.turn, host)
    assert clock() == 100.0


def test_calls_at_the_same_time_each_get_a_turn_of_their_own() -> None:
    times = []

    async def work() -> None:
        pace = Pace(0.01)
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(one, pace)

    async def one(pace: Pace) -> None:
        await pace.turn("a.example")
        times.append(anyio.current_time())

    anyio.run(work)
    assert times == sorted(times)
    assert len(set(times)) == 3


def test_a_host_that_asks_for_a_pause_gets_it() -> None:
    clock = Clock()
    pace = clock.pace()
    pace.hold("a.example", 7)
    anyio.run(pace.turn, "a.example")
    assert clock() == 107.0


def test_a_pause_that_is_too_long_is_an_error_that_says_how_long() -> None:
    pace = Clock().pace()
    pace.hold("a.example", 600)
    with pytest.raises(CallError, match=r"a\.example wants to be asked again in 600 s"):
        anyio.run(pace.turn, "a.example")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 30, 86_400.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(days=9), usegmt=True), 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
    ],
)
def test_a_wait_may_be_written_in_seconds_or_as_a_date(written: str, seconds: float | None) -> None:
    assert retry_after(written, NOW) == seconds


@given(text(max_size=40) | integers().map(str))
def test_whatever_a_server_writes_is_a_wait_of_at_most_a_day_or_none(written: str) -> None:
    seconds = retry_after(written, NOW)
    assert seconds is None or 0 <= seconds <= 86_400
