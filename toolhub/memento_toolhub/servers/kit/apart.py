"""Work on data nobody vouches for, in a process that can be stopped at any moment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TypeVar

import anyio
import anyio.to_process
from mcp.server.mcpserver.exceptions import ToolError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one piece of work may take.

    Attributes:
        seconds: of wall time, from when it starts.
        memory_mb: of address space, beside what the process has from earlier work; Linux only.
    """

    seconds: float = 60.0
    memory_mb: int = 4096


async def run_apart(function: Callable[..., T], *args: object, bounds: Bounds = Bounds()) -> T:
    """What a function of a module returns, computed in a process of its own that dies with the call.

    Arguments, result and errors are pickled. Being cancelled kills the process, whatever it is doing.

    Raises:
        ToolError: if a bound is passed or the process breaks; and whatever the function raises.
    """
    try:
        async with anyio.to_process.current_default_process_limiter():
            with anyio.fail_after(bounds.seconds):
                alone = anyio.CapacityLimiter(1)  # waiting for a turn is over, and took none of the seconds
                return await anyio.to_process.run_sync(
                    _bounded, bounds, function, args, cancellable=True, limiter=alone
                )
    except TimeoutError as error:
        raise ToolError(f"it took longer than {bounds.seconds:g} s and was stopped; ask for less at a time") from error
    except MemoryError as error:
        raise ToolError(
            f"it needs more than the {bounds.memory_mb} MB of memory it may have; ask for less at a time"
        ) from error
    except anyio.BrokenWorkerProcess as error:
        raise ToolError("the process that worked on it broke; the data may be damaged or made to do harm") from error


def _bounded(bounds: Bounds, function: Callable[..., T], args: tuple[object, ...]) -> T:
    # There is none where the server's own has no file, and some extension modules break without.
    sys.modules.setdefault("__main__", ModuleType("__main__"))
    if sys.platform == "linux":
        import resource

        with open("/proc/self/statm", encoding="ascii") as sizes:
            taken = int(sizes.read().split()[0]) * resource.getpagesize()
        size = taken + (bounds.memory_mb << 20)
        resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))
        # The one who asked may be gone, so that nobody is left to stop it.
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime + bounds.seconds * 4) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    return function(*args)
