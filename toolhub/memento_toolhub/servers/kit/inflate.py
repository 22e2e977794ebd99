"""Bodies decompressed a piece at a time, so that whoever counts can stop before they are large."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_PIECE = 65_536
_GZIP_START = b"\x1f\x8b"


class Inflate:
    """Undoes a Content-Encoding of gzip or deflate.

    Raises:
        ValueError: on being made, if the encoding is another one.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower().removeprefix("x-")
        if self._encoding not in ("", "identity", "gzip", "deflate"):
            raise ValueError(f"the encoding {encoding[:40]!r} was not asked for")
        self._stream: zlib._Decompress | None = None
        self._ended = 0

    def pieces(self, part: bytes) -> Iterator[bytes]:
        """What a part of the body holds, in pieces of at most 64 KiB.

        Raises:
            zlib.error: if the body is damaged.
        """
        if self._encoding in ("", "identity"):
            yield part
            return
        while part:
            if self._stream is None:
                if self._ended and not self._begins_again(part):
                    return
                self._stream = zlib.decompressobj(31 if self._encoding == "gzip" else _deflate_window(part))
            stream, piece = self._stream, b""
            while not piece or len(piece) == _PIECE:
                piece = stream.decompress(part, _PIECE)
                part = stream.unconsumed_tail
                if not piece:
                    break
                yield piece
            if stream.eof:
                part, self._stream = stream.unused_data, None
                self._ended += 1

    def end(self) -> None:
        """Say that the body is over.

        Raises:
            zlib.error: if it is cut off.
        """
        if self._stream is not None:
            raise zlib.error("it is cut off")

    def _begins_again(self, part: bytes) -> bool:
        """Whether another member follows a compressed one; other bytes after it mean nothing."""
        return self._encoding == "gzip" and part.startswith(_GZIP_START[: len(part)])


def _deflate_window(start: bytes) -> int:
    """With the header the standard asks for, or without it, as some servers send it."""
    has_header = len(start) > 1 and start[0] & 15 == 8 and int.from_bytes(start[:2]) % 31 == 0
    return 15 if has_header else -15
