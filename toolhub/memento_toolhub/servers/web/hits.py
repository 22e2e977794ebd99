"""What a search engine answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TimeRange = Literal["", "day", "week", "month", "year"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer, as the engine gives it; nothing of it is checked or cleaned yet."""

    title: str
    url: str
    snippet: str = ""
    date: str = ""
    engines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hits:
    """The answers, the best first, and what the engine says beside them."""

    hits: tuple[Hit, ...]
    notes: tuple[str, ...] = ()
