"""The MCP server for pictures, sound and video."""

from __future__ import annotations

from mcp.server import MCPServer

from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.rest import offer_read_more
from memento_toolhub.servers.kit.tool_server import ToolServer
from memento_toolhub.servers.media import listen, look, watch
from memento_toolhub.servers.media.desk import Desk
from memento_toolhub.servers.media.seams import Ears, Eyes


def build(options: Options, *, eyes: Eyes | None = None, ears: Ears | None = None) -> MCPServer:
    """The server; nothing heavy is loaded until a tool needs it.

    Args:
        eyes: the vision model; without one the tools that need it say what to configure.
        ears: the speech model; likewise.
    """
    server = ToolServer(
        "media",
        instructions="Look at pictures, read text in them, write down speech, and look into videos.",
    )
    desk = Desk(options, eyes, ears)
    look.offer(server, desk)
    listen.offer(server, desk)
    watch.offer(server, desk)
    offer_read_more(server, desk.rests)
    return server
