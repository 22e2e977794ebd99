"""What it costs to call a tool through Memento instead of directly, and what hundreds of tools cost the model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from footprint import tokens
from measure import Figure, Setup, alternate, median, milliseconds, percentile, spread
from relay_queries import QUERIES
from report import table
from wire import LEGACY, META, MODERN, Server, beside, memento

FASTMCP_VERSION = "4.1.2"
_TOLERATED_MS, _LISTED_TOKENS = 1.5, 2_500
_HITS = (1, 5)
_WARM_UP = 20
_RUNS = {"in a row": 10, "one by one": 1}
"""Calls that one server gets before it is the next one's turn: an agent at work calls in a row; a call that comes alone
finds its processes out of the caches, on every way."""
_CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "text of 100 B": ("echo", {"text": "x" * 100}),
    "structured result": ("order", {"number": "A-1"}),
    "text of 100 kB": ("manual", {"pages": 100}),
}


def run(setup: Setup) -> list[Figure]:
    """The time a call takes more than directly, and finding one of hundreds of tools."""
    return [*_overhead(setup), *_many_tools(setup)]


def _overhead(setup: Setup) -> list[Figure]:
    backend = beside("relay_backend.py")
    commands = {"direct": backend, "memento": _relaying(setup, {"shop": backend}, expose="all")}
    python = _fastmcp(setup)
    if python.exists():
        commands["fastmcp"] = [str(python), *beside("relay_fastmcp.py")[1:], *backend]
    figures: list[Figure] = []
    rows = []
    for era in (LEGACY, MODERN):
        for what, times in _of_era(setup, commands, era).items():
            direct, more = times["direct"], {name: _more(times, name) for name in commands if name != "direct"}
            figures += _figures(f"{what}, {era}", times, more)
            rows.append([f"{what}, {era}", f"{median(direct):.2f}", *(_cell(times[name], more[name]) for name in more)])
    table("milliseconds a call takes: median, and what it takes more than directly", ["call", *commands], rows)
    return figures


def _of_era(setup: Setup, commands: Mapping[str, list[str]], era: str) -> dict[str, dict[str, list[float]]]:
    with ExitStack() as stack:
        servers = {name: stack.enter_context(Server(command, _own(setup))) for name, command in commands.items()}
        calls = {name: _caller(server, era, "shop__" if name == "memento" else "") for name, server in servers.items()}
        found = {}
        for manner, run in _RUNS.items():
            for what, (tool, arguments) in _CALLS.items():
                measures: dict[str, Callable[[int], float]] = {
                    name: partial(_run_of_calls, partial(call, tool, arguments), run) for name, call in calls.items()
                }
                alternate(_WARM_UP, measures)
                found[f"{what} {manner}"] = alternate(setup.rounds(300 if run == 1 else 60), measures)
        return found


def _run_of_calls(call: Callable[[], None], run: int, _: int) -> float:
    """Milliseconds that the median call of a run takes."""
    return median([milliseconds(call) for _ in range(run)])


def _caller(server: Server, era: str, prefix: str) -> Callable[[str, dict[str, Any]], None]:
    meta = {"_meta": META} if era == MODERN else {}
    server.discover() if era == MODERN else server.initialize()
    server.request("tools/list", meta)

    def call(tool: str, arguments: dict[str, Any]) -> None:
        result = server.request("tools/call", {"name": prefix + tool, "arguments": arguments, **meta})
        if result.get("isError"):
            raise RuntimeError(f"{prefix}{tool}: {result['content']}")

    return call


def _more(times: dict[str, list[float]], name: str) -> list[float]:
    """What each call took more than the direct one of the same round."""
    return [through - direct for through, direct in zip(times[name], times["direct"], strict=True)]


def _figures(what: str, times: dict[str, list[float]], more: dict[str, list[float]]) -> list[Figure]:
    ours, note = median(more["memento"]), spread(more["memento"])
    figures = [
        Figure(f"relayed, more than directly: {what}", ours, "ms", bound=_TOLERATED_MS, note=note),
        Figure(f"relayed: {what}", median(times["memento"]), "ms", median(times["direct"]), "the direct call"),
    ]
    if "fastmcp" in more:
        theirs = median(more["fastmcp"])
        figures.append(Figure(f"relayed, more: {what}", ours, "ms", theirs, "fastmcp's create_proxy", 1.0))
    return figures


def _cell(times: list[float], more: list[float]) -> str:
    return f"{median(times):.2f} (+{median(more):.2f})"


def _many_tools(setup: Setup) -> list[Figure]:
    servers = {"catalogue": beside("relay_catalogue.py"), **_reference_servers(setup)}
    with Server(_relaying(setup, {"catalogue": servers["catalogue"]}), _own(setup)) as server:
        server.initialize()
        listed = tokens(server)
    with Server(_relaying(setup, {"catalogue": servers["catalogue"]}, expose="all"), _own(setup)) as server:
        server.initialize()
        all_listed = tokens(server)
    figures = [
        Figure("tools/list with 300 tools behind", listed, "tokens", all_listed, "listing all of them"),
        Figure("tools/list with 300 tools behind", listed, "tokens", bound=_LISTED_TOKENS),
    ]
    asked = [(query, wanted) for query, wanted in QUERIES if wanted[0].split("__")[0] in servers]
    if len(asked) < len(QUERIES):
        print(f"  left out: {len(QUERIES) - len(asked)} of {len(QUERIES)} queries, whose servers are not here")
    with Server(_relaying(setup, servers, expose="search"), _own(setup)) as server:
        server.initialize()
        return figures + _finding(setup, server, asked)


def _finding(setup: Setup, server: Server, asked: list[tuple[str, tuple[str, ...]]]) -> list[Figure]:
    server.call("find_tools", query="warm up")
    ranks, spent = [], []
    for _ in range(1 if setup.quick else 3):
        for query, wanted in asked:
            answer: dict[str, Any] = {}
            spent.append(milliseconds(lambda: answer.update(server.call("find_tools", query=query))))  # noqa: B023
            names = [tool["name"] for tool in answer["structuredContent"]["tools"]]
            ranks.append(min((names.index(name) for name in wanted if name in names), default=len(names)))
            if ranks[-1] == len(names) and len(ranks) <= len(asked):
                print(f"  not found: {query!r} -> {', '.join(wanted)}; instead: {', '.join(names)}")
    hits = {k: sum(rank < k for rank in ranks) / len(ranks) for k in _HITS}
    note = f"{len(asked)} queries, p95 {percentile(spent, 0.95):.1f} ms"
    return [
        *(Figure(f"find_tools: hit@{k}", hits[k], "", note=note) for k in _HITS),
        Figure("find_tools", median(spent), "ms", note=note),
    ]


def _relaying(setup: Setup, servers: Mapping[str, list[str]], *, expose: str = "auto") -> list[str]:
    """The command that serves an empty bank with these servers behind it."""
    file = setup.folder / f"tools-{expose}-{len(servers)}.json"
    entries = {
        name: {"command": command[0], "args": command[1:], "expose": expose, "maxResult": 200_000}
        for name, command in servers.items()
    }
    file.write_text(json.dumps({"mcpServers": entries}), encoding="utf-8")
    return [*memento(setup.folder / "relay.sqlite3"), "--tools", str(file)]


def _own(setup: Setup) -> dict[str, str]:
    """Approved tools and logs of a run are kept apart from the user's."""
    return {"XDG_DATA_HOME": str(setup.folder / "data"), "XDG_STATE_HOME": str(setup.folder / "state")}


def _reference_servers(setup: Setup) -> dict[str, list[str]]:
    """Those of the protocol's makers that are here; the tests install the same."""
    sys.path.append(str(Path(__file__).parents[1] / "tests" / "integration"))
    from npm_servers import SERVERS, MissingError, command

    more = {"filesystem": [str(setup.folder)]}
    found = {name: [sys.executable, "-m", f"mcp_server_{name}"] for name in ("time", "git", "fetch")}
    try:
        return found | {name: [*command(name), *more.get(name, [])] for name in SERVERS}
    except MissingError as problem:
        print(f"  left out: reference servers from npm: {problem}")
        return found


def _fastmcp(setup: Setup) -> Path:
    """The Python of an environment that has fastmcp, which is installed the first time; it may have failed."""
    home = setup.peers / "fastmcp"
    python = home / "bin" / "python"
    if python.exists():
        return python
    print(f"  installing: fastmcp {FASTMCP_VERSION}", flush=True)
    quiet = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    install = [str(python), "-m", "pip", "install", "--quiet", f"fastmcp=={FASTMCP_VERSION}"]
    try:
        for step in ([sys.executable, "-m", "venv", str(home)], install):
            subprocess.run(step, check=True, capture_output=True, text=True, env=quiet, timeout=900)
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(home, ignore_errors=True)
        print(f"  left out: fastmcp: {str(getattr(error, 'stderr', '') or error)[-200:]}")
    return python
