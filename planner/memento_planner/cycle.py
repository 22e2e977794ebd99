"""One cycle of solving: choose cases for the state, have a plan written from them, carry it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio
import anyio.to_thread

from memento_memory import runs
from memento_memory.bank import CaseBank
from memento_memory.case import Episode, Evidence, Outcome, Result, Slate, Task
from memento_memory.plan import Subtask
from memento_planner.advice import Advice, advice_for, note_shown
from memento_planner.condense import Results
from memento_planner.events import Planned, Planning, SubtaskEnded, SubtaskStarted, Watch, Wrote
from memento_planner.executor import carry_out
from memento_planner.journal import Journal
from memento_planner.limits import Limits
from memento_planner.models.chat import ChatModel, ToolSpec
from memento_planner.models.errors import RefusedError, UnusableReplyError
from memento_planner.planner import draft_from
from memento_planner.progress import SubtaskMemory, SubtaskResult, SubtaskStatus
from memento_planner.run_state import Cycle
from memento_planner.schedule import run_plan
from memento_planner.tools import ToolCaller
from memento_planner.write_plan import Asked, write_plan

_SO_FAR_CHARS = 600  # of each step and its result that the next plan is told of
_OFFERED = 40  # tools a planner is told of


@dataclass(frozen=True, slots=True)
class Work:
    """What a run works with; models and tools are metered."""

    bank: CaseBank
    journal: Journal
    planner: ChatModel
    executor: ChatModel
    tools: ToolCaller
    limits: Limits
    watch: Watch
    results: Results
    on_open: Callable[[str], None]
    host: str = ""


async def plan_cycle(work: Work) -> Cycle:
    """Open the episode of the next cycle and have its plan written; one that was opened before is gone on with.

    Raises:
        ModelError: if the planner gives no plan and no draft can take its place.
    """
    state = work.journal.state
    if state.open_cycle is None:
        names = frozenset(spec.name for spec in await work.tools.tools()) or None
        episode, advice = await anyio.to_thread.run_sync(_opened, work, names)
        if not state.cycles:
            work.journal.hold(episode.plan_id)
        cycle = Cycle(episode.plan_id)
        with anyio.CancelScope(shield=True):  # what is written down can be gone on with, so it is told
            await work.journal.put(cycle)
        work.on_open(work.journal.state.plan_id)
    else:
        cycle = state.open_cycle
        episode, advice = await anyio.to_thread.run_sync(_reopened, work, cycle.plan_id)
    offered = await _offered(work, state.task, episode.slate)
    work.watch(Planning(len(work.journal.state.cycles), work.planner.name))
    cycle, repairs = await _written(work, cycle, episode, advice, offered)
    assert cycle.plan is not None
    await anyio.to_thread.run_sync(runs.adopt, work.bank.database, cycle.plan_id, cycle.plan)
    await work.journal.put(cycle)
    cases = tuple(entry.case.id for entry in episode.slate.shown)
    number = len(work.journal.state.cycles)
    work.watch(Planned(cycle.plan_id, number, cycle.plan, cycle.source, cases, repairs))
    return cycle


async def _offered(work: Work, task: Task, slate: Slate) -> tuple[ToolSpec, ...]:
    """All tools, or where they are many those that the cases used and those that fit the task."""
    specs = await work.tools.tools()
    if len(specs) <= _OFFERED:
        return specs
    used = {step.tool for entry in slate.shown for step in entry.case.plan.subtasks}
    first = [spec for spec in specs if spec.name in used][:_OFFERED]
    found = await work.tools.find(task.text, _OFFERED)
    return tuple({spec.name: spec for spec in (*first, *found)}.values())[:_OFFERED]


def _opened(work: Work, tools: frozenset[str] | None) -> tuple[Episode, Advice]:
    state, bank = work.journal.state, work.bank
    task = state.state()
    slate = bank.retrieve(task, k=state.k, namespaces=state.namespaces, tools=tools)
    advice = advice_for(bank, state.task, slate, state.namespaces)
    draft = draft_from(slate, state.task)[0]
    previous = state.cycles[-1].plan_id if state.cycles else ""
    episode = bank.open_episode(
        task,
        slate,
        draft.plan if draft else None,
        namespace=state.namespaces[0],
        host=work.host,
        model=work.planner.name,
        previous=previous,
    )
    note_shown(bank, episode, advice)
    return episode, advice


def _reopened(work: Work, plan_id: str) -> tuple[Episode, Advice]:
    episode = work.bank.episode(plan_id)
    state = work.journal.state
    return episode, advice_for(work.bank, state.task, episode.slate, state.namespaces)


async def _written(
    work: Work, cycle: Cycle, episode: Episode, advice: Advice, offered: tuple[ToolSpec, ...]
) -> tuple[Cycle, tuple[str, ...]]:
    state = work.journal.state
    draft = draft_from(episode.slate, state.task)[0]
    failed = tuple(c.plan for c in state.cycles if c.plan is not None and c.failure)
    if draft is not None and draft.plan is not None and draft.plan.skeleton in {plan.skeleton for plan in failed}:
        draft = None
    asked = Asked(
        task=state.task,
        slate=episode.slate,
        draft=draft,
        tools=offered,
        lessons=tuple(shown.lesson.text for shown in advice.lessons),
        notes=tuple((passage.heading, passage.text) for passage in advice.passages),
        so_far=state.progress(_SO_FAR_CHARS, results=True),
        failed=failed,
    )
    try:
        written = await write_plan(work.planner, asked, on_text=lambda text: work.watch(Wrote("planner", text)))
    except (UnusableReplyError, RefusedError) as error:
        if draft is None or draft.plan is None:
            raise
        return replace(cycle, plan=draft.plan, source="adapted"), (f"{error}; the draft adapted by rule is taken",)
    return replace(cycle, plan=written.plan, source=work.planner.name), written.repairs


async def run_cycle(work: Work, cycle: Cycle) -> tuple[Cycle, Result | None]:
    """Carry out what is not yet done of a cycle's plan.

    Returns:
        The cycle as it is now, and what failed: None where every step worked.
    """
    assert cycle.plan is not None
    task, earlier = work.journal.state.task, work.journal.state.earlier()

    async def one(step: Subtask, memory: SubtaskMemory) -> SubtaskResult:
        work.watch(SubtaskStarted(step.id, step.description))
        return await carry_out(
            work.executor,
            work.tools,
            step,
            replace(memory, earlier=earlier),
            task=task,
            plan_id=cycle.plan_id,
            limits=work.limits,
            watch=work.watch,
            results=work.results,
        )

    async def ended(result: SubtaskResult) -> None:
        current = work.journal.state.cycles[-1]
        await work.journal.put(replace(current, results={**current.results, result.id: result}))
        work.watch(SubtaskEnded(result.id, result.status.value, result.text or result.why))

    await run_plan(cycle.plan, cycle.results, one, concurrent=work.limits.concurrent, on_end=ended)
    now = work.journal.state.cycles[-1]
    return now, _failure(now)


def _failure(cycle: Cycle) -> Result | None:
    """What the steps that did not work say of the plan: tool results where a tool failed, else the executor's word."""
    assert cycle.plan is not None
    bad = [cycle.results[step.id] for step in cycle.plan.subtasks if _went_wrong(cycle.results.get(step.id))]
    if not bad:
        return None
    why = "; ".join(f"step {result.id}: {result.why or result.text}" for result in bad)
    last_calls = [result.calls[-1] for result in bad if result.calls]
    if last_calls and all(call.infrastructure for call in last_calls):
        return Result(Outcome.UNKNOWN, None, Evidence.TOOL_RESULT, why)
    by_tool = any(call.is_error for call in last_calls)
    return Result.graded(Outcome.FAILURE, None, Evidence.TOOL_RESULT if by_tool else Evidence.SELF_REPORT, why)


def _went_wrong(result: SubtaskResult | None) -> bool:
    return result is not None and result.status is not SubtaskStatus.DONE
