"""Requests on their way to a downstream server, so that what it says in between reaches the host that waits."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from mcp.server import ServerRequestContext

from memento_toolhub.wire.deadline import Deadline
from memento_toolhub.wire.parked import ParkedCall
from memento_toolhub.wire.seams import host_connection


@dataclass(eq=False, slots=True)
class Flight:
    """One forwarded request: who waits for it, how long it may take, and where questions about it are put."""

    ctx: ServerRequestContext[Any, Any]
    deadline: Deadline
    parked: ParkedCall | None = None


current: ContextVar[Flight | None] = ContextVar("memento_flight", default=None)
"""The flight that an answer belongs to, where the transport carries the context of the request (HTTP does)."""


def attribute(flights: list[Flight]) -> Flight | None:
    """The flight that a server-initiated message belongs to, or None when that cannot be told.

    Over stdio nothing says which request a question belongs to. Any of them will do as long as they all wait for the
    same host session, for then the same person is asked.
    """
    flight = current.get()
    if flight is not None and flight in flights:
        return flight
    return flights[-1] if len({host_key(flight.ctx) for flight in flights}) == 1 else None


def host_key(ctx: ServerRequestContext[Any, Any]) -> int:
    """What tells hosts apart: on stdio there is one only; over HTTP one per session, or per request without one."""
    return 0 if ctx.request is None else id(host_connection(ctx))
