"""What a run writes, of which the beginning and the end are kept."""

from __future__ import annotations

from collections import deque

_KEPT = 512 << 10


class Capture:
    """The first and the last part of a stream of bytes.

    Attributes:
        total: bytes that came.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._in_tail = 0
        self.total = 0

    def add(self, data: bytes) -> None:
        """Take what came next."""
        self.total += len(data)
        room = self._kept - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail.append(data)
            self._in_tail += len(data)
            while self._in_tail - len(self._tail[0]) >= self._kept:
                self._in_tail -= len(self._tail.popleft())

    def text(self) -> str:
        """Both parts; bytes that are no UTF-8 are replaced, and what is missing is said."""
        end = b"".join(self._tail)[-self._kept :]
        missing = self.total - len(self._head) - len(end)
        gap = f"\n[{missing} bytes left out]\n".encode() if missing else b""
        return (bytes(self._head) + gap + end).decode(errors="replace")
