"""From a task to a finished, judged result: plan, carry out, plan again where it fails, answer, judge, retain.

Each cycle is an episode of its own whose state is the task with what is known so far (s_t of arXiv 2508.16153), linked
to the one before. Everything is on disk before the next step begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread

from memento_memory.bank import CaseBank
from memento_memory.case import Task
from memento_memory.errors import InputError
from memento_memory.plan import Plan
from memento_planner import run_state
from memento_planner.budget import Budget
from memento_planner.checks import Checks
from memento_planner.events import Watch, unwatched
from memento_planner.journal import held, let_go
from memento_planner.limits import Limits
from memento_planner.run import Crew, Run
from memento_planner.run_state import RunState, Status
from memento_planner.tools import ToolCaller


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """How far to go.

    Attributes:
        max_cycles: plans in all, from 1.
        k: most cases to show for each.
        namespaces: where cases come from; they go to the first.
        host: who asked.
        prices: a file of prices besides those that are known; see `models/prices.py`.
    """

    max_cycles: int = 3
    budget: Budget = field(default_factory=Budget)
    limits: Limits = field(default_factory=Limits)
    k: int = 4
    namespaces: tuple[str, ...] = ("default",)
    host: str = "memento solve"
    prices: Path | None = None


@dataclass(frozen=True, slots=True)
class Solved:
    """How it ended.

    Attributes:
        plan_id: names the run; the episode of its first cycle.
        why: of the status, in words; for `gave_up` what ran out.
        plan: as carried out.
        outcome, evidence: as recorded, "" where nothing could be.
        dollars: None where a price is not known.
    """

    plan_id: str
    status: Status
    why: str
    answer: str
    plan: Plan | None
    outcome: str
    evidence: str
    cycles: int
    case_id: str
    tokens: int
    dollars: float | None
    seconds: float
    calls: int

    @classmethod
    def of(cls, state: RunState) -> Solved:
        """What there is to say of a run."""
        spent = state.spent
        return cls(
            *(state.plan_id, state.status, state.why, state.answer, state.executed(), state.outcome, state.evidence),
            *(len(state.cycles), state.case_id, spent.tokens, spent.dollars, spent.seconds, spent.calls),
        )


async def solve(
    bank: CaseBank,
    task: Task | None,
    crew: Crew,
    tools: ToolCaller,
    options: SolveOptions,
    *,
    checks: Checks | None = None,
    watch: Watch = unwatched,
    resume: str = "",
    on_open: Callable[[str], None] | None = None,
) -> Solved:
    """Solve a task within its budget; cancelling leaves a run that can be resumed.

    Args:
        task: None to resume.
        checks: what the answer is held to; a run that is resumed knows its own, all but a command.
        resume: plan_id of a run that was cut short, or that gave up and gets another budget; one that is over is
            returned as it is.
        on_open: told the plan_id as soon as there is one.

    Raises:
        InputError: if there is no such run, another process is at work on it, or the budget cannot be watched.
    """
    opened = on_open or (lambda _: None)

    async def worked_on(state: RunState, checks: Checks | None) -> Solved:
        run = Run(
            *(bank, state, crew, tools),
            limits=options.limits,
            host=options.host,
            checks=checks,
            watch=watch,
            on_open=opened,
            prices=options.prices,
        )
        try:
            return Solved.of(await run.to_the_end())
        finally:
            run.journal.release()

    if not resume:
        if task is None:
            raise InputError("task", "is missing; say what is to be done")
        kept = checks.harmless if checks else None
        new = RunState(
            *(task, options.namespaces, options.k, options.max_cycles, options.budget, kept),
            needs_command=bool(checks and checks.command),
        )
        return await worked_on(new, checks)
    lock = held(bank.database, resume)
    try:
        state = await anyio.to_thread.run_sync(run_state.load, bank.database, resume)
        if state.is_over:
            return Solved.of(state)
        checks = state.checks_with(checks)
        opened(resume)
        return await worked_on(state.resumed(options.budget), checks)
    finally:
        let_go(lock)
