"""A code server with a small sandbox, and one call after another."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import mcp
import pytest

from memento_toolhub.servers.code.finding import NoSandbox, find_sandbox
from memento_toolhub.servers.code.limits import MB, Limits
from memento_toolhub.servers.code.sandbox import Sandbox
from memento_toolhub.servers.code.server import build
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.roots import Roots

USUAL = Limits()
SMALL = Limits(
    memory=256 * MB,
    tasks=60,
    disk=128 * MB,
    files=2000,
    file=24 * MB,
    output=8 * MB,
    temporary=16 * MB,
    shared=8 * MB,
)
_FOUND = find_sandbox({})
needs_sandbox = pytest.mark.skipif(
    isinstance(_FOUND, NoSandbox) and not os.environ.get("MEMENTO_TEST_ALL_PARTS"),
    reason=f"no sandbox here: {_FOUND.why if isinstance(_FOUND, NoSandbox) else ''}",
)


class Caller:
    """Calls tools of one server, for one plan after another."""

    def __init__(self, client: mcp.Client) -> None:
        self.client = client

    async def __call__(self, tool: str, plan: str = "", **arguments: Any) -> Any:
        """What a tool answers, as an object; an error's text where it fails."""
        result = await self.full(tool, plan, **arguments)
        return result.content[0].text if result.is_error else result.structured_content

    async def full(self, tool: str, plan: str = "", **arguments: Any) -> Any:
        """The whole result."""
        meta: Any = {"memento/plan_id": plan} if plan else None
        return await self.client.call_tool(tool, arguments, meta=meta)

    async def python(self, code: str, timeout: float = 20, **arguments: Any) -> Any:
        """What running some code gives."""
        return await self("run_python", code=code, timeout=timeout, **arguments)

    async def shell(self, command: str, timeout: float = 20, **arguments: Any) -> Any:
        """What running a command gives."""
        return await self("run_shell", command=marked(command), timeout=timeout, **arguments)


def within(*, network: bool = False, limits: Limits = USUAL) -> Sandbox:
    """This machine's sandbox, in which a run may take so much."""
    assert isinstance(_FOUND, Sandbox)
    return replace(_FOUND, network=network, limits=limits)


def options(folder: Path) -> Options:
    """A server's options: files may be read from `given`, and what is kept lies in `scratch`."""
    (folder / "given").mkdir(exist_ok=True)
    return Options(Roots.of([folder / "given"]), folder / "scratch")


def with_server(
    folder: Path,
    ask: Callable[[Caller], Awaitable[None]],
    *,
    mode: Any = "auto",
    network: bool = False,
    limits: Limits = USUAL,
) -> None:
    """Ask a server; at the end it has to be able to do its work still."""

    async def main() -> None:
        server = build(options(folder), sandbox=within(network=network, limits=limits))
        async with mcp.Client(server, mode=mode) as client:
            caller = Caller(client)
            await ask(caller)
            alive = await caller.python("6 * 7", plan="another")
            assert alive["stdout"] == "42\n", alive

    anyio.run(main)


def outcome(folder: Path, code: str, *, tool: str = "python", timeout: float = 20, **bounds: Any) -> dict[str, Any]:
    """What became of one run."""
    found: dict[str, Any] = {}

    async def ask(caller: Caller) -> None:
        found.update(await (caller.python if tool == "python" else caller.shell)(code, timeout))

    with_server(folder, ask, **bounds)
    return found


def told(folder: Path, code: str, **bounds: Any) -> Any:
    """What some code printed, as JSON."""
    found = outcome(folder, code, **bounds)
    assert found["exit_code"] == 0, found
    return json.loads(found["stdout"])


def marked(command: str) -> str:
    """A command whose long sleeps are told from those of other tests that run beside this one."""
    return re.sub(r"sleep 47\d\d", rf"\g<0>.{os.getpid()}", command)


def running(words: str) -> list[int]:
    """The processes of this machine whose command line holds some words."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            except OSError:
                continue
            if marked(words).encode() in line:
                found.append(int(folder.name))
    return found
