"""The two limits of a call, on a clock that goes on only when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel

from memento_toolhub.wire.deadline import Deadline


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


async def passes(seconds: float) -> None:
    """Let time pass, and everything that is due happen."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    loop.ahead += seconds
    for _ in range(5):
        await anyio.lowlevel.checkpoint()


def lived(deadline: Deadline, *work: Callable[[], Awaitable[None] | None]) -> int:
    """How many pieces of work were done under the limits."""
    done = 0

    async def run() -> None:
        nonlocal done
        with deadline.limit():
            for piece in work:
                waiting = piece()
                if waiting is not None:
                    await waiting
                done += 1

    anyio.run(run, backend_options={"loop_factory": Loop})
    return done


def after(seconds: float) -> Callable[[], Awaitable[None]]:
    return lambda: passes(seconds)


def test_a_call_that_says_nothing_ends_at_the_idle_limit() -> None:
    deadline = Deadline(idle=100, longest=1000)
    assert lived(deadline, after(60), after(60), after(60)) == 1
    assert not deadline.over


def test_every_sign_of_life_starts_the_idle_limit_anew() -> None:
    deadline = Deadline(idle=100, longest=1000)
    assert lived(deadline, after(60), deadline.alive, after(60), deadline.alive, after(60)) == 5
    assert not deadline.over


def test_no_sign_of_life_pushes_the_absolute_limit_back() -> None:
    deadline = Deadline(idle=100, longest=150)
    assert lived(deadline, after(60), deadline.alive, after(60), deadline.alive, after(60)) == 4
    assert deadline.over


def test_an_idle_limit_longer_than_the_absolute_one_counts_as_that() -> None:
    deadline = Deadline(idle=1000, longest=100)
    assert lived(deadline, after(160)) == 0
    assert deadline.over


def test_while_the_host_is_asked_silence_does_not_count() -> None:
    deadline = Deadline(idle=100, longest=1000)

    async def ask() -> None:
        with deadline.held():
            deadline.alive()
            await passes(500)

    assert lived(deadline, after(60), ask, after(60)) == 3
    assert lived(deadline, ask, after(160)) == 1
    assert not deadline.over


def test_while_the_host_is_asked_the_absolute_limit_counts() -> None:
    deadline = Deadline(idle=100, longest=1000)

    async def ask() -> None:
        with deadline.held():
            await passes(1060)

    assert lived(deadline, ask) == 0
    assert deadline.over


def test_of_two_questions_at_once_the_last_to_be_answered_starts_the_clock() -> None:
    deadline = Deadline(idle=100, longest=1000)

    async def ask_twice() -> None:
        with deadline.held():
            with deadline.held():
                await passes(160)
            await passes(160)

    assert lived(deadline, ask_twice, after(60), after(60)) == 2


def test_a_sign_of_life_before_or_after_the_call_is_no_mistake() -> None:
    deadline = Deadline(idle=100, longest=1000)
    deadline.alive()
    assert lived(deadline) == 0

    async def late() -> None:
        deadline.alive()

    anyio.run(late)
    assert not deadline.over
