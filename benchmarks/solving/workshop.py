"""One task solved for real: a folder of its own, the notes server over it, the relay before that, and the bank."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
from benchmarks.solving import check
from benchmarks.solving.tasks import SERVER, Chore
from mcp.server.subscriptions import InMemorySubscriptionBus

from memento_memory.bank import CaseBank
from memento_memory.case import Evidence, Outcome, Result
from memento_memory.embedding import Ready, load, prepare
from memento_memory.retention import Report
from memento_planner.budget import Budget
from memento_planner.checks import Checks
from memento_planner.events import CycleFailed, Event, Planned
from memento_planner.run import Crew
from memento_planner.solve import Solved, SolveOptions, solve
from memento_planner.tools import ToolCaller
from memento_server.memory import Memory
from memento_server.relaying import build
from memento_server.settings import Settings
from memento_server.tool_caller import relayed_tools

CYCLES = 2
CALLS = 20
_LOADING_S = 120.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a task went.

    Attributes:
        at_once: whether the files were right when the first plan was over.
        right: whether they were in the end.
        planned: whether the model's own first plan could be used, after repairs or without.
        sound: whether it needed no repair.
        shown: cases in the slate of the first plan.
    """

    chore: Chore
    solved: Solved
    at_once: bool
    right: bool
    planned: bool
    sound: bool
    shown: int


def remember(bank: Path, chores: Iterable[Chore]) -> None:
    """Record the right plans of tasks in a bank, as whoever carried them out would have."""
    opened = CaseBank(bank, Ready(load(prepare())))
    try:
        for chore in chores:
            shown = Result(Outcome.SUCCESS, 1.0, Evidence.USER_CONFIRMED, "")
            opened.retain(Report(shown, task=chore.task, plan=chore.plan, host="shown by a person"))
        opened.embed_pending()
    finally:
        opened.close()


async def attempt(chore: Chore, crew: Crew, memory: Path | None, folder: Path, *, tokens: int) -> Attempt:
    """Solve a task in an empty folder.

    Args:
        memory: a bank, of which a copy is used; None for an empty one.
        folder: where everything that is made goes.
        tokens: that the models may read and write.
    """
    options = SolveOptions(max_cycles=CYCLES, budget=Budget(tokens=tokens, calls=CALLS))
    bank, files = await anyio.to_thread.run_sync(_begun, chore, memory, folder)
    watched = _Watch(files, chore)
    async with at_work(bank, files) as (opened, tools):
        solved = await solve(
            opened, chore.task, crew, tools, options, checks=_checks(folder, chore), watch=watched.hear
        )
    right = not check.missing(files, chore.after)
    first = watched.first
    planned = first is not None and first.source == crew.planner.name
    return Attempt(
        chore,
        solved,
        right if watched.at_once is None else watched.at_once,
        right,
        planned,
        planned and first is not None and not first.repairs,
        len(first.cases) if first else 0,
    )


@asynccontextmanager
async def at_work(bank: Path, files: Path) -> AsyncIterator[tuple[CaseBank, ToolCaller]]:
    """A bank, and the tools of a notes server over the files, through the relay."""
    tools_file = bank.with_suffix(".tools.json")
    server = {"command": sys.executable, "args": ["-m", "memento_toolhub.servers.notes", str(files)]}
    tools_file.write_text(json.dumps({"mcpServers": {SERVER: server}}), encoding="utf-8")
    memory = Memory(Settings(bank, tools=tools_file))
    relaying = build(tools_file, memory, InMemorySubscriptionBus(), ())
    try:
        if await anyio.to_thread.run_sync(lambda: memory.embedder().get(wait=_LOADING_S)) is None:
            raise RuntimeError(f"the embedding model: {memory.embedder().problem or 'is not there'}")
        async with relaying.relay.running(), relayed_tools(relaying) as tools:
            yield memory.bank(), tools
    finally:
        relaying.traces.flush()
        memory.close()


def _begun(chore: Chore, memory: Path | None, folder: Path) -> tuple[Path, Path]:
    """The bank's place and the folder with the files that are there at first."""
    files = folder / "files"
    files.mkdir(parents=True)
    for name, text in chore.before.items():
        (files / name).write_text(text, encoding="utf-8")
    bank = folder / "bank.sqlite3"
    if memory is not None:
        shutil.copyfile(memory, bank)
    return bank, files


def _checks(folder: Path, chore: Chore) -> Checks:
    expected = folder / "expected.json"
    expected.write_text(json.dumps(chore.after), encoding="utf-8")
    return Checks(command=shlex.join([sys.executable, check.__file__, str(folder / "files"), str(expected)]))


class _Watch:
    """Hears how the first plan goes."""

    def __init__(self, files: Path, chore: Chore) -> None:
        self.first: Planned | None = None
        self.at_once: bool | None = None
        self._files = files
        self._chore = chore

    def hear(self, event: Event) -> None:
        if isinstance(event, Planned) and event.cycle == 1:
            self.first = event
        elif isinstance(event, CycleFailed) and event.cycle == 1:
            self.at_once = not check.missing(self._files, self._chore.after)
