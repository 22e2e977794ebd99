"""The table tools over a folder, asked by a real client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import Client

from memento_toolhub.servers.documents.tables import offer_tables
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.rest import Rests, offer_read_more
from memento_toolhub.servers.kit.roots import Roots
from memento_toolhub.servers.kit.tool_server import ToolServer


@dataclass(frozen=True, slots=True)
class TableClient:
    """A client whose answers are plain data."""

    client: Client

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured result of a call that has to succeed."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        assert result.structured_content is not None
        return result.structured_content

    async def rows(self, path: str, sql: str, **arguments: Any) -> list[list[Any]]:
        """The rows of a query."""
        answer = await self.ask("query_table", path=path, sql=sql, **arguments)
        return list(answer["rows"])

    async def table(self, path: str, **arguments: Any) -> dict[str, Any]:
        """The only table of a file."""
        listing = await self.ask("list_tables", path=path, **arguments)
        (table,) = listing["tables"]
        return dict(table)

    async def error(self, tool: str, **arguments: Any) -> str:
        """What a call that has to fail says."""
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, result.structured_content
        return str(result.content[0].text)  # type: ignore[union-attr]


@asynccontextmanager
async def tables_over(folder: Path, mode: str = "auto") -> AsyncIterator[TableClient]:
    """The tools over one folder."""
    server = ToolServer("tables")
    rests = Rests()
    offer_tables(server, Options(Roots.of([folder]), folder), rests)
    offer_read_more(server, rests)
    async with Client(server, mode=mode) as client:
        yield TableClient(client)
