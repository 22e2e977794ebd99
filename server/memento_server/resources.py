"""What can be read besides the tools: whole cases, whole episodes, counts; and completions for their names."""

from __future__ import annotations

import dataclasses
from typing import Any

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from memento_memory.errors import NotFoundError
from memento_server.as_json import case_json, episode_json
from memento_server.memory import Memory

_COMPLETED = {"case_id": "case", "plan_id": "episode", "tags": "tag"}
_MAX_COMPLETIONS = 50


def register(server: MCPServer[Memory], memory: Memory) -> None:
    """Publish the resources and their completions."""

    @server.resource("memento://cases/{case_id}", title="A case", mime_type="application/json")
    async def case(case_id: str) -> dict[str, Any]:
        """One case in full: task, plan, outcome, evidence, counts and provenance."""
        try:
            found = await anyio.to_thread.run_sync(lambda: memory.bank().case(case_id))
        except NotFoundError as error:
            raise ResourceNotFoundError(str(error)) from error
        return case_json(found)

    @server.resource("memento://episodes/{plan_id}", title="An episode", mime_type="application/json")
    async def episode(plan_id: str) -> dict[str, Any]:
        """One planning request: task, the cases shown with similarity, value and propensity, plan, trace and outcome.

        The trace is the tool calls that were relayed while the plan was carried out."""

        def work() -> dict[str, Any]:
            bank = memory.bank()
            return episode_json(bank.episode(plan_id), bank.trace(plan_id))

        try:
            return await anyio.to_thread.run_sync(work)
        except NotFoundError as error:
            raise ResourceNotFoundError(str(error)) from error

    @server.resource("memento://stats", title="Counts", mime_type="application/json")
    async def stats() -> dict[str, Any]:
        """How many cases and episodes there are, by outcome, namespace and tag."""
        counts = await anyio.to_thread.run_sync(lambda: memory.bank().stats())
        return {**dataclasses.asdict(counts), "embedder": memory.embedder().state}

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        what = _COMPLETED.get(argument.name)
        if what is None:
            return Completion(values=[])
        found = await anyio.to_thread.run_sync(
            lambda: memory.bank().complete(what, argument.value, _MAX_COMPLETIONS + 1)
        )
        return Completion(values=found[:_MAX_COMPLETIONS], has_more=len(found) > _MAX_COMPLETIONS)
