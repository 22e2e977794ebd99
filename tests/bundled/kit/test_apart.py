"""Work in a process of its own: bounded, stopped with its caller, and no harm to the next."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import psutil
import pytest
from mcp.server.mcpserver.exceptions import ToolError

from memento_toolhub.servers.kit.apart import Bounds, run_apart


def apart(function: Callable[..., Any], *args: object, **bounds: Any) -> Any:
    """What work of its own comes to, twice in one server: the second time after whatever became of the first."""

    async def go() -> Any:
        try:
            return await run_apart(function, *args, bounds=Bounds(**bounds))
        finally:
            assert await run_apart(abs, -1) == 1

    return anyio.run(go)


def test_a_result_and_an_error_come_back_as_they_were() -> None:
    assert apart(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        apart(divmod, 7, 0)


def test_it_runs_in_another_process_which_is_used_again() -> None:
    async def go() -> tuple[int, int]:
        return await run_apart(os.getpid), await run_apart(os.getpid)

    first, second = anyio.run(go)
    assert first == second != os.getpid()


def test_work_that_takes_too_long_is_stopped_and_said() -> None:
    with pytest.raises(ToolError, match=r"longer than 0\.2 s"):
        apart(time.sleep, 600, seconds=0.2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="address space is bounded on Linux only")
def test_work_that_needs_too_much_memory_is_stopped_and_said() -> None:
    with pytest.raises(ToolError, match="1024 MB of memory"):
        apart(bytearray, 2 << 30, memory_mb=1024)


def test_a_process_that_breaks_is_an_error_of_that_work_alone() -> None:
    with pytest.raises(ToolError, match="broke"):
        apart(os.abort)


def test_nothing_is_left_of_cancelled_work() -> None:
    async def go() -> psutil.Process:
        (child,) = {await run_apart(os.getpid)}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(run_apart, time.sleep, 600))
            await anyio.sleep(0.1)
            tasks.cancel_scope.cancel()
        return psutil.Process(child) if psutil.pid_exists(child) else psutil.Process()

    left = anyio.run(go)
    assert left.pid == os.getpid() or left.status() == psutil.STATUS_ZOMBIE
