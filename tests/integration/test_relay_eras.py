"""A server of the stateless era only, behind Memento, for hosts of both eras."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import ElicitRequestParams, ElicitResult

from integration.processes import answer_of, serve_command
from integration.relays import backend, kept_in, tools_file


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_what_it_asks_for_is_asked_of_the_host_in_the_host_s_own_way(tmp_path: Path, mode: str) -> None:
    asked: list[str] = []

    async def answer(_: object, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"colour": "green"})

    async def run() -> None:
        file = tools_file(tmp_path, {"painter": backend("modern_only.py")})
        command = [*serve_command(tmp_path / "bank.sqlite3"), "--tools", str(file)]
        parameters = StdioServerParameters(command=command[0], args=command[1:], env=kept_in(tmp_path))
        async with Client(stdio_client(parameters), mode=mode, elicitation_callback=answer, cache=None) as host:
            assert "painter__paint" in [tool.name for tool in (await host.list_tools()).tools]
            result = answer_of(await host.call_tool("painter__paint", {}))
            assert (result.is_error, result.text) == (False, "painted green")

    anyio.run(run)
    assert asked == ["Which colour?"]
