"""Work in a process of its own: bounded, stopped with its caller, and no harm to the next."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from bundled.kit.faults import fail, imported, time_out
from bundled.shared_loop import run
from memento_toolhub.servers.kit.apart import Bounds, run_apart
from memento_toolhub.servers.kit.call_error import CallError


def apart(function: Callable[..., Any], *args: object, **bounds: Any) -> Any:
    """What work of its own comes to, twice in one server: the second time after whatever became of the first."""

    async def go() -> Any:
        try:
            return await run_apart(function, *args, bounds=Bounds(**bounds))
        finally:
            assert await run_apart(abs, -1) == 1

    return run(go)


def test_a_result_and_an_error_come_back_as_they_were() -> None:
    assert apart(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        apart(divmod, 7, 0)


def test_it_runs_in_another_process_which_is_used_again() -> None:
    async def go() -> tuple[int, int]:
        return await run_apart(os.getpid), await run_apart(os.getpid)

    first, second = run(go)
    assert first == second != os.getpid()


def test_work_that_takes_too_long_is_stopped_and_said() -> None:
    with pytest.raises(CallError, match=r"longer than 0\.2 s") as raised:
        apart(time.sleep, 600, seconds=0.2)
    assert isinstance(raised.value.__cause__, TimeoutError)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="address space is bounded on Linux only")
def test_work_that_needs_too_much_memory_is_stopped_and_said() -> None:
    with pytest.raises(CallError, match="1024 MB of memory"):
        apart(bytearray, 2 << 30, memory_mb=1024)


def test_a_process_that_breaks_is_an_error_of_that_work_alone() -> None:
    with pytest.raises(CallError, match="broke"):
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


@pytest.mark.parametrize("how", ["unpicklable", "not unpicklable", "no exception", "exit"])
def test_an_error_that_cannot_come_back_is_told_in_words(how: str) -> None:
    with pytest.raises(CallError, match="a fault"):
        apart(fail, how)


def test_no_process_loads_the_sdk_not_even_to_refuse() -> None:
    async def go() -> set[str]:
        with pytest.raises(CallError, match=r"^a fault$"):
            await run_apart(fail, "told")
        return await run_apart(imported, "mcp")

    assert anyio.run(go) == set()


def test_a_time_limit_of_the_work_itself_is_not_taken_for_ours() -> None:
    with pytest.raises(TimeoutError, match="the engine is slow"):
        apart(time_out)


@pytest.mark.parametrize("stream", [1, 2])
def test_what_a_library_prints_is_neither_an_answer_nor_a_reason_to_wait(stream: int) -> None:
    assert apart(os.write, stream, bytes(3_000_000), seconds=20) == 3_000_000


def test_a_library_that_reads_standard_input_gets_none() -> None:
    assert apart(os.read, 0, 10, seconds=20) == b""


def test_libraries_find_in_the_process_that_they_may_start_no_threads() -> None:
    assert apart(os.getenv, "OMP_NUM_THREADS") == os.environ.get("OMP_NUM_THREADS", "1")


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.2])
def test_nothing_is_left_of_work_cancelled_while_its_process_starts(seconds: float) -> None:
    async def go() -> list[psutil.Process]:
        others = psutil.Process().children()
        with anyio.move_on_after(seconds):
            await run_apart(time.sleep, 600)
        again = await run_apart(os.getpid)
        started = [child for child in psutil.Process().children() if child not in others and child.pid != again]
        return [child for child in started if "to_process" in cmdline(child)]

    assert anyio.run(go) == []


def cmdline(process: psutil.Process) -> str:
    return " ".join(process.cmdline()) if process.status() != psutil.STATUS_ZOMBIE else ""


@pytest.mark.skipif(os.name != "posix", reason="a process without its parent gets another one on POSIX only")
def test_work_ends_with_a_server_that_was_killed(tmp_path: Path) -> None:
    written = tmp_path / "pid"
    code = (
        "import anyio, sys; from memento_toolhub.servers.kit.apart import run_apart; "
        "from bundled.kit.faults import wait; anyio.run(run_apart, wait, sys.argv[1])"
    )
    server = subprocess.Popen([sys.executable, "-c", code, str(written)], env={**os.environ, "PYTHONPATH": paths()})
    try:
        pid = int(until(lambda: written.read_text() if written.exists() else ""))
    finally:
        server.kill()
        server.wait()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def paths() -> str:
    return os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])


def until(seen: Callable[[], Any]) -> Any:
    """What is seen once there is something."""
    for _ in range(600):
        if found := seen():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")
