"""Traces in the bank file: the tool calls of each episode."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import apsw

from memento_memory.errors import NotFoundError
from memento_memory.store.database import Database
from memento_memory.store.query import fetch_all, fetch_number, fetch_one
from memento_memory.text import cut
from memento_memory.trace import MAX_CALL_CHARS, MAX_CALLS, ToolCall

_COLUMNS = "subtask, server, tool, arguments, result, is_error, infrastructure, duration_ms, tokens, at"


def record(database: Database, calls: Sequence[ToolCall]) -> None:
    """Append calls to their episodes' traces, in one transaction; on disk on return.

    Raises:
        NotFoundError: if some plan_id does not exist; the calls of the other episodes are on disk all the same.
    """
    if not calls:
        return
    with database.writing() as db:
        unknown = _append_all(db, calls)
    if unknown:
        names = ", ".join(repr(plan_id) for plan_id in unknown)
        raise NotFoundError("plan_id", f"there is no episode {names}; the calls made for it were not kept")


def _append_all(db: apsw.Connection, calls: Sequence[ToolCall]) -> list[str]:
    """Append calls to the episodes there are, and return the plan_ids that none has."""
    unknown = []
    for plan_id, group in groupby(sorted(calls, key=lambda call: call.plan_id), key=lambda call: call.plan_id):
        found = fetch_one(db, "SELECT key FROM episodes WHERE plan_id = ?", (_storable(plan_id),))
        if found is None:
            unknown.append(plan_id)
        else:
            _append(db, found[0], list(group))
    return unknown


def _append(db: apsw.Connection, key: int, calls: Sequence[ToolCall]) -> None:
    """Append calls to one episode's trace; what exceeds 500 is counted, not kept."""
    kept = fetch_number(db, "SELECT count(*) FROM tool_calls WHERE episode_key = ?", (key,))
    db.executemany(
        f"INSERT INTO tool_calls (episode_key, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *(key, call.subtask, _storable(call.server), _storable(call.tool)),
                *(_storable(cut(call.arguments, MAX_CALL_CHARS)), _storable(cut(call.result, MAX_CALL_CHARS))),
                *(call.is_error, call.infrastructure, call.duration_ms, call.tokens, call.at),
            )
            for call in calls[: max(MAX_CALLS - kept, 0)]
        ],
    )
    db.execute("UPDATE episodes SET calls = calls + ? WHERE key = ?", (len(calls), key))


def of_episode(db: apsw.Connection, key: int, plan_id: str) -> tuple[ToolCall, ...]:
    """The calls of one episode in the order in which they began."""
    sql = f"SELECT {_COLUMNS} FROM tool_calls WHERE episode_key = ? ORDER BY at, key"
    return tuple(
        ToolCall(plan_id, subtask, server, tool, arguments, result, bool(is_error), bool(infra), duration, tokens, at)
        for subtask, server, tool, arguments, result, is_error, infra, duration, tokens, at in fetch_all(
            db, sql, (key,)
        )
    )


def _storable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 has no form for, replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
