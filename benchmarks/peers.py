"""Other memory servers, installed beside the benchmarks and asked the same things in the same run.

They are installed into benchmarks/.peers the first time: one from npm, one from PyPI into an environment of its own.
What cannot be installed here is left out, and why is said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from footprint import tokens
from measure import Figure, Setup, alternate, median, milliseconds, stopwatch
from report import table
from wire import Server, beside, memento

from memento_memory.case import Task

NODE, NODE_VERSION = "@modelcontextprotocol/server-memory", "2026.8.31"
SERVICE, SERVICE_VERSION = "mcp-memory-service", "12.2.0"
_STORED = 500
_SETTLES_S = 5.0  # whatever a server does in the background after so many writes
_LOADS_EXTENSIONS = "import sqlite3; sqlite3.connect(':memory:').enable_load_extension(True)"


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, and what storing and searching are called there."""

    name: str
    command: list[str]
    environment: dict[str, str]
    store: Callable[[Server, Task, int], object]
    search: Callable[[Server, Task], object]


@dataclass(slots=True)
class Measured:
    """What was measured of one server; milliseconds, megabytes, tokens."""

    start: float = 0.0
    store: float = 0.0
    search: float = 0.0
    resident: float = 0.0
    tokens: float = 0.0


def run(setup: Setup) -> list[Figure]:
    """Start, store, search, memory and size of tools/list, each server with the same tasks."""
    peers = [_memento(setup)]
    for name, find in ((NODE, node_memory), (SERVICE, _memory_service)):
        found = find(setup)
        if isinstance(found, str):
            print(f"  left out: {name}: {found}")
        else:
            peers.append(found)
    measured = _measure(setup, peers)
    columns = ["server", "start ms", "store ms", "search ms", "resident MB", "tools/list tokens"]
    table(
        f"memory servers with {_stored(setup)} memories, medians",
        columns,
        [
            [name, f"{m.start:.0f}", f"{m.store:.1f}", f"{m.search:.1f}", f"{m.resident:.0f}", f"{m.tokens:,.0f}"]
            for name, m in measured.items()
        ],
    )
    ours = measured.pop("memento")
    return [
        Figure(f"{what}: beside a peer", getattr(ours, what), unit, getattr(theirs, what), name)
        for name, theirs in measured.items()
        for what, unit in (("start", "ms"), ("store", "ms"), ("search", "ms"), ("resident", "MB"), ("tokens", "tokens"))
    ]


def node_memory(setup: Setup) -> Peer | str:
    """The reference memory server of the protocol's makers, or why it is not here."""
    home = setup.peers / "node"
    script = home / "node_modules" / NODE / "dist" / "index.js"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "npm is not installed"
    if not script.exists():
        home.mkdir(parents=True, exist_ok=True)
        install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(home), f"{NODE}@{NODE_VERSION}"]
        if problem := _run(install):
            return problem
    return Peer(
        NODE,
        [node, str(script)],
        {"MEMORY_FILE_PATH": str(setup.folder / "node-memory.jsonl")},
        lambda server, task, i: server.call(
            "create_entities",
            entities=[{"name": f"task {i}", "entityType": "task", "observations": [task.state]}],
        ),
        lambda server, task: server.call("search_nodes", query=max(task.text.split(), key=len)),
    )


def npx_memory(setup: Setup) -> Peer | str:
    """The same, started as its documentation says to; nothing is downloaded any more then."""
    found, npx = node_memory(setup), shutil.which("npx")
    if isinstance(found, str) or npx is None:
        return found if isinstance(found, str) else "npx is not installed"
    command = [npx, "--no-install", "--prefix", str(setup.peers / "node"), "mcp-server-memory"]
    return replace(found, command=command)


def _memory_service(setup: Setup) -> Peer | str:
    home = setup.peers / "mms"
    command = home / "bin" / "memory"
    if not command.exists():
        python = _python_with_extensions()
        if python is None:
            return "no Python here has an sqlite3 that can load extensions, which it needs"
        for step in (
            [python, "-m", "venv", str(home)],
            [
                str(home / "bin" / "pip"),
                "install",
                "--quiet",
                f"{SERVICE}=={SERVICE_VERSION}",
                "onnxruntime",
                "tokenizers",
            ],
        ):
            if problem := _run(step):
                return problem
    model = setup.peers / "home" / ".cache" / "mcp_memory" / "onnx_models" / "all-MiniLM-L6-v2" / "onnx"
    if not (model / "model.onnx").exists() and (problem := _run([*beside("peer_model.py"), str(model)])):
        return problem
    environment = {
        "HOME": str(setup.peers / "home"),
        "MCP_MEMORY_STORAGE_BACKEND": "sqlite_vec",
        "MCP_MEMORY_SQLITE_PATH": str(setup.folder / "mms.sqlite3"),
        "MCP_MEMORY_BASE_DIR": str(setup.folder / "mms"),
        "MCP_MEMORY_USE_ONNX": "true",
    }
    return Peer(
        SERVICE,
        [str(command), "server"],
        environment,
        # One conversation id, for else it refuses what resembles a memory it has.
        lambda server, task, i: server.call("memory_store", content=f"{task.state} ({i})", conversation_id="bench"),
        lambda server, task: server.call("memory_search", query=task.state, limit=4),
    )


def _memento(setup: Setup) -> Peer:
    return Peer(
        "memento",
        memento(setup.folder / "peers.sqlite3"),
        {},
        lambda server, task, i: server.call(
            "record_outcome", task=task.state, plan=f"1. do it as before\n2. check number {i}", outcome="success"
        ),
        lambda server, task: server.call("retrieve_cases", query=task.state),
    )


def _measure(setup: Setup, peers: list[Peer]) -> dict[str, Measured]:
    stored = [task for task, _ in setup.banks.corpus.pairs[: _stored(setup)]]
    asked = setup.banks.corpus.held_out[: setup.rounds(100)]
    measured = {peer.name: Measured() for peer in peers}
    for peer in peers:
        _start(peer)  # the first start writes what the others find
    starts = alternate(setup.rounds(10), {p.name: lambda _, p=p: _start(p) for p in peers})  # type: ignore[misc]
    for peer in peers:
        found = measured[peer.name]
        found.start = median(starts[peer.name])
        with Server(peer.command, peer.environment) as server:
            server.initialize()
            spent = [milliseconds(lambda: peer.store(server, task, i)) for i, task in enumerate(stored)]  # noqa: B023
            found.store = median(spent[len(spent) // 2 :])
            for task in asked[:5]:
                peer.search(server, task)
            time.sleep(_SETTLES_S)
            found.search = median([milliseconds(lambda: peer.search(server, task)) for task in asked[5:]])  # noqa: B023
            found.resident = server.resident_bytes() / 1e6
            found.tokens = tokens(server)
    return measured


def _start(peer: Peer) -> float:
    with stopwatch() as elapsed, Server(peer.command, peer.environment) as server:
        server.initialize()
        return elapsed() * 1e3


def _stored(setup: Setup) -> int:
    return 60 if setup.quick else _STORED


def _python_with_extensions() -> str | None:
    names = [sys.executable, "/usr/bin/python3", *(f"python3.{minor}" for minor in (14, 13, 12, 11)), "python3"]
    for name in names:
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", _LOADS_EXTENSIONS], check=False, capture_output=True).returncode == 0:
            return found
    return None


def _run(command: list[str]) -> str:
    """Run a step of an installation; return what went wrong, or ""."""
    print(f"  installing: {Path(command[0]).name} {' '.join(command[1:])[:100]}", flush=True)
    quiet = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=quiet, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it failed"])[-1]
