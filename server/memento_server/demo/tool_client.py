"""An MCP client as the demo uses it."""

from __future__ import annotations

import json
from typing import Any

from mcp import Client

from memento_memory.errors import MementoError


class ToolClient:
    """An MCP client that speaks to one Memento server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a tool and return its structured result.

        Raises:
            MementoError: if the tool answers with an error.
        """
        result = await self._client.call_tool(name, arguments)
        if result.is_error:
            raise MementoError(f"{name}: {getattr(result.content[0], 'text', result.content[0])}")
        structured: dict[str, Any] = result.structured_content or {}
        return structured

    async def call_text(self, name: str, /, **arguments: Any) -> str:
        """Call a relayed tool and return its text.

        Raises:
            MementoError: if the tool answers with an error.
        """
        result = await self._client.call_tool(name, arguments)
        text = "\n".join(getattr(block, "text", "") for block in result.content)
        if result.is_error:
            raise MementoError(f"{name}: {text}")
        return text

    async def read_json(self, uri: str) -> Any:
        """Read a resource that is JSON."""
        content = (await self._client.read_resource(uri)).contents[0]
        return json.loads(getattr(content, "text", "null"))

    async def describe(self) -> str:
        """The server's name and version, the protocol spoken, and its tools."""
        tools = await self._client.list_tools()
        info = self._client.server_info
        who = f"{info.name} {info.version}" if info else "an unnamed server"
        names = ", ".join(tool.name for tool in tools.tools)
        return f"{who} over stdio, MCP {self._client.protocol_version}: {names}"
