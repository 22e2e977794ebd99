"""Drift: a plan made with tools that have changed or gone since is worth less, until it is recorded again.

What is kept is which tools drifted and when; a case's decay follows from that and can always be worked out anew. So a
tool that comes back undoes what its going did.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import apsw

from memento_memory.case import Case
from memento_memory.store.query import fetch_all

CHANGED = 0.5  # share of the counts that still holds when a tool of the plan has changed
MISSING = 0.1


def tools_changed(db: apsw.Connection, changed: Iterable[str], now: float) -> int:
    """Note that these tools do not work as they did; return how many cases count for less. In a write transaction."""
    return _noted(db, changed, now, is_missing=False)


def tools_missing(db: apsw.Connection, missing: Iterable[str], now: float) -> int:
    """Note that these tools are gone; return how many cases count for less. In a write transaction."""
    return _noted(db, missing, now, is_missing=True)


def tools_back(db: apsw.Connection, tools: Iterable[str]) -> int:
    """Note that these tools are as they were; return how many cases changed. In a write transaction."""
    names = list(tools)
    db.execute("DELETE FROM tool_drift WHERE tool IN (SELECT value FROM json_each(?))", (json.dumps(names),))
    return _refreshed(db, _naming(db, names))


def noted(db: apsw.Connection) -> dict[str, bool]:
    """The tools that are noted as changed or gone, each with whether it is gone."""
    return {tool: bool(is_missing) for tool, is_missing in fetch_all(db, "SELECT tool, is_missing FROM tool_drift")}


def named(db: apsw.Connection) -> frozenset[str]:
    """All tools that stored plans name, those of forgotten cases too, for they may be restored."""
    sql = """
        SELECT DISTINCT step.value ->> 'tool' FROM cases, json_each(cases.plan) AS step
        WHERE instr(cases.plan, '"tool":') AND step.value ->> 'tool' <> ''
    """
    return frozenset(tool for (tool,) in fetch_all(db, sql))


def tools_of(case: Case) -> frozenset[str]:
    """The tools that a plan names."""
    return frozenset(step.tool for step in case.plan.subtasks if step.tool)


def refresh(db: apsw.Connection) -> int:
    """Work out the decay of cases that were recorded again since; return how many changed. In a write transaction."""
    return _refreshed(db, [key for (key,) in fetch_all(db, "SELECT key FROM cases WHERE decay < 1")])


def _noted(db: apsw.Connection, tools: Iterable[str], now: float, *, is_missing: bool) -> int:
    names = list(tools)
    for tool in names:
        db.execute(
            "INSERT OR REPLACE INTO tool_drift (tool, is_missing, since) VALUES (?, ?, ?)", (tool, is_missing, now)
        )
    return _refreshed(db, _naming(db, names))


def _naming(db: apsw.Connection, tools: list[str]) -> list[int]:
    """Cases whose stored plans name one of the tools, forgotten ones too, for they may be restored."""
    if not tools:
        return []
    needles = [f'"tool":{json.dumps(tool, ensure_ascii=False)}' for tool in tools]
    sql = "SELECT key FROM cases WHERE EXISTS (SELECT 1 FROM json_each(?) WHERE instr(cases.plan, value))"
    return [key for (key,) in fetch_all(db, sql, (json.dumps(needles),))]


def _refreshed(db: apsw.Connection, keys: list[int]) -> int:
    sql = """
        UPDATE cases SET decay = found.decay FROM (
            SELECT key, (
                SELECT coalesce(min(iif(is_missing, :missing, :changed)), 1.0) FROM tool_drift
                WHERE since > cases.updated_at
                AND tool IN (SELECT value ->> 'tool' FROM json_each(cases.plan))
            ) AS decay
            FROM cases WHERE key IN (SELECT value FROM json_each(:keys))
        ) AS found WHERE found.key = cases.key AND found.decay <> cases.decay
    """
    db.execute(sql, {"missing": MISSING, "changed": CHANGED, "keys": json.dumps(keys)})
    return int(db.changes())
