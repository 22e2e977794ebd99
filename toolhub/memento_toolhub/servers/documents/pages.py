"""Pages, slides, sheets, chapters or parts: which were asked for, and those put below one another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from memento_toolhub.servers.documents.document import Document
from memento_toolhub.servers.kit.call_error import CallError

MOST_TEXT = 2_000_000
"""Characters of one reading."""
_SPAN = re.compile(r"(\d{1,12})(?:\s*(-|–|\.\.)\s*(\d{1,12})?)?")


def chosen(pages: str, total: int, unit: str, names: Sequence[str] = ()) -> list[int]:
    """Numbers of the pages, from 1 and rising; all where nothing is asked for. An end past the last is the last.

    Raises:
        CallError: if it is no list of pages, or names one that is not there.
    """
    if not pages.strip():
        return list(range(1, total + 1))
    if pages.strip() in names:
        return [names.index(pages.strip()) + 1]
    found: set[int] = set()
    for part in filter(None, map(str.strip, pages.split(","))):
        found.update(_part(part, total, unit, names))
    if not found:
        raise CallError(f"pages: {pages!r} names none; {_hint(total, unit, names)}")
    return sorted(found)


def _part(part: str, total: int, unit: str, names: Sequence[str]) -> range:
    by_name = {name.casefold(): at for at, name in enumerate(names, 1)}
    if (at := by_name.get(part.casefold())) is not None:
        return range(at, at + 1)
    if not (span := _SPAN.fullmatch(part)):
        raise CallError(f"pages: {part[:60]!r} is no {unit}; {_hint(total, unit, names)}")
    first = int(span[1])
    last = first if not span[2] else int(span[3]) if span[3] else total
    if first < 1 or last < first or first > total:
        raise CallError(f"pages: {part} is not there; {_hint(total, unit, names)}")
    return range(first, min(last, total) + 1)


def _hint(total: int, unit: str, names: Sequence[str]) -> str:
    if names:
        shown = ", ".join(f"{at} {name[:60]}" for at, name in enumerate(names[:20], 1))
        return f"write numbers or names of {unit}s: {shown}"
    return f"there are {total} {unit}s; write numbers such as 3, 2-5 or 1,4-6"


def without_pages(pages: str, what: str) -> tuple[str, ...]:
    """What to say to one who asked for pages where there are none."""
    return (f"pages: {what} has none to choose from; the whole was read",) if pages.strip() else ()


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
