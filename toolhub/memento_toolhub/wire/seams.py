"""The few places where the SDK has no public way yet; a test covers each, so that an update fails loudly."""

from __future__ import annotations

from typing import Any

from mcp.server import ServerRequestContext
from mcp.server.connection import Connection
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions


def host_connection(ctx: ServerRequestContext[Any, Any]) -> Connection:
    """The host's connection: one for a whole session of the handshake era, one per request after it."""
    return ctx.session._connection


def announce_changes(server: Server[Any]) -> None:
    """Tell hosts of the handshake era that lists may change; the SDK says so only where it is asked at each start."""
    original = server.create_initialization_options

    def options(
        notification_options: NotificationOptions | None = None, *args: Any, **kwargs: Any
    ) -> InitializationOptions:
        return original(notification_options or NotificationOptions(True, True, True), *args, **kwargs)

    server.create_initialization_options = options  # type: ignore[method-assign]
