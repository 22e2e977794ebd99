"""A task that is being solved, as it is written down after every step so that another process can go on with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from memento_memory import runs
from memento_memory.case import Outcome, Task
from memento_memory.errors import BankError, InputError, NotFoundError
from memento_memory.plan import Plan, Subtask
from memento_memory.store.database import Database
from memento_planner.budget import Budget
from memento_planner.checks import Checks
from memento_planner.events import Spent
from memento_planner.progress import Finished, SubtaskResult, SubtaskStatus
from memento_planner.state import with_progress

_LINE_CHARS = 160


class Status(StrEnum):
    """How far a run is. `gave_up`: its budget ran out first; `failed`: its last plan did not work."""

    RUNNING = "running"
    SOLVED = "solved"
    FAILED = "failed"
    GAVE_UP = "gave_up"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Cycle:
    """One plan and what came of it.

    Attributes:
        plan_id: its episode.
        plan: None until the planner has written it.
        source: who wrote it.
        results: of the steps that are over, by id.
        failure: why it did not work; "" while that is not known.
    """

    plan_id: str
    plan: Plan | None = None
    source: str = ""
    results: Mapping[int, SubtaskResult] = field(default_factory=dict)
    failure: str = ""

    def executed(self) -> Plan | None:
        """The plan as far as it was carried out, each step with the tool that was used last; None for nothing."""
        steps = [step for step in self.plan.subtasks if step.id in self.results] if self.plan else []
        number = {step.id: i for i, step in enumerate(steps, start=1)}
        made = [
            Subtask(
                number[step.id],
                step.description,
                tuple(number[need] for need in step.depends_on if need in number),
                _tool_of(self.results[step.id]) or step.tool,
            )
            for step in steps
        ]
        return Plan(tuple(made)) if made else None


def _tool_of(result: SubtaskResult) -> str:
    return next((call.tool for call in reversed(result.calls) if not call.is_error), "")


@dataclass(frozen=True, slots=True)
class RunState:
    """Everything another process needs to go on.

    Attributes:
        checks: what the answer is held to, without its command: what a file says is not run.
        needs_command: whether there was one, which has to be given again.
        cycles: the last one is the one at work.
        why: of the status, in words.
        outcome, evidence: what was recorded in the end, "" before.
        case_id: the case it became, or "".
    """

    task: Task
    namespaces: tuple[str, ...]
    k: int
    max_cycles: int
    budget: Budget
    checks: Checks | None = None
    needs_command: bool = False
    spent: Spent = field(default_factory=lambda: Spent(0, 0.0, 0.0, 0))
    cycles: tuple[Cycle, ...] = ()
    status: Status = Status.RUNNING
    why: str = ""
    answer: str = ""
    outcome: str = ""
    evidence: str = ""
    case_id: str = ""

    @property
    def plan_id(self) -> str:
        """What names the run: the episode of its first cycle; "" before there is one."""
        return self.cycles[0].plan_id if self.cycles else ""

    @property
    def open_cycle(self) -> Cycle | None:
        """The cycle at work; None before the first, and after one that failed."""
        return self.cycles[-1] if self.cycles and not self.cycles[-1].failure else None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to go on with; where only a model or a server was down, there is."""
        return self.status is Status.SOLVED or (self.status is Status.FAILED and self.outcome == Outcome.FAILURE)

    def checks_with(self, given: Checks | None) -> Checks | None:
        """What the answer is held to when the run goes on.

        Raises:
            InputError: if the command it was begun with is missing.
        """
        if self.needs_command and not (given and given.command):
            raise InputError("check", f"{self.plan_id} was begun with a check command; give it again with --check")
        return given or self.checks

    def resumed(self, budget: Budget) -> RunState:
        """The state to go on from: with what is done, and what did not work tried again.

        Args:
            budget: on top of what was spent, where that was all there was.
        """
        more = budget.beyond(self.spent) if self.status is Status.GAVE_UP else self.budget
        state = replace(self, status=Status.RUNNING, why="", budget=more)
        last = self.open_cycle
        if last is None:
            return state
        done = {i: result for i, result in last.results.items() if result.status is SubtaskStatus.DONE}
        return state.with_cycle(replace(last, results=done))

    @property
    def calls(self) -> int:
        """The highest number of a call so far."""
        results = (result for cycle in self.cycles for result in cycle.results.values())
        return max((call.call for result in results for call in result.calls), default=0)

    def with_cycle(self, cycle: Cycle) -> RunState:
        """The state with its last cycle replaced, or a new one appended."""
        same = bool(self.cycles) and self.cycles[-1].plan_id == cycle.plan_id
        return replace(self, cycles=(*(self.cycles[:-1] if same else self.cycles), cycle))

    def executed(self) -> Plan | None:
        """What was carried out over all cycles: the steps that worked, and all of the last cycle, in order."""
        steps: list[Subtask] = []
        for cycle in self.cycles:
            done = cycle.executed()
            last = cycle is self.cycles[-1]
            worked = {i for i, result in cycle.results.items() if result.status is SubtaskStatus.DONE}
            ids = [step.id for step in cycle.plan.subtasks if step.id in cycle.results] if cycle.plan else []
            offset: dict[int, int] = {}
            for original, step in zip(ids, done.subtasks if done else (), strict=True):
                if last or original in worked:
                    offset[step.id] = len(steps) + 1
                    needs = tuple(offset[need] for need in step.depends_on if need in offset)
                    steps.append(Subtask(len(steps) + 1, step.description, needs, step.tool))
        return Plan(tuple(steps)) if steps else None

    def progress(self, chars: int = _LINE_CHARS, *, results: bool = False) -> str:
        """What is known so far, in a few lines; "" in the first cycle. It is part of the state s_t.

        Args:
            chars: of each step.
            results: also say what came out of each, which a case must not keep: others will read it.
        """
        lines: list[str] = []
        for cycle in self.cycles:
            for step in cycle.plan.subtasks if cycle.plan else ():
                result = cycle.results.get(step.id)
                if result is not None and result.status is SubtaskStatus.DONE:
                    came = f": {' '.join(result.text.split())[:chars]}" if results else ""
                    lines.append(f"done: {step.description[:chars]}{came}")
                elif result is not None:
                    why = (result.why or result.text)[:chars]
                    lines.append(f"failed: {step.description[:chars]} ({why})")
            if cycle.failure:
                lines.append(f"the plan did not work: {cycle.failure[:chars]}")
        return "\n".join(lines)

    def earlier(self) -> tuple[Finished, ...]:
        """What the plans before the last one got done."""
        return tuple(
            Finished(step.id, step.description, cycle.results[step.id].status, cycle.results[step.id].text)
            for cycle in self.cycles[:-1]
            for step in (cycle.plan.subtasks if cycle.plan else ())
            if step.id in cycle.results and cycle.results[step.id].status is SubtaskStatus.DONE
        )

    def state(self) -> Task:
        """The state s_t of the next cycle: the task, and what is known so far."""
        return with_progress(self.task, self.progress())


_ADAPTER = TypeAdapter(RunState)


def save(database: Database, state: RunState) -> None:
    """Write a run down; on disk on return."""
    dumped: Any = _ADAPTER.dump_python(state, mode="json")
    runs.save(database, state.plan_id, state.status.value, dumped)


def load(database: Database, plan_id: str) -> RunState:
    """The run that began with this episode.

    Raises:
        NotFoundError: if there is none.
        BankError: if it cannot be read.
    """
    found = runs.load(database, plan_id)
    if found is None:
        raise NotFoundError("plan_id", f"there is no run {plan_id!r}; give the plan_id that solving reported")
    try:
        return _ADAPTER.validate_python(found.state)
    except ValidationError as error:
        raise BankError(f"the run {plan_id} was written by another version of Memento; solve the task anew") from error
