"""From spawning the server to the answer to its first request, against the least that this SDK and a peer take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from banks import copied
from measure import Figure, Setup, alternate, median, spread, stopwatch
from peers import node_memory, npx_memory
from wire import Server, beside, memento

_RATIO = 1.3


def run(setup: Setup) -> list[Figure]:
    """Time until `initialize` (and, of the newest protocol, `server/discover`) is answered."""
    (size,) = setup.sizes(10_000)
    bank = copied(setup.banks.build([size])[size], setup.folder)
    commands = {"memento": memento(bank), "bare": beside("bare_server.py")}
    measures: dict[str, Callable[[int], float]] = {}
    for name, command in commands.items():
        measures[f"{name} initialize"] = _initialize(command)
        measures[f"{name} discover"] = _discover(command)
    peers = {}
    for name, find in (("run by node", node_memory), ("run by npx", npx_memory)):
        peer = find(setup)
        if isinstance(peer, str):
            print(f"  left out: @modelcontextprotocol/server-memory {name}: {peer}")
        else:
            peers[name] = measures[name] = _initialize(peer.command)
    for measure in measures.values():
        measure(0)  # files come from memory, not from the disk, from now on
    found = alternate(setup.rounds(20), measures)
    figures = [
        Figure(
            f"start: spawn to {request} answered",
            median(found[f"memento {request}"]),
            "ms",
            median(found[f"bare {request}"]),
            "a bare server with one tool",
            _RATIO if request == "initialize" else None,
            note=spread(found[f"memento {request}"]),
        )
        for request in ("initialize", "discover")
    ]
    ours = median(found["memento initialize"])
    figures += [
        Figure(f"start: a peer {name}", ours, "ms", median(found[name]), "@modelcontextprotocol/server-memory", 1.0)
        for name in peers
    ]
    return figures


def _initialize(command: Sequence[str]) -> Callable[[int], float]:
    return lambda _: _first_answer(command, "initialize")


def _discover(command: Sequence[str]) -> Callable[[int], float]:
    return lambda _: _first_answer(command, "discover")


def _first_answer(command: Sequence[str], request: str) -> float:
    with stopwatch() as elapsed, Server(command) as server:
        server.initialize() if request == "initialize" else server.discover()
        return elapsed() * 1e3
