"""Streamed events kept in memory, so that a handshake host can pick up a stream where it broke off."""

from __future__ import annotations

from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp.types import JSONRPCMessage


class MemoryEventStore(EventStore):
    """Every event of every stream, for as long as the process runs; an event's id is its position."""

    def __init__(self) -> None:
        self._events: list[tuple[StreamId, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        """Keep one event; None is the empty event that opens a stream."""
        self._events.append((stream_id, message))
        return str(len(self._events) - 1)

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        """Send what came after that event on its stream; None for an id that was never given out."""
        last = int(last_event_id) if last_event_id.isdecimal() else len(self._events)
        if last >= len(self._events):
            return None
        stream = self._events[last][0]
        for position in range(last + 1, len(self._events)):
            owner, message = self._events[position]
            if owner == stream and message is not None:
                await send_callback(EventMessage(message, str(position)))
        return stream
