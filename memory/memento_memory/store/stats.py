"""Counts of what is in the bank."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import apsw

from memento_memory.store import vectors
from memento_memory.store.query import fetch_all, fetch_number


@dataclass(frozen=True, slots=True)
class Stats:
    """What a bank holds.

    Attributes:
        cases: active cases, by outcome.
        namespaces: active cases, by namespace.
        tags: active cases, by tag, the twenty most frequent.
        forgotten: cases that can still be restored.
        episodes, recorded: planning requests and direct reports, and how many have an outcome.
        without_vector: cases that wait for their vector.
        model: id of the embedding model, or "".
        size_bytes: size of the bank file.
    """

    path: str
    cases: dict[str, int]
    namespaces: dict[str, int]
    tags: dict[str, int]
    forgotten: int
    episodes: int
    recorded: int
    without_vector: int
    model: str
    size_bytes: int

    @property
    def total(self) -> int:
        """Active cases."""
        return sum(self.cases.values())


def of(db: apsw.Connection, path: Path) -> Stats:
    """Count what is in the bank."""
    active = "FROM cases WHERE forgotten_at IS NULL GROUP BY"
    return Stats(
        path=str(path),
        cases=dict(fetch_all(db, f"SELECT outcome, count(*) {active} outcome")),
        namespaces=dict(fetch_all(db, f"SELECT namespace, count(*) {active} namespace")),
        tags=dict(
            fetch_all(
                db,
                "SELECT tag, count(*) FROM case_tags JOIN cases ON key = case_key WHERE forgotten_at IS NULL"
                " GROUP BY tag ORDER BY count(*) DESC, tag LIMIT 20",
            )
        ),
        forgotten=fetch_number(db, "SELECT count(*) FROM cases WHERE forgotten_at IS NOT NULL"),
        episodes=fetch_number(db, "SELECT count(*) FROM episodes"),
        recorded=fetch_number(db, "SELECT count(*) FROM episodes WHERE outcome IS NOT NULL"),
        without_vector=vectors.count_without(db),
        model=vectors.model_of(db).get("model_id", ""),
        size_bytes=path.stat().st_size,
    )
