"""Times as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise


def clock(seconds: float) -> str:
    """75.25 as 1:15.2, with hours where there are any."""
    tenths = round(max(seconds, 0.0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def filled(times: Iterable[float], n: int, start: float, end: float) -> list[float]:
    """Some times, and more of them in the middles of the widest gaps, until there are n."""
    made = sorted(times)
    while len(made) < n:
        edges = [start, *made, end]
        width, at = max((after - before, i) for i, (before, after) in enumerate(pairwise(edges)))
        if width <= 0:
            break
        made.insert(at, edges[at] + width / 2)
    return made


def evenly(n: int, start: float, end: float) -> list[float]:
    """The middles of n equal parts of a stretch of time."""
    return [start + (end - start) * (2 * i + 1) / (2 * n) for i in range(n)]
