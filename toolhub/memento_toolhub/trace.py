"""The trace: what was called through the relay, with what result, for which plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RelayedCall:
    """One call of a downstream tool, as it is kept.

    Attributes:
        plan_id: the plan it was made for, "" when there is none.
        subtask: the step of that plan, where the caller said so.
        server: the downstream server's name in the configuration.
        tool: the tool's name there.
        arguments: JSON, redacted and bounded.
        result: what came back, redacted and bounded; for a call that broke off, why.
        is_error: the tool or the way to it failed.
        infrastructure: it failed for a reason that says nothing about the plan: the server could not be reached,
            did not answer, or the call was cancelled.
        duration_ms: milliseconds from here to there and back.
        tokens: what the tool said it used, where it said so.
        at: when it began, in Unix seconds.
    """

    plan_id: str
    subtask: int | None
    server: str
    tool: str
    arguments: str
    result: str
    is_error: bool
    infrastructure: bool
    duration_ms: float
    tokens: int | None
    at: float


Record = Callable[[Callable[[], RelayedCall]], None]
"""Takes a call as a function that makes its record, which may take a while; called on the event loop: never block."""
