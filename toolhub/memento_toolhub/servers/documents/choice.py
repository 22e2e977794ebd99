"""Which pages a model asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mcp.server.mcpserver.exceptions import ToolError

_SPAN = re.compile(r"(\d{1,12})(?:\s*(-|–|\.\.)\s*(\d{1,12})?)?")


def chosen(pages: str, total: int, unit: str, names: Sequence[str] = ()) -> list[int]:
    """Numbers of the pages, from 1 and rising; all where nothing is asked for. An end past the last is the last.

    Raises:
        ToolError: if it is no list of pages, or names one that is not there.
    """
    if not pages.strip():
        return list(range(1, total + 1))
    if pages.strip() in names:
        return [names.index(pages.strip()) + 1]
    found: set[int] = set()
    for part in filter(None, map(str.strip, pages.split(","))):
        found.update(_part(part, total, unit, names))
    if not found:
        raise ToolError(f"pages: {pages!r} names none; {_hint(total, unit, names)}")
    return sorted(found)


def _part(part: str, total: int, unit: str, names: Sequence[str]) -> range:
    by_name = {name.casefold(): at for at, name in enumerate(names, 1)}
    if (at := by_name.get(part.casefold())) is not None:
        return range(at, at + 1)
    if not (span := _SPAN.fullmatch(part)):
        raise ToolError(f"pages: {part[:60]!r} is no {unit}; {_hint(total, unit, names)}")
    first = int(span[1])
    last = first if not span[2] else int(span[3]) if span[3] else total
    if first < 1 or last < first or first > total:
        raise ToolError(f"pages: {part} is not there; {_hint(total, unit, names)}")
    return range(first, min(last, total) + 1)


def _hint(total: int, unit: str, names: Sequence[str]) -> str:
    if names:
        shown = ", ".join(f"{at} {name}" for at, name in enumerate(names[:20], 1))
        return f"write numbers or names of {unit}s: {shown}"
    return f"there are {total} {unit}s; write numbers such as 3, 2-5 or 1,4-6"
