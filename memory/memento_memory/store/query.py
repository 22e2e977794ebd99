"""Queries with rows typed as what they are: whatever the schema says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import apsw


def fetch_all(db: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    return cast("list[tuple[Any, ...]]", db.execute(sql, tuple(values)).fetchall())


def fetch_one(db: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """The first row of a query, or None."""
    return cast("tuple[Any, ...] | None", db.execute(sql, tuple(values)).fetchone())


def fetch_number(db: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> int:
    """The one number a query is asked for."""
    return int(db.execute(sql, tuple(values)).get)
