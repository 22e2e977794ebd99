"""The trace of an episode: the tool calls that were relayed while its plan was carried out."""

from __future__ import annotations

from dataclasses import dataclass

from memento_memory.text import KB

MAX_CALLS = 500  # kept of one episode
MAX_CALL_CHARS = 20 * KB  # of the arguments and of the result, each


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One relayed call of a tool of a downstream server.

    Attributes:
        plan_id: the episode it belongs to.
        subtask: id of the step it was made for, or None when that is not known.
        server, tool: the downstream server's name in the configuration, and the tool's own name there.
        arguments: JSON text with secrets taken out.
        result: what came back as text, with secrets taken out.
        is_error: whether it failed, for whatever reason.
        infrastructure: whether it failed for a reason that says nothing about the plan: the server was down, timed out
            or could not be reached.
        duration_ms: wall-clock milliseconds.
        tokens: tokens the result costs a model, where that is known.
        at: when it began, in seconds since the epoch.
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

    @property
    def name(self) -> str:
        """Server and tool as one name."""
        return f"{self.server}__{self.tool}"

    @property
    def failed(self) -> bool:
        """Whether it failed, for whatever reason."""
        return self.is_error or self.infrastructure
