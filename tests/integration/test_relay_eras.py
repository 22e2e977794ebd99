"""A server of the stateless era only, behind Memento, for hosts of both eras."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult

from integration.processes import answer_of, serve_command
from integration.relays import Entry, backend, kept_in, tools_file

SIGNED = "io.modelcontextprotocol/serverInfo"
FIXTURE = Path(__file__).parents[1] / "conformance" / "fixture_server.py"


def ask(
    folder: Path, servers: dict[str, Entry], *calls: tuple[str, dict[str, Any]], mode: str, takes_s: float = 0
) -> tuple[list[CallToolResult], list[str]]:
    """Call tools that ask the host's user something; gives the results and what was asked."""
    asked: list[str] = []

    async def answer(_: object, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        await anyio.sleep(takes_s)
        return ElicitResult(action="accept", content={"colour": "green", "username": "ida", "email": "ida@example.org"})

    async def run() -> list[CallToolResult]:
        command = [*serve_command(folder / "bank.sqlite3"), "--tools", str(tools_file(folder, servers))]
        parameters = StdioServerParameters(command=command[0], args=command[1:], env=kept_in(folder))
        async with Client(stdio_client(parameters), mode=mode, elicitation_callback=answer, cache=None) as host:
            listed = {tool.name for tool in (await host.list_tools()).tools}
            assert {tool for tool, _ in calls} <= listed
            return [await host.call_tool(tool, arguments) for tool, arguments in calls]

    return anyio.run(run), asked


def test_what_it_asks_for_is_asked_of_a_host_of_its_own_era(tmp_path: Path) -> None:
    (result,), asked = ask(tmp_path, {"asking": backend("modern_only.py")}, ("asking__paint", {}), mode="auto")
    _is_painted(result)
    assert asked == ["Which colour?"]


def test_a_host_of_the_handshake_era_is_asked_in_its_own_way_and_may_take_longer_than_a_server_may_be_silent(
    tmp_path: Path,
) -> None:
    fixture = {"command": sys.executable, "args": [str(FIXTURE)], "timeout": 1}
    servers = {"stateless": backend("modern_only.py", timeout=1), "handshake": fixture}
    calls = [("stateless__paint", {}), ("handshake__test_elicitation", {"message": "Who are you?"})]
    (painted, elicited), asked = ask(tmp_path, servers, *calls, mode="legacy", takes_s=2)
    _is_painted(painted)
    assert not elicited.is_error, answer_of(elicited).text
    assert len(asked) == 2
    assert asked[0] == "Which colour?"


def _is_painted(result: CallToolResult) -> None:
    assert (result.is_error, answer_of(result).text) == (False, "painted green")
    assert (result.meta or {SIGNED: {"name": "memento"}})[SIGNED]["name"] == "memento"  # not the server's own name
