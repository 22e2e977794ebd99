"""Work on data nobody vouches for, in a process that can be stopped at any moment."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import TypeVar, cast

import anyio
import anyio.to_process

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.worker import Bounds, work

__all__ = ["Bounds", "run_apart"]

T = TypeVar("T")
_USUAL = Bounds()


async def run_apart(function: Callable[..., T], *args: object, bounds: Bounds = _USUAL) -> T:
    """What a function of a module returns, computed in a process of its own that dies with the call.

    Arguments, result and errors are pickled. Being cancelled kills the process, whatever it is doing.

    Raises:
        CallError: if a bound is passed, the process breaks, or the function raises what no other process can know; and
            any other Exception that the function raises. The cause is a TimeoutError where it took too long.
    """
    request = pickle.dumps((function, args), pickle.HIGHEST_PROTOCOL)
    try:
        async with anyio.to_process.current_default_process_limiter():
            with anyio.move_on_after(bounds.seconds):
                alone = anyio.CapacityLimiter(1)  # waiting for a turn is over, and took none of the seconds
                with anyio.CancelScope(shield=True):  # cancelled while it starts, a process would be left behind
                    await anyio.to_process.run_sync(abs, 0, limiter=alone)
                done = await anyio.to_process.run_sync(
                    work, bounds, os.getpid(), request, cancellable=True, limiter=alone
                )
                return cast(T, done)
    except MemoryError as error:
        raise CallError(
            f"it needs more than the {bounds.memory_mb} MB of memory it may have; ask for less at a time"
        ) from error
    except anyio.BrokenWorkerProcess as error:
        raise CallError(
            f"the process that worked on it broke; it may need more than the {bounds.memory_mb} MB of memory it may "
            "have, or the data is damaged or made to do harm"
        ) from error
    raise CallError(
        f"it took longer than {bounds.seconds:g} s and was stopped; ask for less at a time"
    ) from TimeoutError()
