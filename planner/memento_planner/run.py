"""One process's work on a run: cycle after cycle, and whatever happens an answer and an honest status."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from memento_memory.bank import CaseBank
from memento_memory.case import Evidence, Outcome, Result
from memento_memory.plan import Subtask
from memento_memory.retention import Report, Retained
from memento_planner import synthesis
from memento_planner.budget import BudgetSpentError, Metered, MeteredTools, Purse
from memento_planner.checks import Checks
from memento_planner.condense import Results
from memento_planner.cycle import Work, plan_cycle, run_cycle
from memento_planner.events import CycleFailed, Judged, Planned, Watch, Wrote
from memento_planner.journal import Journal
from memento_planner.judge import judge
from memento_planner.limits import Limits
from memento_planner.models.chat import ChatModel
from memento_planner.models.errors import ModelError
from memento_planner.models.prices import price_of
from memento_planner.models.writable import whole
from memento_planner.run_state import Cycle, RunState, Status
from memento_planner.tools import ToolCaller

logger = logging.getLogger(__name__)

_KEPT = 0.1  # share of the budget that is left for the answer and its judgement


@dataclass(frozen=True, slots=True)
class Crew:
    """The models that do the work: a fast planner and a strong executor; the judge may be missing."""

    planner: ChatModel
    executor: ChatModel
    judge: ChatModel | None = None


class Run:
    """One process's work on a run.

    Raises:
        InputError: if money is bounded and the price of a model is not known.
    """

    def __init__(
        self,
        bank: CaseBank,
        state: RunState,
        crew: Crew,
        tools: ToolCaller,
        *,
        limits: Limits,
        host: str,
        checks: Checks | None,
        watch: Watch,
        on_open: Callable[[str], None],
        prices: Path | None = None,
    ) -> None:
        self._purse = Purse(state.budget, partial(price_of, extra=prices), before=state.spent)
        for model in filter(None, (crew.planner, crew.executor, crew.judge)):
            self._purse.check_price(model.name)
        self.journal = Journal(bank.database, state, lambda: self._purse.spent)
        self._answering = Metered(crew.executor, self._purse, watch)
        self._judge = Metered(crew.judge, self._purse, watch) if crew.judge and not crew.judge.supports.small else None
        self._checks = checks
        self._is_down = False  # whether a model could not be used, which would not answer either
        self._answered = ""  # plan_id of the last cycle that has its answer
        self._bank = bank
        self._host = host
        self._work = Work(
            bank=bank,
            journal=self.journal,
            planner=Metered(crew.planner, self._purse, watch, keep=_KEPT),
            executor=Metered(crew.executor, self._purse, watch, keep=_KEPT),
            tools=MeteredTools(tools, self._purse),
            limits=limits,
            watch=watch,
            results=Results(first=state.calls + 1),
            on_open=on_open,
            host=host,
        )

    async def to_the_end(self) -> RunState:
        """Whatever happens, an answer and an honest status."""
        try:
            status, why, verdict = await self._within_budget()
            await self._finish(status, why, verdict)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._cut_short(Status.CANCELLED, "cancelled")
            raise
        except Exception as error:
            with anyio.CancelScope(shield=True):
                await self._cut_short(Status.FAILED, whole(f"broke off: {error}"))
            raise
        return self.journal.state

    async def _within_budget(self) -> tuple[Status, str, Result]:
        try:
            with anyio.move_on_after(self._purse.seconds_left(keep=_KEPT)):
                await self._take_up()
                return await self._cycles()
            why = "seconds"
        except BudgetSpentError as error:
            why = error.what
        except ModelError as error:
            self._is_down = True
            return Status.FAILED, str(error), Result(Outcome.UNKNOWN, None, Evidence.SELF_REPORT, str(error))
        return Status.GAVE_UP, why, Result(Outcome.UNKNOWN, None, Evidence.SELF_REPORT, f"gave up: no {why} left")

    async def _take_up(self) -> None:
        """Tell of the plan that another process left in the middle."""
        state = self.journal.state
        cycle = state.open_cycle
        if cycle is not None and cycle.plan is not None:
            await self.journal.write(state)
            episode = await anyio.to_thread.run_sync(self._bank.episode, cycle.plan_id)
            cases = tuple(entry.case.id for entry in episode.slate.shown)
            self._work.watch(Planned(episode.plan_id, len(state.cycles), cycle.plan, cycle.source, cases))

    async def _cycles(self) -> tuple[Status, str, Result]:
        while True:
            state = self.journal.state
            at_work = state.open_cycle
            planned = at_work if at_work is not None and at_work.plan else await plan_cycle(self._work)
            cycle, failed = await run_cycle(self._work, planned)
            if failed is None:
                await self._answer()
                verdict = await self._judged()
                if verdict.outcome is Outcome.UNKNOWN and self._checks is not None:
                    return Status.FAILED, verdict.notes, verdict  # another plan would not mend the check
                if verdict.outcome is not Outcome.FAILURE:
                    return Status.SOLVED, verdict.notes, verdict
                failed = verdict
            number = len(self.journal.state.cycles)
            self._work.watch(CycleFailed(number, failed.notes))
            if number >= state.max_cycles:
                return Status.FAILED, failed.notes, failed
            await self._retain(cycle, failed)
            await self.journal.put(replace(cycle, failure=failed.notes or "it failed"))

    async def _judged(self) -> Result:
        """The verdict on the answer of the last cycle."""
        state = self.journal.state
        cycle = state.cycles[-1]
        assert cycle.plan is not None
        return await judge(
            state.task, state.answer, cycle.plan, cycle.results, self._checks, self._judge, earlier=state.earlier()
        )

    async def _answer(self) -> None:
        """Write the answer from the results; by rule where no model can, or a small one would only add errors."""
        state = self.journal.state
        results = _told(state)
        plan = state.cycles[-1].plan if state.cycles else None
        answer = synthesis.by_rule(state.task, plan, results)
        try:
            with anyio.move_on_after(self._purse.seconds_left()):
                if not (self._is_down or self._answering.supports.small):
                    answer = await synthesis.synthesise(
                        *(self._answering, state.task, plan, results),
                        form=self._checks.form if self._checks else "",
                        on_text=self._wrote,
                    )
        except (BudgetSpentError, ModelError) as error:
            logger.warning("the answer is put together by rule: %s", error)
        self._answered = state.cycles[-1].plan_id if state.cycles else ""
        await self.journal.write(replace(self.journal.state, answer=answer))

    def _wrote(self, text: str) -> None:
        self._work.watch(Wrote("synthesis", text))

    async def _finish(self, status: Status, why: str, verdict: Result) -> None:
        cycles = self.journal.state.cycles
        if not cycles or self._answered != cycles[-1].plan_id:
            await self._answer()
        state = self.journal.state
        retained = await self._retain(state.cycles[-1], verdict) if state.cycles else None
        case = retained.case if retained else None
        if status is Status.SOLVED and len(state.cycles) > 1 and (whole := state.executed()) is not None:
            report = Report(verdict, task=state.task, plan=whole, namespace=state.namespaces[0], host=self._host)
            case = (await anyio.to_thread.run_sync(self._bank.retain, report)).case
        self._work.watch(Judged(verdict.outcome.value, verdict.evidence.value, verdict.notes))
        await self.journal.write(
            replace(
                self.journal.state,
                status=status,
                why=why,
                outcome=verdict.outcome.value,
                evidence=verdict.evidence.value,
                case_id=case.id if case else "",
            )
        )

    async def _cut_short(self, status: Status, why: str) -> None:
        """Leave a run that can be gone on with, and says nothing about its plan."""
        state = self.journal.state
        if not state.cycles:
            return
        await self._retain(state.cycles[-1], Result(Outcome.UNKNOWN, None, Evidence.SELF_REPORT, why))
        answer = synthesis.by_rule(state.task, state.cycles[-1].plan, _told(state))
        told = f"{why}; go on with --resume {state.plan_id}"
        await self.journal.write(
            replace(self.journal.state, status=status, why=told, answer=answer, outcome=Outcome.UNKNOWN.value)
        )

    async def _retain(self, cycle: Cycle, result: Result) -> Retained:
        started = None if result.outcome is Outcome.UNKNOWN else cycle.executed()
        plan = started or cycle.plan  # a torso is no plan to learn from
        report = Report(result, plan_id=cycle.plan_id, plan=plan, host=self._host, model=self._work.planner.name)
        return await anyio.to_thread.run_sync(self._bank.retain, report)


def _told(state: RunState) -> list[tuple[Subtask, str, str]]:
    """Every step that is over, of all cycles, with its status and what came out."""
    return [
        (step, cycle.results[step.id].status.value, cycle.results[step.id].text or cycle.results[step.id].why)
        for cycle in state.cycles
        for step in (cycle.plan.subtasks if cycle.plan else ())
        if step.id in cycle.results
    ]
