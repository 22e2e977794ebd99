"""Forwarding one request to a downstream server, whichever protocol era its host and the server speak."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, cast

import anyio
from anyio.abc import TaskGroup
from mcp import types
from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp.shared.message import ServerMessageMetadata

from memento_toolhub.wire.connection import Connection
from memento_toolhub.wire.deadline import Deadline
from memento_toolhub.wire.flight import Flight, current
from memento_toolhub.wire.parked import ParkedCall, ParkingLot
from memento_toolhub.wire.profile import is_modern
from memento_toolhub.wire.seams import host_connection

# Deprecated features are relayed for as long as hosts and servers use them.
warnings.filterwarnings("ignore", category=MCPDeprecationWarning, module=r"memento_toolhub\.")

Make = Callable[[Any, str | None, types.RequestParamsMeta | None], Any]
"""Builds the request from the host's answers, the request state and `_meta`."""

Result = dict[str, Any] | types.InputRequiredResult

LOG_LEVEL = "memento/log-level"
_ROUNDS = 10
_CONNECTION_META = frozenset(
    {
        types.PROTOCOL_VERSION_META_KEY,
        types.CLIENT_INFO_META_KEY,
        types.CLIENT_CAPABILITIES_META_KEY,
        types.SERVER_INFO_META_KEY,
        "progressToken",
        "io.modelcontextprotocol/subscriptionId",
    }
)


class TimedOutError(Exception):
    """A downstream server did not answer in time."""


class Forwarder:
    """Sends requests on and builds the bridges between the eras."""

    def __init__(self) -> None:
        self._lot: ParkingLot[Flight] = ParkingLot()

    async def forward(
        self,
        ctx: ServerRequestContext[Any, Any],
        connection: Connection,
        make: Make,
        deadline: Deadline,
        tasks: TaskGroup,
        *,
        answers: Mapping[str, Any] | None = None,
        state: str | None = None,
    ) -> Result:
        """Send a request to the server and bring its result back as it came.

        Raises:
            MCPError: the server's error.
            TimedOutError: one of the limits of `deadline` passed.
        """
        modern_host = is_modern(ctx.protocol_version)
        if modern_host and not connection.modern and connection.profile.can_be_asked:
            asked = await self._through_questions(ctx, connection, make, deadline, tasks, answers, state)
            return _as_ours(asked, modern_host) if isinstance(asked, dict) else asked
        flight = Flight(ctx, deadline)
        with deadline.limit():
            result = await _send(flight, connection, make, answers, state)
            if not modern_host:
                result = await _settle(flight, connection, make, result)
            return _as_ours(result, modern_host)
        raise TimedOutError(_why(deadline))

    async def _through_questions(
        self,
        ctx: ServerRequestContext[Any, Any],
        connection: Connection,
        make: Make,
        deadline: Deadline,
        tasks: TaskGroup,
        answers: Mapping[str, Any] | None,
        state: str | None,
    ) -> Result:
        """The host is stateless, the server asks in mid-call: keep the call while the host fetches the answers."""
        if state is None:
            parked, flight = self._begin(ctx, connection, make, deadline, tasks)
        else:
            found = self._lot.find(state)
            if found is None:
                raise MCPError(
                    types.INVALID_PARAMS, "the call this answer is for is over; call again without requestState"
                )
            parked, flight = found
            flight.ctx = ctx
            parked.answer(answers or {})
        try:
            outcome = await parked.outcome()
        except anyio.get_cancelled_exc_class():
            parked.scope.cancel()
            raise
        if isinstance(outcome, types.InputRequiredResult):
            self._lot.park(parked, flight)
        return outcome

    def _begin(
        self,
        ctx: ServerRequestContext[Any, Any],
        connection: Connection,
        make: Make,
        deadline: Deadline,
        tasks: TaskGroup,
    ) -> tuple[ParkedCall, Flight]:
        parked = ParkedCall()
        flight = Flight(ctx, deadline, parked)

        async def work() -> dict[str, Any]:
            with deadline.limit():
                return await _send(flight, connection, make, None, None)
            raise TimedOutError(_why(deadline))

        tasks.start_soon(parked.run, work)
        return parked, flight


async def ask_host(flight: Flight, request: types.InputRequest) -> Any:
    """Put a server's question to the host that waits for its call."""
    if flight.parked is not None:
        return await flight.parked.ask(request)
    return await _ask_legacy(flight.ctx, request)


async def _send(
    flight: Flight, connection: Connection, make: Make, answers: Mapping[str, Any] | None, state: str | None
) -> dict[str, Any]:
    current.set(flight)
    return await connection.send(make(answers, state, _meta(flight.ctx, connection)), flight)


async def _settle(flight: Flight, connection: Connection, make: Make, result: dict[str, Any]) -> dict[str, Any]:
    """The host is of the handshake era and the server answers with questions: ask them and call again."""
    for _ in range(_ROUNDS):
        if result.get("resultType") != "input_required":
            return result
        needed = types.InputRequiredResult.model_validate(result)
        answers = {}
        for key, question in (needed.input_requests or {}).items():
            with flight.deadline.held():
                answers[key] = await _ask_legacy(flight.ctx, question)
        if not answers:
            await anyio.sleep(0.1)  # the server only wants to be asked again
        result = await _send(flight, connection, make, answers or None, needed.request_state)
    raise MCPError(types.INTERNAL_ERROR, f"{connection.name}: asked for more input {_ROUNDS} times; gave up")


async def _ask_legacy(ctx: ServerRequestContext[Any, Any], request: types.InputRequest) -> Any:
    answer: Any
    if isinstance(request, types.CreateMessageRequest):
        answer = types.CreateMessageResultWithTools if request.params.tools else types.CreateMessageResult
    else:
        answer = types.ElicitResult if isinstance(request, types.ElicitRequest) else types.ListRootsResult
    metadata = ServerMessageMetadata(related_request_id=ctx.request_id)
    return await ctx.session.send_request(request, answer, metadata=metadata)


def _meta(ctx: ServerRequestContext[Any, Any], connection: Connection) -> types.RequestParamsMeta | None:
    """What goes along with a request: all the host said, except what describes its own connection."""
    given: Mapping[str, Any] = ctx.meta or {}
    meta = {key: value for key, value in given.items() if key not in _CONNECTION_META}
    if connection.modern and not is_modern(ctx.protocol_version):
        meta[types.LOG_LEVEL_META_KEY] = host_connection(ctx).state.get(LOG_LEVEL, "debug")
    return cast(types.RequestParamsMeta, meta) if meta else None


def _as_ours(result: dict[str, Any], modern_host: bool) -> dict[str, Any]:
    """A result as this server would send it: of the host's era, and not signed by the one behind us."""
    meta = result.get("_meta")
    if isinstance(meta, dict) and types.SERVER_INFO_META_KEY in meta:
        result["_meta"] = {key: value for key, value in meta.items() if key != types.SERVER_INFO_META_KEY}
        if not result["_meta"]:
            del result["_meta"]
    if modern_host:
        result.setdefault("resultType", "complete")
        if "contents" in result:  # what later revisions want to know of a resource, and earlier ones did not say
            result.setdefault("ttlMs", 0)
            result.setdefault("cacheScope", "private")
    return result


def _why(deadline: Deadline) -> str:
    if deadline.over:
        return f"did not finish within {deadline.longest:g} s"
    return f"did not answer within {deadline.idle:g} s"
