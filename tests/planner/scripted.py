"""A chat model that says what a test wants, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from memento_planner.models.chat import OnText, Reply, Request, Stop, Supports, ToolUse, Usage

Line = Reply | str | Exception | Callable[[Request], "Reply | str"]


def calls(*uses: tuple[str, dict[str, Any]], text: str = "") -> Reply:
    """A reply that asks for tool calls."""
    made = tuple(ToolUse(f"use-{i}", name, given, json.dumps(given)) for i, (name, given) in enumerate(uses, start=1))
    return Reply(text, made, Stop.TOOL_USE, Usage(100, 20))


class ScriptedModel:
    """Says its lines in order; the last one again and again."""

    def __init__(self, *lines: Line, name: str = "scripted", supports: Supports | None = None) -> None:
        self.name = name
        self.supports = supports or Supports()
        self.asked: list[Request] = []
        self._lines: Sequence[Line] = lines

    async def complete(self, request: Request, on_text: OnText | None = None) -> Reply:
        line = self._lines[min(len(self.asked), len(self._lines) - 1)]
        self.asked.append(request)
        if isinstance(line, Exception):
            raise line
        said = line(request) if callable(line) else line
        reply = Reply(said, usage=Usage(100, 20)) if isinstance(said, str) else said
        if on_text is not None and reply.text:
            on_text(reply.text)
        return reply

    async def aclose(self) -> None:
        pass
