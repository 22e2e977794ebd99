"""The bundled tool servers: how soon they are there, what they hold, and what a call adds to the library's own.

Each call is made over stdio, in turn with the same work done in this process by the library the server is built on, its
own costs of importing and of a first use left out on both sides.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footprint import tokens
from measure import Figure, Setup, alternate, median, milliseconds, spread, stopwatch
from wire import Server, beside

_NAMES = ("documents", "web", "code", "math", "media")
_ROWS = 20_000
_EXPRESSION = "(3/7 + 5/11)^12 * sqrt(2)"


@dataclass(frozen=True, slots=True)
class Work:
    """A call of a server, and the same work without one."""

    server: str
    tool: str
    arguments: Mapping[str, Any]
    directly: Callable[[], object]
    library: str


def run(setup: Setup) -> list[Figure]:
    """Starts, memory, sizes of tools/list, and warm calls."""
    commands = {name: _command(name, setup.folder) for name in _NAMES}
    return [*_starts(setup, commands), *_held(commands), *_calls(setup, commands)]


def _command(name: str, folder: Path) -> list[str]:
    roots = ["--root", str(folder)] if name in ("documents", "code", "media") else []
    return [sys.executable, "-m", "memento_server", "tool", name, *roots]


def _starts(setup: Setup, commands: Mapping[str, list[str]]) -> list[Figure]:
    measured = {name: _start(command) for name, command in {**commands, "": beside("bare_server.py")}.items()}
    for measure in measured.values():
        measure(0)
    found = alternate(setup.rounds(10), measured)
    bare = median(found.pop(""))
    return [
        Figure(f"{name}: spawn to initialize", median(times), "ms", bare, "a bare server", note=spread(times))
        for name, times in found.items()
    ]


def _start(command: list[str]) -> Callable[[int], float]:
    def measure(_: int) -> float:
        with stopwatch() as elapsed, Server(command) as server:
            server.initialize()
            return elapsed() * 1e3

    return measure


def _held(commands: Mapping[str, list[str]]) -> list[Figure]:
    figures = []
    for name, command in commands.items():
        with Server(command) as server:
            server.initialize()
            figures.append(Figure(f"{name}: tools/list", tokens(server), "tokens", note="characters of its JSON / 4"))
            figures.append(Figure(f"{name}: resident before the first call", server.resident_bytes() / 1e6, "MB"))
    return figures


def _calls(setup: Setup, commands: Mapping[str, list[str]]) -> list[Figure]:
    figures = []
    for work in _works(setup.folder):
        with Server(commands[work.server]) as server:
            server.initialize()

            def relayed(_: int, server: Server = server, work: Work = work) -> float:
                return milliseconds(lambda: server.call(work.tool, **work.arguments))

            def alone(_: int, work: Work = work) -> float:
                return milliseconds(work.directly)

            relayed(0), alone(0)
            found = alternate(setup.rounds(20), {"relayed": relayed, "alone": alone})
        ours, theirs = median(found["relayed"]), median(found["alone"])
        name = f"{work.server}: {work.tool}"
        figures.append(Figure(name, ours, "ms", theirs, work.library, note=spread(found["relayed"])))
    return figures


def _works(folder: Path) -> list[Work]:
    import duckdb
    import sympy
    from markitdown import MarkItDown

    table, page = folder / "sales.csv", folder / "report.html"
    lines = (f"{i},{'north' if i % 3 else 'south'},{i % 97 + 0.5}" for i in range(_ROWS))
    table.write_text("id,region,amount\n" + "\n".join(lines) + "\n", encoding="utf-8")
    page.write_text("<h1>Report</h1>" + "<p>A paragraph of a report with some words in it.</p>" * 500, encoding="utf-8")
    sql = "SELECT region, sum(amount) AS total FROM sales GROUP BY region ORDER BY region"
    read = MarkItDown()
    return [
        Work(
            "math",
            "calculate",
            {"expression": _EXPRESSION},
            lambda: sympy.N((sympy.Rational(3, 7) + sympy.Rational(5, 11)) ** 12 * sympy.sqrt(2)),
            "SymPy in this process",
        ),
        Work(
            "documents",
            "read_document",
            {"path_or_url": str(page)},
            lambda: read.convert(page),
            "markitdown in this process",
        ),
        Work(
            "documents",
            "query_table",
            {"path": str(table), "sql": sql},
            lambda: duckdb.sql(sql.replace("sales", f"'{table}'", 1)).fetchall(),
            "DuckDB in this process",
        ),
        Work(
            "code",
            "run_python",
            {"code": "print(sum(range(1000)))"},
            lambda: subprocess.run([sys.executable, "-c", "print(sum(range(1000)))"], check=True, capture_output=True),
            "Python without a sandbox",
        ),
    ]
