"""One event loop for the tests of the bundled servers: it keeps the processes that work apart between tests."""

from __future__ import annotations

import atexit
from collections.abc import Awaitable, Callable
from functools import cache, partial, wraps
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

T = TypeVar("T")


@cache
def portal() -> BlockingPortal:
    """The way into the loop, which ends with the tests."""
    opened = start_blocking_portal()
    entered = opened.__enter__()
    atexit.register(opened.__exit__, None, None, None)
    return entered


def run(work: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """What a coroutine function returns, awaited in the loop."""
    return portal().call(work, *arguments)


def in_the_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test that pytest can run, of one that awaits."""

    @wraps(test)
    def awaited(**arguments: Any) -> None:
        run(partial(test, **arguments))

    return awaited
