"""What reading a document takes and gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from memento_toolhub.servers.kit.call_error import CallError

MOST_BYTES = 200_000_000
"""Of a file that is parsed as a whole, and of a member taken out of an archive."""


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to be read as a document.

    Attributes:
        stream: seekable, and left open.
        name: of the file, its extension included; what a person called it.
        size: in bytes.
    """

    stream: BinaryIO
    name: str
    size: int

    def head(self, length: int) -> bytes:
        """The first bytes."""
        self.stream.seek(0)
        return self.stream.read(length)

    def whole(self) -> BinaryIO:
        """The stream, from its beginning."""
        self.stream.seek(0)
        return self.stream


@dataclass(frozen=True, slots=True)
class Entry:
    """A file inside an archive or an e-mail.

    Attributes:
        name: as the archive writes it; data, never used as a path on disk.
        size: in bytes, as declared; -1 where it is not.
        link: what it points to, for a link.
    """

    name: str
    size: int
    link: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What was read.

    Attributes:
        text: Markdown.
        format: for a person, such as "PDF".
        title: as the document itself says.
        page_unit: what a page is here; "" for what has none.
        pages_total: how many there are.
        pages_read: which of them the text is made of, such as "1-3,7".
        notes: what the reader should know about how it was read.
        entries: the files inside.
    """

    text: str
    format: str = ""
    media_type: str = ""
    title: str = ""
    page_unit: str = ""
    pages_total: int = 0
    pages_read: str = ""
    notes: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()


class UnreadableError(Exception):
    """Why a file cannot be read, and what to do; the tool puts before it which of its parameters named the file."""


@contextmanager
def blamed_on(parameter: str) -> Iterator[None]:
    """An unreadable file as the error of a tool."""
    try:
        yield
    except UnreadableError as error:
        raise CallError(f"{parameter}: {error}") from error
