"""One relayed tool call, from its name to the trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from mcp import types
from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from memento_toolhub.backend import Backend, UnavailableError, server_text
from memento_toolhub.plans import META_PLAN
from memento_toolhub.trace import Record, RelayedCall
from memento_toolhub.trust.bounds import bound
from memento_toolhub.trust.redact import bounded_json
from memento_toolhub.trust.results import ResultStore
from memento_toolhub.wire.connection import Connection
from memento_toolhub.wire.deadline import Deadline
from memento_toolhub.wire.forward import Forwarder, Result, TimedOutError
from memento_toolhub.wire.profile import Profile

META_INFRASTRUCTURE = "memento/infrastructure"
"""In `_meta` of an error: it says nothing about the plan, for the server was down, hung or could not be reached."""

_KEPT_CHARS = 4000
_LOOKED_AT = 2 * _KEPT_CHARS  # of any one text: looking for secrets in all of a long one would slow the calls down
_MOST_ITEMS = 200


@dataclass(frozen=True, slots=True)
class Order:
    """A call to make.

    Attributes:
        definition: the tool as its server defines it, None where the server lists no such tool.
        host: the host's request, with its answers and request state on a retry.
        plan: the plan and the step it is for.
    """

    backend: Backend
    tool: str
    definition: types.Tool | None
    arguments: dict[str, Any] | None
    host: types.CallToolRequestParams
    plan: tuple[str, int | None]


class Caller:
    """Makes calls, keeps them within their limits and records them."""

    def __init__(self, forwarder: Forwarder, results: ResultStore, record: Record) -> None:
        self._forwarder = forwarder
        self._results = results
        self._record = record

    async def call(
        self, ctx: ServerRequestContext[Any, Any], order: Order, tasks: TaskGroup
    ) -> Result | types.CallToolResult:
        """Make a call; the result is the tool's own, or an error that says what became of the call.

        Raises:
            MCPError: the server's own protocol error.
        """
        kept = _Kept(order)
        try:
            result = await self._attempt(ctx, order, tasks)
            if isinstance(result, dict) and result.get("resultType") != "input_required":
                order.backend.worked()
                kept.result(result)
                self._record(kept.ended())
                result = await self._bounded(order, result)
            return result
        except MCPError as error:
            kept.broke(server_text(error), infrastructure=False)
            self._record(kept.ended())
            raise
        except (UnavailableError, _BrokenError) as error:
            kept.broke(str(error), infrastructure=True)
            self._record(kept.ended())
            return failed(str(error), infrastructure=True)
        except anyio.get_cancelled_exc_class():
            kept.broke("cancelled", infrastructure=True)
            self._record(kept.ended())
            raise

    async def _attempt(self, ctx: ServerRequestContext[Any, Any], order: Order, tasks: TaskGroup) -> Result:
        backend, profile = order.backend, Profile.of(ctx)
        try:
            async with backend.limiter:
                connection = backend.up(profile) or await backend.connect(profile, tasks)
                return await self._send(ctx, order, connection, tasks)
        except MCPError as error:
            if error.error.code != types.CONNECTION_CLOSED:
                raise
        if _repeatable(order.definition):
            async with backend.limiter:
                connection = await backend.connect(profile, tasks)
                try:
                    return await self._send(ctx, order, connection, tasks)
                except MCPError as error:
                    if error.error.code != types.CONNECTION_CLOSED:
                        raise
        raise _BrokenError(
            f"{backend.name}: the server went away during the call, which may or may not have had an effect; "
            "it is started again by the next call"
        )

    async def _send(
        self, ctx: ServerRequestContext[Any, Any], order: Order, connection: Connection, tasks: TaskGroup
    ) -> Result:
        config = order.backend.config
        plan = {META_PLAN: order.plan[0]} if order.plan[0] else {}

        def make(answers: Any, state: str | None, meta: types.RequestParamsMeta | None) -> types.CallToolRequest:
            return types.CallToolRequest(
                params=types.CallToolRequestParams(
                    name=order.tool,
                    arguments=order.arguments,
                    input_responses=answers,
                    request_state=state,
                    _meta=cast(types.RequestParamsMeta, {**(meta or {}), **plan}) or None,
                )
            )

        deadline = Deadline(config.timeout, config.max_time)
        host = order.host
        try:
            return await self._forwarder.forward(
                ctx, connection, make, deadline, tasks, answers=host.input_responses, state=host.request_state
            )
        except TimedOutError as error:
            order.backend.error = str(error)
            raise _BrokenError(f"{config.name}: {order.tool} {error}; the call was cancelled") from error
        except ValidationError as error:
            raise _BrokenError(f"{config.name}: {order.tool} answered with something that is no tool result") from error

    async def _bounded(self, order: Order, result: dict[str, Any]) -> dict[str, Any]:
        limit = order.backend.config.result_limit(order.tool)
        has_schema = order.definition is not None and order.definition.output_schema is not None

        def work() -> dict[str, Any]:
            return bound(result, limit=limit, has_output_schema=has_schema, keep=self._results.keep)

        texts = sum(len(block.get("text") or block.get("data") or "") for block in result.get("content") or ())
        return work() if texts < limit else await anyio.to_thread.run_sync(work)


class _BrokenError(Exception):
    """The call did not come back for a reason that is not the tool's."""


class _Kept:
    """What will be known of a call."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._at = time.time()
        self._start = time.perf_counter()
        self._text: Callable[[], str] = lambda: ""
        self._is_error = False
        self._infrastructure = False
        self._tokens: int | None = None

    def result(self, result: dict[str, Any]) -> None:
        self._is_error = bool(result.get("isError"))
        self._tokens = _tokens(result)
        self._text = lambda: bounded_json(_clipped(_telling(result)), _KEPT_CHARS)

    def broke(self, why: str, *, infrastructure: bool) -> None:
        self._is_error, self._infrastructure = True, infrastructure
        self._text = lambda: bounded_json(why, _KEPT_CHARS)

    def ended(self) -> Callable[[], RelayedCall]:
        duration_ms = round((time.perf_counter() - self._start) * 1000, 3)
        return lambda: self._call(duration_ms)

    def _call(self, duration_ms: float) -> RelayedCall:
        plan_id, subtask = self._order.plan
        return RelayedCall(
            plan_id=plan_id,
            subtask=subtask,
            server=self._order.backend.name,
            tool=self._order.tool,
            arguments=bounded_json(_clipped(self._order.arguments or {}), _KEPT_CHARS),
            result=self._text(),
            is_error=self._is_error,
            infrastructure=self._infrastructure,
            duration_ms=duration_ms,
            tokens=self._tokens,
            at=self._at,
        )


def _telling(result: dict[str, Any]) -> Any:
    """What of a result is worth keeping: its structure, or its texts."""
    if result.get("structuredContent") is not None:
        return result["structuredContent"]
    blocks = result.get("content") or []
    texts = [block.get("text") or f"[{block.get('type')}]" for block in blocks if isinstance(block, dict)]
    return texts[0] if len(texts) == 1 else texts


def _clipped(value: Any) -> Any:
    """The value without the parts that would not be kept anyway."""
    if isinstance(value, str):
        return value if len(value) <= _LOOKED_AT else f"{value[:_LOOKED_AT]}… [{len(value)} characters]"
    if isinstance(value, list):
        return [_clipped(item) for item in value[:_MOST_ITEMS]]
    if isinstance(value, dict):
        return {key: _clipped(value[key]) for key in list(value)[:_MOST_ITEMS]}
    return value


def _tokens(result: dict[str, Any]) -> int | None:
    """What a tool says it used, in `_meta.usage` as model providers write it."""
    usage = (result.get("_meta") or {}).get("usage")
    if not isinstance(usage, dict):
        return None
    total = usage.get("total_tokens", 0) or sum(
        usage.get(key, 0) for key in ("input_tokens", "output_tokens") if isinstance(usage.get(key, 0), int)
    )
    return total if isinstance(total, int) and total > 0 else None


def _repeatable(definition: types.Tool | None) -> bool:
    hints = definition.annotations if definition else None
    return hints is not None and bool(hints.read_only_hint or hints.idempotent_hint)


def failed(why: str, *, infrastructure: bool = False) -> types.CallToolResult:
    """A tool result that says what went wrong, and marks what is not the tool's own fault."""
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=why)],
        is_error=True,
        _meta={META_INFRASTRUCTURE: True} if infrastructure else None,
    )
