"""One run in the sandbox, from its start until nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import ByteReceiveStream, Process

from memento_toolhub.servers.code.capture import Capture
from memento_toolhub.servers.code.sandbox import Sandbox, first_process
from memento_toolhub.servers.code.watch import Watch
from memento_toolhub.servers.kit.call_error import CallError

EXITED = "exited"
TIMED_OUT = "timed out"
_PROGRESS_SECONDS = 1.0

Report = Callable[[float, int], Awaitable[None]]
"""Is told the seconds and the bytes of output so far."""


@dataclass(slots=True)
class Run:
    """What became of a run.

    Attributes:
        ended: exited, timed out, or killed: and what it took too much of.
        exit_code: of the code or command; None where it did not come to its end.
        seconds: of wall time.
    """

    stdout: Capture = field(default_factory=Capture)
    stderr: Capture = field(default_factory=Capture)
    ended: str = EXITED
    exit_code: int | None = None
    seconds: float = 0.0

    @property
    def output(self) -> int:
        """Bytes written so far."""
        return self.stdout.total + self.stderr.total


async def run(sandbox: Sandbox, kind: str, text: str, workspace: Path, seconds: float, report: Report) -> Run:
    """Run some code or a command; whatever happens, nothing of it runs on afterwards.

    Raises:
        CallError: if the sandbox cannot be started.
    """
    done = Run()
    began = time.monotonic()
    # Until its first process is known, there is nothing to be stopped by.
    with anyio.CancelScope(shield=True):
        process, first, watch = await _start(sandbox, kind, text, workspace, seconds)
    try:
        with anyio.move_on_after(seconds) as limit:
            await _follow(done, process, watch, sandbox, report)
        if limit.cancelled_caught and done.ended == EXITED:
            done.ended = TIMED_OUT
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process, first)
            watch.close()
            done.seconds = time.monotonic() - began
    if done.ended == EXITED:
        done.exit_code = process.returncode
        errors = done.stderr.text()
        if done.exit_code == 1 and not done.stdout.total and errors.startswith("bwrap: "):
            raise CallError(f"the sandbox could not be started ({errors.strip()[:500]}); see memento doctor")
    return done


async def _start(
    sandbox: Sandbox, kind: str, text: str, workspace: Path, seconds: float
) -> tuple[Process, int | None, Watch]:
    with sandbox.prepared(kind, text, workspace, seconds) as started:
        process = await anyio.open_process(
            started.command, stdin=subprocess.DEVNULL, env={}, cwd="/", pass_fds=started.descriptors
        )
    first = 0
    try:
        first = await anyio.to_thread.run_sync(first_process, started.told)
        return (
            process,
            _handle(first, process.pid),
            await anyio.to_thread.run_sync(Watch, first, workspace, sandbox.limits),
        )
    except BaseException:
        await _end(process, _handle(first, process.pid))
        raise


def _handle(first: int, parent: int) -> int | None:
    """A hold on the first process that no other one can take over; None where it has ended."""
    try:
        handle = os.pidfd_open(first)
        with open(f"/proc/{first}/stat", "rb") as file:
            if int(file.read().rpartition(b")")[2].split()[1]) == parent:
                return handle
        os.close(handle)
    except (OSError, ValueError):
        pass
    return None


async def _follow(done: Run, process: Process, watch: Watch, sandbox: Sandbox, report: Report) -> None:
    """Take its output and look at what it takes, until it ends or takes too much."""
    began = time.monotonic()
    own = anyio.CapacityLimiter(1)
    async with anyio.create_task_group() as tasks:

        def stop(what: str) -> None:
            done.ended = f"killed: {what}"
            tasks.cancel_scope.cancel()

        async def take(stream: ByteReceiveStream, capture: Capture) -> None:
            async for data in stream:
                capture.add(data)
                if done.output > sandbox.limits.output:
                    stop("output")
                    return

        async def look() -> None:
            while True:
                await anyio.sleep(sandbox.limits.seconds_between_looks)
                if excess := await anyio.to_thread.run_sync(watch.excess, limiter=own):
                    stop(excess)
                    return

        async def tell() -> None:  # on its own: nobody may be listening
            while True:
                await anyio.sleep(_PROGRESS_SECONDS)
                await report(time.monotonic() - began, done.output)

        assert process.stdout is not None
        assert process.stderr is not None
        tasks.start_soon(take, process.stdout, done.stdout)
        tasks.start_soon(take, process.stderr, done.stderr)
        async with anyio.create_task_group() as looking:
            looking.start_soon(look)
            looking.start_soon(tell)
            await process.wait()
            looking.cancel_scope.cancel()


async def _end(process: Process, first: int | None) -> None:
    """Kill the first process, with which the kernel ends all others of the sandbox, and wait until they are gone."""
    with suppress(ProcessLookupError):
        if first is not None:
            signal.pidfd_send_signal(first, signal.SIGKILL)
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    if first is not None:
        await anyio.wait_readable(first)
        os.close(first)
    await process.aclose()
