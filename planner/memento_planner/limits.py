"""How far carrying out a plan may go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one subtask, and how results are cut.

    Attributes:
        turns: replies of the model.
        calls: tool calls.
        tokens: of the model, read and written.
        seconds: in all.
        call_seconds: of one tool call.
        result_chars: of a tool's result that are shown to the model at once.
        concurrent: subtasks at the same time.
    """

    turns: int = 10
    calls: int = 12
    tokens: int = 60_000
    seconds: float = 300.0
    call_seconds: float = 120.0
    result_chars: int = 4_000
    concurrent: int = 2
