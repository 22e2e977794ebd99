"""Running the demo: a bank, a server as a subprocess, a client over stdio, and a story told with them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from rich.console import Console

from memento_memory.case import Case
from memento_memory.transfer import ImportReport, import_cases
from memento_server import console
from memento_server.demo import carried_out, example, own_tasks
from memento_server.demo.tool_client import ToolClient
from memento_server.session import open_bank
from memento_server.settings import Settings


def run_demo(tasks: Path | None, bank: Path | None, *, quiet: bool) -> dict[str, Any]:
    """Run the example story, or the same with a person's own tasks; return what happened.

    Args:
        tasks: a JSONL file of tasks with plans, or None for the example.
        bank: where to keep the bank; None makes a temporary one.
        quiet: print nothing.
    """
    out = Console(quiet=True) if quiet else console.stdout()
    with _bank_file(bank) as file:
        settings = Settings(file)
        lines, held_out = own_tasks.split(tasks) if tasks else (example.case_lines(), [])
        out.print("[bold]Memento demo[/bold]: a real MCP client, the real server over stdio, and a bank that learns.")
        imported = _fill(settings, lines, out)
        return asyncio.run(_tell(settings, imported, held_out, out))


@contextlib.contextmanager
def _bank_file(bank: Path | None) -> Iterator[Path]:
    if bank is not None:
        yield bank
        return
    with tempfile.TemporaryDirectory(prefix="memento-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "bank.sqlite3"


def _fill(settings: Settings, lines: list[str], out: Console) -> ImportReport:
    started = time.perf_counter()
    with open_bank(settings, with_model=True) as bank:
        with console.progress("cases", len(lines)) as tick:
            report = import_cases(bank, lines, progress=tick)
        with console.progress("vectors", bank.stats().without_vector) as tick:
            bank.embed_pending(lambda done, _: tick(done))
        counts = bank.stats()
    outcomes = ", ".join(f"{number} {name}" for name, number in sorted(counts.cases.items()))
    out.print(f"A bank of {counts.total} cases ({outcomes}), filled in {time.perf_counter() - started:.1f} s.")
    for reason, number in report.skipped.most_common():
        out.print(f"  left out: {number} × {reason} (for example {report.examples[reason]})", markup=False)
    return report


@contextlib.asynccontextmanager
async def connect(settings: Settings, room: Path | None = None) -> AsyncIterator[ToolClient]:
    """Start the real server as a subprocess and speak to it over stdio.

    Args:
        room: where the relay keeps its logs and approved definitions, to leave the user's own alone.
    """
    tools = str(settings.tools or "none")
    arguments = ["-m", "memento_server", "serve", "--bank", str(settings.bank), "--tools", tools]
    parameters = StdioServerParameters(command=sys.executable, args=arguments, env=_passed_on(room))
    async with Client(stdio_client(parameters)) as client:
        yield ToolClient(client)


def _passed_on(room: Path | None) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name.startswith(("MEMENTO_", "XDG_"))}
    return own | ({f"XDG_{kind}_HOME": str(room / kind.lower()) for kind in ("DATA", "STATE")} if room else {})


async def _carry_out(settings: Settings, out: Console) -> dict[str, Any]:
    """The second story, with a server of its own behind the relay."""
    with tempfile.TemporaryDirectory(prefix="memento-demo-", ignore_cleanup_errors=True) as folder:
        work = carried_out.choose(Path(folder))
        with carried_out.tools_file(Path(folder), work) as file:
            async with connect(dataclasses.replace(settings, tools=file), Path(folder)) as client:
                return await carried_out.tell(client, work, out)


async def _tell(settings: Settings, imported: ImportReport, held_out: list[Case], out: Console) -> dict[str, Any]:
    started = time.perf_counter()
    async with connect(settings) as client:
        out.print(f"Connected to {await client.describe()}.")
        story = await (own_tasks.tell(client, held_out, out) if held_out else example.tell(client, out))
    if not held_out:
        story.append(await _carry_out(settings, out))
    seconds = time.perf_counter() - started
    out.print(f"\nDone in {seconds:.1f} s. Next: put Memento into your host, see the README.", style="bold")
    return {
        "imported": imported.imported,
        "skipped": dict(imported.skipped),
        "seconds": round(seconds, 2),
        "story": story,
    }
