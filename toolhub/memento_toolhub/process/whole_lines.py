"""Reading a child's long lines in time that grows with their length and not with its square."""

from __future__ import annotations

from functools import cache
from typing import Any

import anyio
from mcp.client import stdio

_LONGEST_LINE = 256 * 1024 * 1024


@cache
def read_whole_lines() -> None:
    """Have the SDK read children line by line.

    It joins all it has with every 64 KiB that come, which for a line of 50 MB takes the event loop half a minute.
    """
    start = stdio._create_platform_compatible_process

    async def started(*args: Any, **kwargs: Any) -> Any:
        process: Any = await start(*args, **kwargs)
        process._stdout = _WholeLines(process.stdout)
        return process

    stdio._create_platform_compatible_process = started


class _WholeLines:
    """A byte stream whose pieces end after a line; the rest of the interface is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while not pieces or b"\n" not in pieces[-1]:
            try:
                pieces.append(await self._stream.receive(max_bytes))
            except anyio.EndOfStream:
                if not pieces:
                    raise
                break
            size += len(pieces[-1])
            if size > _LONGEST_LINE:
                raise anyio.BrokenResourceError
        return b"".join(pieces)
