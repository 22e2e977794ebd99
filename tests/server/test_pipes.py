"""The host's pipes: stray output stays off the wire, and a host that does not read holds up nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import anyio
import anyio.from_thread
import pytest

from memento_server.pipes import Lines, Writer

posix = pytest.mark.skipif(sys.platform == "win32", reason="the SDK's own transport is used there")

_NOISY = """
import subprocess, sys
from memento_server.pipes import host_pipes
with host_pipes() as (lines, writer):
    print("stray", flush=True)
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    import anyio
    anyio.run(writer.write, "the wire\\n")
"""


@posix
def test_what_is_printed_goes_to_stderr_and_only_messages_to_the_host() -> None:
    done = subprocess.run([sys.executable, "-c", _NOISY], input="", capture_output=True, text=True, timeout=60)
    assert done.stdout == "the wire\n"
    assert "stray" in done.stderr
    assert "from a child" in done.stderr


@posix
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_host_that_does_not_read_holds_up_only_what_is_written_to_it(kind: str) -> None:
    if kind == "pipe":
        reading, writing = os.pipe()
    else:
        reading, writing = (end.detach() for end in socket.socketpair())
    text = "".join(f"line {number}\n" for number in range(100_000))
    got: list[str] = []

    async def read() -> None:
        got.extend([line async for line in Lines(reading)])

    async def work() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            await anyio.wait_all_tasks_blocked()  # would never come back while a write held up the event loop
            tasks.start_soon(read)

    async def write() -> None:
        await Writer(writing).write(text)
        os.close(writing)

    with anyio.from_thread.start_blocking_portal() as portal:
        finished = portal.start_task_soon(work)
        try:
            finished.result(timeout=30)
        except TimeoutError:
            os.close(reading)  # ends a write that holds up the event loop
            raise
    assert "\n".join(got) + "\n" == text
