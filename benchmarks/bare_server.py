"""An MCP server with one tool and nothing else: what any server on this SDK takes to start."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("bare")


@server.tool()
def echo(text: str) -> str:
    """Say the same."""
    return text


if __name__ == "__main__":
    server.run("stdio")
