"""Real servers in processes of their own: spoken to through the SDK's client, or line by line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from memento_server.__main__ import main
from memento_server.app import build
from memento_server.settings import Settings

T = TypeVar("T")
Run = Callable[..., subprocess.CompletedProcess[str]]  # memento or commanded

PATIENCE_S = 180.0  # for a machine under load; nothing here waits longer than the event it waits for
_HANDED_DOWN = ("MEMENTO_", "XDG_", "HF_", "PYTHON")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answered: the text a person reads, and the structure a program reads."""

    is_error: bool
    text: str
    structured: dict[str, Any]


class Server:
    """A running server and the client that speaks to it, for use from ordinary threads."""

    def __init__(self, portal: BlockingPortal, client: Client, bank: Path, stderr: Path) -> None:
        self.portal = portal
        self._bank = bank
        self.client = client
        self._stderr = stderr

    @property
    def process(self) -> psutil.Process:
        """The server's process, where it is the only one on its bank."""
        (found,) = [child for child in psutil.Process().children() if str(self._bank) in child.cmdline()]
        return found

    @property
    def stderr(self) -> str:
        """What the server has logged so far."""
        return self._stderr.read_text(encoding="utf-8")

    def do(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Await a coroutine function of the client and return its result."""
        return self.portal.call(work, *arguments)

    def call(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool, whatever it answers."""
        return answer_of(self.portal.call(self.client.call_tool, tool, arguments))

    def ok(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must succeed and return its structured result."""
        answer = self.call(tool, **arguments)
        assert not answer.is_error, answer.text
        return answer.structured

    def read(self, uri: str) -> Any:
        """The JSON under a resource."""
        return json.loads(self.do(self.client.read_resource, uri).contents[0].text)


def answer_of(result: Any) -> Answer:
    """The SDK's result as what the tests look at."""
    text = "\n".join(block.text for block in result.content if block.type == "text")
    return Answer(bool(result.is_error), text, result.structured_content or {})


def environment(**more: str) -> dict[str, str]:
    """What a server needs from this process's environment, beyond what the SDK hands down by itself."""
    return {name: value for name, value in os.environ.items() if name.startswith(_HANDED_DOWN)} | more


def serve_command(bank: Path, *arguments: str) -> list[str]:
    """The command that serves a bank."""
    return [sys.executable, "-m", "memento_server", "serve", "--bank", str(bank), *arguments]


@contextmanager
def serving(
    bank: Path,
    *,
    mode: str = "auto",
    env: dict[str, str] | None = None,
    under: Sequence[str] = (),
    logs: Path | None = None,
) -> Iterator[Server]:
    """Serve a bank over stdio and connect to it.

    Args:
        mode: the client's: "auto" or "legacy".
        env: variables to add to the server's environment.
        under: a command that the server's command is given to as arguments.
        logs: the folder for the server's stderr, by default the bank's.
    """
    command = [*under, *serve_command(bank)]
    log = (logs or bank.parent) / f"stderr-{time.monotonic_ns()}.txt"
    connection = _connected(command, environment(**(env or {})), log, mode)
    with start_blocking_portal() as portal:
        manager = portal.wrap_async_context_manager(connection)
        client = manager.__enter__()
        try:
            yield Server(portal, client, bank, log)
        finally:
            manager.__exit__(None, None, None)  # a failed test's own exception would come back wrapped in groups


@contextmanager
def serving_here(bank: Path, *, env: dict[str, str] | None = None) -> Iterator[Server]:
    """Serve a bank inside this process, where it does not matter that a server is a process of its own."""
    with changed_environment(env or {}):
        settings = Settings.of(bank=bank)
    with start_blocking_portal() as portal:
        manager = portal.wrap_async_context_manager(Client(build(settings), read_timeout_seconds=PATIENCE_S))
        client = manager.__enter__()
        try:
            yield Server(portal, client, bank, bank)
        finally:
            manager.__exit__(None, None, None)


@asynccontextmanager
async def _connected(command: list[str], env: dict[str, str], log: Path, mode: str) -> Any:
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=env)
    with log.open("w", encoding="utf-8") as errors:
        transport = stdio_client(parameters, errlog=errors)
        async with Client(transport, mode=mode, read_timeout_seconds=PATIENCE_S) as client:
            yield client


class RawServer:
    """A server spoken to by lines, as a host without an SDK would; keeps every line of its stdout."""

    def __init__(self, bank: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self._stderr = bank.parent / f"stderr-{time.monotonic_ns()}.txt"
        self._next_id = 0
        self._read = threading.Condition()
        with self._stderr.open("w", encoding="utf-8") as errors:
            self.process = psutil.Popen(
                serve_command(bank, *arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(env or {})},
            )
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    @property
    def stderr(self) -> str:
        """What the server has logged so far."""
        return self._stderr.read_text(encoding="utf-8")

    def initialize(self) -> dict[str, Any]:
        """Shake hands in the legacy era and return the server's answer."""
        client = {"name": "raw", "version": "1"}
        params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        answer = self.request("initialize", params)
        self.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        return answer

    def send(self, line: str) -> None:
        """Write one line to the server's stdin."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return the message that answers it."""
        self._next_id += 1
        self.send(json.dumps({"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params or {}}))
        return self.answer(self._next_id)

    def call(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool, whatever it answers."""
        result = self.request("tools/call", {"name": tool, "arguments": arguments})["result"]
        text = "\n".join(block["text"] for block in result["content"])
        return Answer(bool(result.get("isError")), text, result.get("structuredContent") or {})

    def answer(self, id_: int) -> dict[str, Any]:
        """Wait for the message that answers a request."""
        with self._read:
            found = self._read.wait_for(lambda: self._answer_to(id_) or not self._reader.is_alive(), PATIENCE_S)
        assert isinstance(found, dict), f"no answer to request {id_}; stderr: {self.stderr[-2000:]}"
        return found

    def stop(self) -> int:
        """Close stdin and return the exit status."""
        self.process.stdin.close()
        return self.wait()

    def wait(self) -> int:
        """Wait for the end of the process and of its output."""
        status = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return int(status)

    def _answer_to(self, id_: int) -> dict[str, Any] | None:
        messages = (json.loads(line) for line in self.lines)
        return next((message for message in messages if message.get("id") == id_), None)

    def _collect(self) -> None:
        for line in self.process.stdout:
            with self._read:
                self.lines.append(line.decode())
                self._read.notify_all()
        with self._read:
            self._read.notify_all()


@contextmanager
def raw_server(bank: Path, *arguments: str, env: dict[str, str] | None = None) -> Iterator[RawServer]:
    """A raw server that is gone afterwards, whatever happened."""
    server = RawServer(bank, *arguments, env=env)
    try:
        yield server
    finally:
        if server.process.is_running():
            server.process.kill()
        server.wait()


def memento(*arguments: str, env: dict[str, str] | None = None, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "memento_server", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, **(env or {})},
    )


def commanded(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end inside this process, which saves a second of imports."""
    out, err, argv, status = io.StringIO(), io.StringIO(), sys.argv, 0
    sys.argv = ["memento", *arguments]
    try:
        with changed_environment(env or {}), redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        if isinstance(end.code, str):
            err.write(end.code + "\n")
        status = 1 if isinstance(end.code, str) else end.code or 0
    finally:
        sys.argv = argv
    return subprocess.CompletedProcess(["memento", *arguments], status, out.getvalue(), err.getvalue())


@contextmanager
def changed_environment(changes: dict[str, str]) -> Iterator[None]:
    """Set variables of this process for a while."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def until(event: Callable[[], T], what: str) -> T:
    """Look again and again until something has happened, for events nobody announces; return what was seen."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if seen := event():
            return seen
        time.sleep(0.02)
    raise AssertionError(f"waited {PATIENCE_S:.0f} s in vain for {what}")
