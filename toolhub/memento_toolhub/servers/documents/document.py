"""What reading a document takes and gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

MOST_BYTES = 200_000_000
"""Of a file that is parsed as a whole, and of a member taken out of an archive."""
MOST_TEXT = 2_000_000
"""Characters of one reading."""


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


Reader = Callable[[Source, str], Document]
"""Reads the pages asked for of one format."""


def gathered(unit: str, total: int, chosen: list[int], parts: Iterable[str], **more: str) -> Document:
    """Pages below one another, as many as may be read at a time."""
    texts: list[str] = []
    length = 0
    for part in parts:
        if texts and length + len(part) > MOST_TEXT:
            break
        texts.append(part)
        length += len(part)
    read = chosen[: len(texts)]
    notes = () if len(read) == len(chosen) else (f"too long to be read at once: ask for {unit} {chosen[len(read)]} on",)
    return Document(
        "\n\n".join(texts),
        page_unit=unit,
        pages_total=total,
        pages_read=spans(read),
        notes=notes,
        title=more.get("title", ""),
    )


def spans(numbers: Iterable[int]) -> str:
    """Rising numbers as spans: 1, 2, 3, 7 become "1-3,7"."""
    rising = list(numbers)
    starts = [n for before, n in pairwise([-1, *rising]) if n != before + 1]
    ends = [n for n, after in pairwise([*rising, -1]) if after != n + 1]
    return ",".join(f"{a}-{b}" if a != b else str(a) for a, b in zip(starts, ends, strict=True))


def deeper(title: str, markdown: str) -> str:
    """A text below a heading of its own, its own headings one level further down."""
    lowered = re.sub(r"^(#{1,5}) ", r"#\1 ", markdown.strip(), flags=re.MULTILINE)
    return f"# {title}\n\n{lowered}".rstrip()
