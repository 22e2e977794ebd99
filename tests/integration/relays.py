"""Memento between a host and real tool servers, each in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import Tool
from typer.testing import CliRunner, Result

from integration.processes import PATIENCE_S, Answer, Server, answer_of, environment, serve_command
from memento_server.cli import app

SERVERS = Path(__file__).parents[1] / "toolhub" / "servers"
OWN_TOOLS = ["plan_with_memory", "record_outcome", "retrieve_cases"]

Entry = Mapping[str, Any]


def backend(script: str, *arguments: object, **options: Any) -> Entry:
    """The entry of one of the servers here in a tools file."""
    return {"command": sys.executable, "args": [str(SERVERS / script), *map(str, arguments)], **options}


class Relay(Server):
    """A running Memento with servers behind it."""

    def __init__(self, portal: BlockingPortal, client: Client, folder: Path, stderr: Path, heard: list[Any]) -> None:
        super().__init__(portal, client, folder / "bank.sqlite3", stderr)
        self.folder = folder
        self.heard = heard

    def tools(self) -> dict[str, Tool]:
        """The tools listed now, by name, in their order."""
        return {tool.name: tool for tool in self.do(self.client.list_tools).tools}

    def attempt(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool; a protocol error counts as an answer too."""
        return self.portal.call(attempt, self.client, tool, arguments)

    def begin(self, tool: str, **arguments: Any) -> Future[Answer]:
        """Begin a call; cancelling the future cancels the call."""
        return self.portal.start_task_soon(attempt, self.client, tool, arguments)

    def state(self, server: str) -> dict[str, Any]:
        """What memento://servers says of one server."""
        found = self.read("memento://servers")
        listed = found["servers"] if isinstance(found, dict) else found
        (entry,) = [entry for entry in listed if entry["name"] == server]
        return dict(entry)


async def attempt(client: Client, tool: str, arguments: dict[str, Any]) -> Answer:
    """Call a tool; a protocol error counts as an answer too."""
    try:
        return answer_of(await client.call_tool(tool, arguments))
    except MCPError as error:
        return Answer(True, str(error), {})


@contextmanager
def relaying(
    folder: Path,
    servers: Mapping[str, Entry],
    *,
    mode: str = "auto",
    env: Mapping[str, str] | None = None,
    callbacks: Mapping[str, Any] | None = None,
) -> Iterator[Relay]:
    """Serve the servers behind Memento over stdio and connect to it, with everything it keeps in `folder`.

    Args:
        mode: the client's: "auto" or "legacy".
        env: variables to add to Memento's environment.
        callbacks: what the client can be asked.
    """
    heard: list[Any] = []
    log = folder / "stderr.txt"
    command = [*serve_command(folder / "bank.sqlite3"), "--tools", str(tools_file(folder, servers))]
    connection = _connected(command, kept_in(folder) | dict(env or {}), log, mode, heard, callbacks or {})
    with start_blocking_portal() as portal:
        manager = portal.wrap_async_context_manager(connection)
        client = manager.__enter__()
        try:
            yield Relay(portal, client, folder, log, heard)
        finally:
            manager.__exit__(None, None, None)  # a failed test's own exception would come back wrapped in groups


def tools_file(folder: Path, servers: Mapping[str, Entry]) -> Path:
    """Write the file that names the servers."""
    file = folder / "tools.json"
    file.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    return file


def kept_in(folder: Path) -> dict[str, str]:
    """An environment in which Memento keeps everything of its own in a folder, but finds the prepared model."""
    homes = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("DATA", "STATE", "CONFIG")}
    return environment(**homes)


def commanded(folder: Path, *arguments: str) -> Result:
    """Carry out a command on what is kept in a folder, in this process; it must succeed."""
    at = {"MEMENTO_BANK": str(folder / "bank.sqlite3"), "MEMENTO_TOOLS": str(folder / "tools.json")}
    done = CliRunner().invoke(app, arguments, env=kept_in(folder) | at)
    assert done.exit_code == 0, done.output or done.exception
    return done


@asynccontextmanager
async def _connected(
    command: list[str], env: dict[str, str], log: Path, mode: str, heard: list[Any], callbacks: Mapping[str, Any]
) -> Any:
    async def hear(message: Any) -> None:
        heard.append(message)

    parameters = StdioServerParameters(command=command[0], args=command[1:], env=env)
    with log.open("a", encoding="utf-8") as errors:
        transport = stdio_client(parameters, errlog=errors)
        options: dict[str, Any] = {
            "read_timeout_seconds": PATIENCE_S,
            "cache": None,
            "message_handler": hear,
            **callbacks,
        }
        async with Client(transport, mode=mode, **options) as client:
            yield client


def free_port() -> int:
    """A port nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def change_announced(client: Client, work: Callable[[], Any]) -> str:
    """The first event of a subscription to list changes that is opened before the work is done."""
    async with client.listen(tools_list_changed=True) as events:
        await work()
        async for event in events:
            return type(event).__name__
    return "the stream ended"
