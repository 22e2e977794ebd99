"""A server of both eras made with the SDK, over stdio or, given a port, streamable HTTP."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("sdk", log_level="ERROR")


@server.tool()
def echo(text: str) -> str:
    """Echo a text."""
    return text


@server.tool()
async def hold(gate: str, ctx: Context) -> str:
    """Answer when the gate's file is there; leave files that say the call began, and whether it was cancelled."""
    path = Path(gate)
    path.with_suffix(".begun").touch()
    try:
        while not path.exists():
            await anyio.sleep(0.05)
    except anyio.get_cancelled_exc_class():
        path.with_suffix(".cancelled").touch()
        raise
    return "held"


@server.tool()
async def steps(count: int, pause: float, ctx: Context) -> str:
    """Report progress so many times, with a pause before each."""
    for step in range(1, count + 1):
        await anyio.sleep(pause)
        await ctx.report_progress(step, count)
    return f"{count} steps"


@server.tool()
def pid() -> int:
    """The id of this process."""
    return os.getpid()


@server.tool()
def crash() -> str:
    """End this process at once."""
    os._exit(13)


@server.tool()
async def grow(ctx: Context) -> str:
    """Add a tool and say so, in both eras."""

    def added(text: str) -> str:
        """A tool that was not there before."""
        return text

    server.add_tool(added)
    await ctx.notify_tools_changed()
    if ctx.protocol_version is None or ctx.protocol_version < "2026":
        await ctx.session.send_tool_list_changed()
    return "grown"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run()
