"""Reaching downstream servers by streamable HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp.types import TextContent
from starlette.requests import Request
from starlette.responses import Response

from memento_toolhub.config.hub import BackendConfig, Http
from memento_toolhub.process.transport import open_transport, refusal

SECRET = "hunter2-very-secret"


@asynccontextmanager
async def http_server() -> AsyncGenerator[str]:
    """A real server on loopback that shows the headers of a call and gives long results."""
    server = MCPServer("remote", log_level="ERROR")

    @server.tool()
    def headers() -> str:
        """The headers of the last request."""
        return json.dumps(seen)

    @server.tool()
    def long(size: int) -> str:
        """A long text."""
        return "x" * size

    seen: dict[str, str] = {}
    app = server.streamable_http_app()

    async def noting(scope: dict[str, object], receive: object, send: object) -> None:
        if scope["type"] == "http":
            seen.clear()
            seen.update(Request(scope).headers)
        await app(scope, receive, send)  # type: ignore[arg-type]

    async with listening_to(noting) as url:
        yield url


@asynccontextmanager
async def listening_to(app: Any) -> AsyncGenerator[str]:
    """An HTTP server on a free port of loopback."""
    listening = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="auto", log_level=logging.CRITICAL))
    task = asyncio.create_task(listening.serve())
    while not listening.started:
        await asyncio.sleep(0.01)
    port = listening.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/mcp"
    listening.should_exit = True
    await task


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_http_headers_reach_the_server_and_a_long_result_comes_back(mode: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with http_server() as url:
            config = BackendConfig(name="remote", transport=Http(url=url, headers={"Authorization": SECRET}))
            target = open_transport(config, tmp_path, chain="outer")
            async with Client(target, mode=mode) as client:
                shown = await client.call_tool("headers", {})
                assert isinstance(shown.content[0], TextContent)
                seen = json.loads(shown.content[0].text)
                assert (seen["authorization"], seen["memento-chain"]) == (SECRET, "outer")
                result = await client.call_tool("long", {"size": 2_000_000})
                assert isinstance(result.content[0], TextContent)
                assert len(result.content[0].text) == 2_000_000
        assert list(tmp_path.iterdir()) == []

    asyncio.run(run())


@pytest.mark.parametrize(("status", "told"), [(401, "other credentials"), (404, "correct its url")])
def test_what_an_http_server_refuses_is_told_in_words(status: int, told: str, tmp_path: Path) -> None:
    async def refuse(scope: dict[str, object], receive: object, send: object) -> None:
        if scope["type"] == "http":
            await Response(status_code=status)(scope, receive, send)  # type: ignore[arg-type]

    async def run() -> str:
        async with listening_to(refuse) as url:
            config = BackendConfig(name="remote", transport=Http(url=url, headers={"Authorization": SECRET}, shown=url))
            with pytest.raises(BaseExceptionGroup):
                async with Client(open_transport(config, tmp_path)):
                    pass
            return refusal(config)

    words = asyncio.run(run())
    assert told in words
    assert SECRET not in words
