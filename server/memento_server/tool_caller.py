"""The tools that solving has at hand: those of the relay, called as a host would call them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import anyio.to_thread
from mcp import Client, types
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter

from memento_planner.models.chat import ToolSpec
from memento_planner.tools import CallResult, NoTools, ToolCaller
from memento_toolhub import own_tools
from memento_toolhub.calls import META_INFRASTRUCTURE
from memento_toolhub.loopback import loopback
from memento_toolhub.plans import META_PLAN, META_SUBTASK

if TYPE_CHECKING:
    from memento_server.relaying import Relaying

logger = logging.getLogger(__name__)

_RAW: TypeAdapter[Any] = TypeAdapter(dict[str, Any])
_LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")  # providers refuse a whole request over one other name
_LONGEST_QUERY = 2_000
_MOST_FOUND = 20


@asynccontextmanager
async def relayed_tools(relaying: Relaying | None) -> AsyncIterator[ToolCaller]:
    """The tools behind a relay that is running; none without one."""
    if relaying is None:
        yield NoTools()
        return
    async with Client(loopback(relaying.relay), cache=None) as client:
        yield RelayedTools(client, relaying.traces.flush)


class RelayedTools:
    """Calls relayed tools; how long one may take and how much it may say is the tools file's to set.

    Args:
        client: connected to the relay's loopback.
        settle: returns when the trace of all calls so far is on disk; may block.
    """

    def __init__(self, client: Client, settle: Callable[[], None]) -> None:
        self._client = client
        self._settle = settle

    async def tools(self) -> tuple[ToolSpec, ...]:
        """All tools of the servers that can be reached, in the order of the tools file."""
        listed = (await self._client.session.list_tools()).tools
        for tool in listed:
            if not _LEGAL.fullmatch(tool.name):
                logger.warning("%s is left out: models take at most 64 letters, digits, _ and - as a name", tool.name)
        return tuple(_spec(tool) for tool in listed if _LEGAL.fullmatch(tool.name))

    async def find(self, query: str, k: int) -> tuple[ToolSpec, ...]:
        """At most k tools that fit, ranked as find_tools ranks them for hosts."""
        at_hand = {tool.name: tool for tool in await self.tools()}
        if len(at_hand) <= 1 or not query.strip():
            return tuple(at_hand.values())[:k]
        wanted = {"query": query[:_LONGEST_QUERY], "k": min(k, _MOST_FOUND)}
        result = await self._request(own_tools.FIND.name, wanted, None)
        names = [found["name"] for found in (result.get("structuredContent") or {}).get("tools", ())]
        return tuple(at_hand[name] for name in names if name in at_hand)

    async def call(self, name: str, arguments: Mapping[str, Any], *, plan_id: str, subtask: int) -> CallResult:
        """Call a tool for a step of a plan; its trace is on disk on return."""
        meta = cast(types.RequestParamsMeta, {META_PLAN: plan_id, META_SUBTASK: subtask})
        try:
            result = await self._request(name, dict(arguments), meta)
        except MCPError as error:
            gone = error.error.code == types.CONNECTION_CLOSED
            called = CallResult(f"{name}: {error}", is_error=True, infrastructure=gone)
        else:
            called = _called(name, result)
        await anyio.to_thread.run_sync(self._settle)
        return called

    async def _request(
        self, name: str, arguments: dict[str, Any], meta: types.RequestParamsMeta | None
    ) -> dict[str, Any]:
        """The result as it came: what does not fit a tool's own output schema is for the model to judge."""
        params = types.CallToolRequestParams(name=name, arguments=arguments, _meta=meta)
        result: dict[str, Any] = await self._client.session.send_request(types.CallToolRequest(params=params), _RAW)
        return result


def _spec(tool: types.Tool) -> ToolSpec:
    hints = tool.annotations
    reads = hints is not None and bool(hints.read_only_hint)
    acts = (
        hints is not None
        and not reads
        and {hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint} != {None}
    )
    return ToolSpec(tool.name, tool.description or tool.title or "", tool.input_schema, reads, acts)


def _called(name: str, result: Mapping[str, Any]) -> CallResult:
    if result.get("resultType") == "input_required":
        return CallResult(f"{name}: asks for input, and there is nobody here to ask; do without it", is_error=True)
    is_error = bool(result.get("isError"))
    infrastructure = is_error and bool((result.get("_meta") or {}).get(META_INFRASTRUCTURE))
    return CallResult(_text(result), is_error, infrastructure)


def _text(result: Mapping[str, Any]) -> str:
    """What a result says: its texts, else its structure; other content by kind and address."""
    blocks = result.get("content") or []
    parts = [_block(block) for block in blocks]
    if not any(block.get("type") == "text" for block in blocks) and result.get("structuredContent") is not None:
        parts.insert(0, json.dumps(result["structuredContent"], ensure_ascii=False))
    return "\n".join(part for part in parts if part) or "(no output)"


def _block(block: Mapping[str, Any]) -> str:
    kind = block.get("type")
    if kind == "text":
        return str(block.get("text", ""))
    inside = block.get("resource") or block
    if inside.get("text"):
        return str(inside["text"])
    where = " ".join(str(inside[key]) for key in ("uri", "name", "mimeType") if inside.get(key))
    return f"[{kind}{' ' + where if where else ''}]"
