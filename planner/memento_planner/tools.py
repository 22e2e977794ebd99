"""The tools a plan is carried out with, wherever they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from memento_planner.models.chat import ToolSpec


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a call came to.

    Attributes:
        text: what the tool said, or what went wrong.
        is_error: whether it failed, for whatever reason.
        infrastructure: whether it failed for a reason that says nothing about the plan: the server was down, timed out
            or could not be reached.
    """

    text: str
    is_error: bool = False
    infrastructure: bool = False


class ToolCaller(Protocol):
    """Calls tools and keeps a trace of the calls."""

    async def tools(self) -> tuple[ToolSpec, ...]:
        """All tools at hand, in a stable order."""

    async def find(self, query: str, k: int) -> tuple[ToolSpec, ...]:
        """At most k tools that fit what is to be done, best first."""

    async def call(self, name: str, arguments: Mapping[str, Any], *, plan_id: str, subtask: int) -> CallResult:
        """Call a tool for a step of a plan; a tool that is unknown or fails is an error result, never an exception."""


class NoTools:
    """A tool caller where nothing is connected."""

    async def tools(self) -> tuple[ToolSpec, ...]:
        """None."""
        return ()

    async def find(self, query: str, k: int) -> tuple[ToolSpec, ...]:
        """None."""
        return ()

    async def call(self, name: str, arguments: Mapping[str, Any], *, plan_id: str, subtask: int) -> CallResult:
        """An error that says so."""
        return CallResult(f"there is no tool {name}; no tool server is connected", is_error=True)
