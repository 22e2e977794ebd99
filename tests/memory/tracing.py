"""Short ways to make the tool calls of a trace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from memento_memory.bank import CaseBank
from memento_memory.trace import ToolCall


def call(
    tool: str = "read_file",
    arguments: dict[str, Any] | str | None = None,
    *,
    plan_id: str = "p-0",
    server: str = "fs",
    subtask: int | None = None,
    failed: bool = False,
    down: bool = False,
    at: float = 0.0,
) -> ToolCall:
    """One call; `failed` by the tool's own word, `down` because of infrastructure."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    return ToolCall(plan_id, subtask, server, tool, text, "done", failed or down, down, 1.5, 12, at)


def numbered(plan_id: str, count: int, first: int = 0) -> list[ToolCall]:
    """Successful calls, all different, one second after the other."""
    return [call(arguments={"path": f"{i}.txt"}, plan_id=plan_id, at=float(i)) for i in range(first, first + count)]


def traced(bank: CaseBank, plan_id: str, calls: Sequence[ToolCall]) -> None:
    """Record calls as those of one episode, one second after the other, after those it has."""
    begun = len(bank.trace(plan_id))
    bank.record_calls([replace(c, plan_id=plan_id, at=float(begun + i)) for i, c in enumerate(calls)])
