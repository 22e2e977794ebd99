"""Solving over a real bank, real files and models that say what a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from memento_memory.bank import CaseBank
from memento_memory.case import Task
from memento_planner.budget import Budget
from memento_planner.checks import Checks
from memento_planner.events import Event
from memento_planner.limits import Limits
from memento_planner.run import Crew
from memento_planner.solve import Solved, SolveOptions, solve
from memento_planner.tools import ToolCaller
from planner.file_tools import file_tools
from planner.scripted import Line, ScriptedModel, calls

TASK = Task("Write the shopping list to list.txt and read it back")
WRITE, READ = ("Write milk to list.txt", "write_file"), ("Read list.txt", "read_file")
WRITES = calls(("write_file", {"path": "list.txt", "text": "milk"}))
READS = calls(("read_file", {"path": "list.txt"}))


def a_plan(*steps: tuple[str, str] | str) -> str:
    """A plan as a model writes it: each step after the one before, (description, tool) or the description alone."""
    named = [(step, "") if isinstance(step, str) else step for step in steps]
    items = [
        {"id": i, "description": text, "depends_on": [i - 1] if i > 1 else [], "tool": tool}
        for i, (text, tool) in enumerate(named, start=1)
    ]
    return json.dumps({"plan": items})


@dataclass
class Workshop:
    """A bank, a folder of files with tools for it, and a crew that follows its scripts.

    Attributes:
        heard: every event so far.
        opened: the plan_id of each run, as soon as there was one.
    """

    bank: CaseBank
    folder: Path
    tools: ToolCaller
    heard: list[Event] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    planner: ScriptedModel = field(default_factory=lambda: ScriptedModel("no plan"))
    executor: ScriptedModel = field(default_factory=lambda: ScriptedModel("done"))
    judge: ScriptedModel | None = None

    @classmethod
    def at(cls, path: Path) -> Workshop:
        folder = path / "files"
        folder.mkdir(exist_ok=True)
        return cls(CaseBank(path / "bank.sqlite3"), folder, file_tools(folder))

    def script(self, *, planner: list[Line], executor: list[Line], judge: list[Line] | None = None) -> None:
        self.planner, self.executor = ScriptedModel(*planner, name="planner"), ScriptedModel(*executor, name="executor")
        self.judge = ScriptedModel(*judge, name="judge") if judge is not None else None

    def solve(self, task: Task | None = TASK, **options: Any) -> Solved:
        async def run() -> Solved:
            return await self.solving(task, **options)

        return anyio.run(run)

    async def solving(
        self,
        task: Task | None = TASK,
        *,
        checks: Checks | None = None,
        resume: str = "",
        watch: Callable[[Event], None] | None = None,
        cycles: int = 3,
        budget: Budget | None = None,
        limits: Limits | None = None,
        namespaces: tuple[str, ...] = ("default",),
    ) -> Solved:
        def heard(event: Event) -> None:
            self.heard.append(event)
            if watch is not None:
                watch(event)

        return await solve(
            self.bank,
            task,
            Crew(self.planner, self.executor, self.judge),
            self.tools,
            SolveOptions(cycles, budget or Budget(), limits or Limits(), namespaces=namespaces),
            checks=checks,
            resume=resume,
            watch=heard,
            on_open=self.opened.append,
        )
