"""The model of the host that asked for a task to be solved, reached by putting questions to that host."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Protocol

from memento_planner.models.chat import OnText, Reply, Request, Supports, Usage
from memento_planner.models.schema_tools import complete_with_schema

_CHARS_PER_TOKEN = 4
_TOKENS_PER_IMAGE = 1_500  # about what providers count for a picture of 1,568 pixels


class Asker(Protocol):
    """Puts questions to a host."""

    async def ask(self, request: Request) -> Reply:
        """The host's answer.

        Raises:
            ModelError: if the host declined, or nobody came for the question.
        """


class HostModel:
    """A model somewhere behind a host: which one it is, and what it costs, only the host knows.

    Args:
        asker: puts the questions.
        tools: whether the host takes tools with a question; without, they are called through replies in JSON.
    """

    def __init__(self, asker: Asker, *, tools: bool) -> None:
        self._asker = asker
        self._supports = Supports(tools=tools, schema=False)

    @property
    def name(self) -> str:
        """Always "host"."""
        return "host"

    @property
    def supports(self) -> Supports:
        """No schemas, for questions to hosts have no place for one."""
        return self._supports

    async def complete(self, request: Request, on_text: OnText | None = None) -> Reply:
        """Have the host answer. Hosts do not say what a reply took: its tokens are estimated, 4 characters each.

        Raises:
            ModelError: if the host declined, or nobody came for the question.
        """
        if request.tools and not self._supports.tools:
            return await complete_with_schema(self, request, on_text)
        reply = await self._asker.ask(request)
        if on_text is not None and reply.text:
            on_text(reply.text)
        return reply if reply.usage.total else replace(reply, usage=estimate(request, reply))

    async def aclose(self) -> None:
        """Nothing to let go of: the host stays with whoever serves it."""


def estimate(request: Request, reply: Reply) -> Usage:
    """About how many tokens a request and its reply are; a picture counts 1,500."""
    read = len(request.system) + sum(len(message.text) for message in request.messages)
    read += sum(len(use.raw) for message in request.messages for use in message.tool_uses)
    read += sum(len(tool.description) + len(json.dumps(tool.input_schema, default=str)) for tool in request.tools)
    seen = _TOKENS_PER_IMAGE * sum(len(message.images) for message in request.messages)
    written = len(reply.text) + sum(len(use.raw) for use in reply.tool_uses)
    return Usage(seen - (-read // _CHARS_PER_TOKEN), -(-written // _CHARS_PER_TOKEN))
