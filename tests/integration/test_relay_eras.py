"""A server of the stateless era only, behind Memento, for hosts of both eras."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult

from integration.processes import answer_of, serve_command
from integration.relays import Entry, backend, kept_in, tools_file

SIGNED = "io.modelcontextprotocol/serverInfo"
FIXTURE = Path(__file__).parents[1] / "conformance" / "fixture_server.py"


def ask(folder: Path, entry: Entry, tool: str, arguments: dict[str, Any], *, mode: str, takes_s: float = 0) -> Any:
    """Call a tool that asks the host's user something; gives the result and what was asked."""
    asked: list[str] = []

    async def answer(_: object, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        await anyio.sleep(takes_s)
        return ElicitResult(action="accept", content={"colour": "green", "username": "ida", "email": "ida@example.org"})

    async def run() -> CallToolResult:
        file = tools_file(folder, {"asking": entry})
        command = [*serve_command(folder / "bank.sqlite3"), "--tools", str(file)]
        parameters = StdioServerParameters(command=command[0], args=command[1:], env=kept_in(folder))
        async with Client(stdio_client(parameters), mode=mode, elicitation_callback=answer, cache=None) as host:
            assert f"asking__{tool}" in [listed.name for listed in (await host.list_tools()).tools]
            return await host.call_tool(f"asking__{tool}", arguments)

    return anyio.run(run), asked


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_what_it_asks_for_is_asked_of_the_host_in_the_host_s_own_way(tmp_path: Path, mode: str) -> None:
    result, asked = ask(tmp_path, backend("modern_only.py"), "paint", {}, mode=mode)
    assert (result.is_error, answer_of(result).text) == (False, "painted green")
    assert asked == ["Which colour?"]
    assert (result.meta or {SIGNED: {"name": "memento"}})[SIGNED]["name"] == "memento"  # not the server's own name


@pytest.mark.parametrize("era", ["handshake", "stateless"])
def test_a_person_may_take_longer_to_answer_than_the_server_may_be_silent(tmp_path: Path, era: str) -> None:
    entry, tool = backend("modern_only.py", timeout=1), "paint"
    if era == "handshake":
        entry, tool = {"command": sys.executable, "args": [str(FIXTURE)], "timeout": 1}, "test_elicitation"
    arguments = {"message": "Who are you?"} if era == "handshake" else {}
    result, asked = ask(tmp_path, entry, tool, arguments, mode="legacy", takes_s=2)
    assert len(asked) == 1
    assert not result.is_error, answer_of(result).text
