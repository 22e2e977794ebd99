"""The host's pipes for the SDK's stdio transport, without three turns of a worker thread for each call.

Those turns were a fifth of what a relayed call took more than a direct one.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio

_CHUNK = 65_536
_ATOMIC = 4_096  # a pipe that is writable takes this much without blocking (PIPE_BUF)


class Lines:
    """The lines of a pipe or socket, as text."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    async def __aiter__(self) -> AsyncIterator[str]:
        pieces: list[bytes] = []
        while True:
            await anyio.wait_readable(self._descriptor)
            data = os.read(self._descriptor, _CHUNK)
            *lines, rest = data.split(b"\n")
            for line in lines:
                yield b"".join((*pieces, line)).decode("utf-8", "replace")
                pieces.clear()
            if rest:
                pieces.append(rest)
            if not data:
                if pieces:
                    yield b"".join(pieces).decode("utf-8", "replace")
                return


class Writer:
    """Writes text to a pipe or socket; waits, without holding up anything else, while the host does not read."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
        self._socket = socket.socket(fileno=os.dup(descriptor)) if is_socket else None
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    async def write(self, text: str) -> None:
        """Write all of a text."""
        data = memoryview(text.encode("utf-8"))
        while data:
            if not self._poll.poll(0):
                await anyio.wait_writable(self._descriptor)
            if self._socket is None:
                data = data[os.write(self._descriptor, data[:_ATOMIC]) :]
                continue
            try:
                data = data[self._socket.send(data, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                await anyio.wait_writable(self._descriptor)

    async def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def host_pipes() -> Iterator[tuple[Any, ...]]:
    """Reader and writer for `stdio_server`, with prints and children kept off the wire as it does.

    Nothing where standard input or output is neither a pipe nor a socket, and on Windows: the SDK then uses its own.
    """
    if sys.platform == "win32" or not all(_waitable(number) for number in (0, 1)):
        yield ()
        return
    given, taken = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    try:
        yield Lines(given), Writer(taken)
    finally:
        os.dup2(given, 0)
        os.dup2(taken, 1)


def _waitable(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
