"""The protocol's reference servers, reached in two ways at once: each directly, and all through Memento.

Each way has a folder of its own, so that what a server writes is written twice. Only what must differ is made equal
before two results are compared: the names of those folders, and the name that the answering server gives itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, MCPError, StdioServerParameters
from mcp import types as mcp_types
from mcp.client.stdio import stdio_client
from mcp.server.subscriptions import ResourceUpdated
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import BaseModel

from integration import npm_servers
from integration.processes import PATIENCE_S, environment, serve_command

PYPI = ("time", "git", "fetch")
NAMES = (*npm_servers.SERVERS, *PYPI)
LONGEST_NAME = 40
_ANSWERER = "io.modelcontextprotocol/serverInfo"
_COMMITTED = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ida"), ("EMAIL", "ida@example.com"), ("DATE", "1767319445 +0100"))
}


@dataclass(slots=True)
class Host:
    """What a host declares and answers, and what servers told it meanwhile."""

    answers: bool = True
    roots: bool = False
    progress: list[tuple[float, float | None]] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)

    def declared(self) -> dict[str, Any]:
        """The client's arguments that make it declare sampling, elicitation and roots, or none of them."""
        given: dict[str, Any] = {"message_handler": self._on_message}
        if self.answers:
            tools = mcp_types.SamplingCapability(tools=mcp_types.SamplingToolsCapability())
            given |= {"sampling_callback": _sampled, "sampling_capabilities": tools, "elicitation_callback": _elicited}
        return given | ({"list_roots_callback": _rooted} if self.roots else {})

    async def on_progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.progress.append((progress, total))

    async def _on_message(self, message: Any) -> None:
        if isinstance(message, mcp_types.ResourceUpdatedNotification):
            self.updated.append(str(message.params.uri))


async def _sampled(_: Any, asked: Any) -> mcp_types.CreateMessageResult:
    heard = asked.messages[-1].content
    text = heard[0].text if isinstance(heard, list) else heard.text
    answer = mcp_types.TextContent(type="text", text=f"You said: {text} ({asked.max_tokens} tokens)")
    return mcp_types.CreateMessageResult(role="assistant", content=answer, model="parrot", stop_reason="endTurn")


async def _elicited(_: Any, asked: Any) -> mcp_types.ElicitResult:
    if asked.mode == "url":
        return mcp_types.ElicitResult(action="decline")
    return mcp_types.ElicitResult(action="accept", content={"name": "Ida", "check": True, "integer": 7})


async def _rooted(_: Any) -> mcp_types.ListRootsResult:
    return mcp_types.ListRootsResult(roots=[mcp_types.Root(uri="file:///srv/plans", name="plans")])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Way:
    """One of the two ways: its clients by server (behind Memento one and the same), and its folder."""

    folder: Path
    host: Host
    clients: Mapping[str, Client]
    names: Mapping[tuple[str, str], str]

    async def call(self, server: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What a call answers, a refusal included; "{folder}" in the arguments is this way's."""
        given = _replaced(arguments, "{folder}", str(self.folder))
        name = self.names.get((server, tool), tool)
        try:
            result = await self.clients[server].call_tool(name, given, progress_callback=self.host.on_progress)
        except MCPError as error:
            return {"error": [error.error.code, error.error.message]}
        return self.comparable(result)

    def comparable(self, result: BaseModel) -> dict[str, Any]:
        """A result as JSON, without what differs between any two servers and any two folders."""
        wire: dict[str, Any] = _replaced(wire_form(result), str(self.folder), "{folder}")
        meta = {key: value for key, value in (wire.pop("_meta", None) or {}).items() if key != _ANSWERER}
        return {**wire, "_meta": meta} if meta else wire


@dataclass(frozen=True, slots=True)
class Both:
    """Both ways to the same servers, for use from ordinary threads."""

    portal: BlockingPortal
    direct: Way
    relayed: Way
    servers: tuple[str, ...]

    def call(self, server: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool directly and through Memento; return the answer, the same both times."""
        directly = self.portal.call(self.direct.call, server, tool, arguments)
        relayed: dict[str, Any] = self.portal.call(self.relayed.call, server, tool, arguments)
        assert relayed == directly
        return relayed

    def same(self, server: str, ask: Callable[[Client], Any]) -> dict[str, Any]:
        """Ask anything else directly and through Memento; return the answer, the same both times."""
        ways = (self.direct, self.relayed)
        directly, relayed = [way.comparable(self.portal.call(ask, way.clients[server])) for way in ways]
        assert relayed == directly
        return relayed

    def same_definitions(self, server: str) -> list[str]:
        """Compare every tool but for its name, and their order; return the names the server gives them."""
        directly = self.portal.call(self.direct.clients[server].list_tools).tools
        names = [self.relayed.names[server, tool.name] for tool in directly]
        listed = self.portal.call(self.relayed.clients[server].list_tools).tools
        wanted = [wire_form(tool) | {"name": name} for name, tool in zip(names, directly, strict=True)]
        if self.relayed.clients[server].protocol_version > self.direct.clients[server].protocol_version:
            for definition in wanted:
                definition.pop("execution", None)  # of the tasks that the newer protocol does not have
        assert [wire_form(tool) for tool in listed if tool.name in names] == wanted
        return [tool.name for tool in directly]


async def subscribed(client: Client, uri: str, then: Callable[[], Awaitable[None]]) -> None:
    """Ask for updates of a resource and do something; return with the first update, in the old era without waiting."""
    if client.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
        await client.subscribe_resource(uri)
        return await then()
    async with client.listen(resource_subscriptions=[uri]) as subscription:
        await then()
        async for event in subscription:
            assert isinstance(event, ResourceUpdated)
            assert event.uri == uri
            return None
    raise AssertionError("the stream ended")


def wire_form(model: BaseModel) -> dict[str, Any]:
    """A model of the protocol as it is sent."""
    wire: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return wire


def missing() -> str:
    """Why the servers from npm cannot be run here, or ""."""
    try:
        npm_servers.command(npm_servers.SERVERS[0])
    except npm_servers.MissingError as error:
        return str(error)
    return ""


@contextmanager
def opened(
    base: Path, mode: str, servers: Sequence[str], *, answers: bool = True, roots: bool = False
) -> Iterator[Both]:
    """Connect both ways to these servers, those from npm left out where they cannot be run.

    Args:
        base: an empty folder.
        mode: the clients': "auto" or "legacy".
        answers: whether the host declares sampling and elicitation, and answers them.
        roots: whether it declares roots.
    """
    chosen = tuple(name for name in servers if name in PYPI or not missing())
    hosts = [Host(answers, roots) for _ in range(2)]
    folders = [base / "direct", base / "relayed"]
    with start_blocking_portal() as portal:
        manager = portal.wrap_async_context_manager(_connected(base, mode, chosen, hosts))
        clients, memento = manager.__enter__()
        try:
            names: dict[tuple[str, str], str] = {}
            for name in chosen:
                names |= portal.call(_names, name, clients[name], memento)
            direct = Way(folders[0], hosts[0], clients, {})
            yield Both(portal, direct, Way(folders[1], hosts[1], dict.fromkeys(chosen, memento), names), chosen)
        finally:
            manager.__exit__(None, None, None)  # a failed test's own exception would come back wrapped in groups


@asynccontextmanager
async def _connected(
    base: Path, mode: str, servers: tuple[str, ...], hosts: Sequence[Host]
) -> AsyncIterator[tuple[dict[str, Client], Client]]:
    direct, relayed = hosts
    async with AsyncExitStack() as stack:
        clients = {}
        for name in servers:
            clients[name] = await stack.enter_async_context(_client(started(name, base / "direct"), mode, direct, base))
        memento = _memento(base, servers, base / "relayed")
        yield clients, await stack.enter_async_context(_client(memento, mode, relayed, base))


@asynccontextmanager
async def _client(process: StdioServerParameters, mode: str, host: Host, base: Path) -> AsyncIterator[Client]:
    with (base / "stderr.txt").open("a", encoding="utf-8") as errors:
        transport = stdio_client(process, errlog=errors)
        async with Client(transport, mode=mode, read_timeout_seconds=PATIENCE_S, **host.declared()) as client:
            yield client


async def _names(server: str, direct: Client, relayed: Client) -> dict[tuple[str, str], str]:
    """What this server's tools are called behind Memento; long names are shortened there."""
    listed = {tool.name: tool.description for tool in (await relayed.list_tools()).tools}
    names = {}
    for tool in (await direct.list_tools()).tools:
        name = f"{server}__{tool.name}"
        if len(name) > LONGEST_NAME:
            (name,) = [name for name, description in listed.items() if description == tool.description]
        names[server, tool.name] = name
    return names


def _memento(base: Path, servers: tuple[str, ...], folder: Path) -> StdioServerParameters:
    file = base / "tools.json"
    entries = {}
    for name in servers:
        process = started(name, folder)
        entries[name] = {"command": process.command, "args": process.args, "env": process.env, "expose": "all"}
    file.write_text(json.dumps({"mcpServers": entries}), encoding="utf-8")
    command, *arguments = serve_command(base / "bank.sqlite3", "--tools", str(file))
    own = {name: str(base / name) for name in ("XDG_DATA_HOME", "XDG_STATE_HOME")}  # approved tools, logs
    return StdioServerParameters(command=command, args=arguments, env=environment(**own))


def started(server: str, folder: Path) -> StdioServerParameters:
    """How a server is started that works in a folder; the folder is made."""
    empty = folder / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    if server in npm_servers.SERVERS:
        command, *arguments = npm_servers.command(server)
        arguments += [str(folder), str(folder.parent / "common")] if server == "filesystem" else []
        (folder.parent / "common").mkdir(exist_ok=True)
        memory = {"MEMORY_FILE_PATH": str(folder / "graph.jsonl")} if server == "memory" else {}
        return StdioServerParameters(command=command, args=arguments, env=memory)
    more = {"time": ["--local-timezone", "Europe/Copenhagen"], "git": [], "fetch": ["--allow-private-ips"]}[server]
    # Where fetch finds node, it installs a package of node's into itself.
    env = {"git": _COMMITTED, "fetch": {"PATH": str(empty)}}.get(server, {})
    return StdioServerParameters(command=sys.executable, args=["-m", f"mcp_server_{server}", *more], env=env)


def _replaced(value: Any, old: str, new: str) -> Any:
    return json.loads(json.dumps(value, ensure_ascii=False).replace(old, new))
