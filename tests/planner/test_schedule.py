"""Behaviour of the schedule: dependencies first, bounded side by side, and an orderly end when a step fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.plan import Plan, Subtask, parse_plan
from memento_planner.progress import SubtaskMemory, SubtaskResult, SubtaskStatus
from memento_planner.schedule import run_plan

DONE, FAILED, GAVE_UP = SubtaskStatus.DONE, SubtaskStatus.FAILED, SubtaskStatus.GAVE_UP


def result(id: int, status: SubtaskStatus = DONE) -> SubtaskResult:
    return SubtaskResult(id, status, f"result {id}", "" if status is DONE else "it broke")


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    count = draw(st.integers(1, 12))
    steps = []
    for id in range(1, count + 1):
        needs = draw(st.sets(st.integers(1, id - 1), max_size=3)) if id > 1 else set()
        steps.append(Subtask(id, f"step {id}", tuple(sorted(needs))))
    return Plan(tuple(steps))


@dataclass
class Log:
    """Carries steps out by waiting as many turns of the event loop as a test says, and notes what happened."""

    plan: Plan
    pauses: dict[int, int] = field(default_factory=dict)
    ends: dict[int, SubtaskStatus] = field(default_factory=dict)
    events: list[tuple[str, int]] = field(default_factory=list)
    memories: dict[int, SubtaskMemory] = field(default_factory=dict)
    running: int = 0
    most: int = 0

    async def carry_out(self, step: Subtask, memory: SubtaskMemory) -> SubtaskResult:
        self.events.append(("started", step.id))
        self.memories[step.id] = memory
        self.running += 1
        self.most = max(self.most, self.running)
        for _ in range(self.pauses.get(step.id, 0)):
            await anyio.lowlevel.checkpoint()
        self.running -= 1
        self.events.append(("returned", step.id))
        return result(step.id, self.ends.get(step.id, DONE))

    async def on_end(self, ended: SubtaskResult) -> None:
        await anyio.lowlevel.checkpoint()
        self.events.append(("journalled", ended.id))

    def run(self, *, concurrent: int = 2, done: dict[int, SubtaskResult] | None = None) -> dict[int, SubtaskResult]:
        async def go() -> dict[int, SubtaskResult]:
            return await run_plan(self.plan, done or {}, self.carry_out, concurrent=concurrent, on_end=self.on_end)

        return anyio.run(go)

    def ids(self, what: str) -> list[int]:
        return [id for name, id in self.events if name == what]


PAUSES = st.dictionaries(st.integers(1, 12), st.integers(0, 6))


@given(plans(), PAUSES, st.integers(1, 4))
def test_every_step_runs_once_after_all_it_depends_on_were_journalled(
    plan: Plan, pauses: dict[int, int], concurrent: int
) -> None:
    log = Log(plan, pauses)
    ended = log.run(concurrent=concurrent)
    assert sorted(log.ids("started")) == [step.id for step in plan.subtasks] == sorted(ended)
    for step in plan.subtasks:
        started = log.events.index(("started", step.id))
        assert all(log.events.index(("journalled", need)) < started for need in step.depends_on)
        known = {finished.id for finished in log.memories[step.id].finished}
        assert set(step.depends_on) <= known
    assert log.most <= concurrent


@given(plans(), PAUSES, st.integers(1, 4), st.sets(st.integers(1, 12), min_size=1), st.sampled_from([FAILED, GAVE_UP]))
def test_after_a_step_that_is_not_done_nothing_starts_and_what_runs_ends(
    plan: Plan, pauses: dict[int, int], concurrent: int, bad: set[int], status: SubtaskStatus
) -> None:
    log = Log(plan, pauses, dict.fromkeys(bad, status))
    ended = log.run(concurrent=concurrent)
    assert sorted(ended) == sorted(log.ids("started")) == sorted(log.ids("journalled"))
    broken = [id for id in log.ids("returned") if id in bad]
    assert bool(broken) == any(id in bad for id in range(1, len(plan.subtasks) + 1))
    if broken:
        after = log.events[log.events.index(("returned", broken[0])) :]
        assert "started" not in {name for name, _ in after}


@given(plans(), st.data())
def test_steps_that_ended_before_are_not_carried_out_again(plan: Plan, data: st.DataObject) -> None:
    upto = data.draw(st.integers(0, len(plan.subtasks)))
    before = {step.id: result(step.id) for step in plan.subtasks[:upto]}
    log = Log(plan)
    ended = log.run(done=before)
    assert sorted(log.ids("started")) == [step.id for step in plan.subtasks[upto:]]
    assert sorted(ended) == [step.id for step in plan.subtasks]


def test_independent_steps_run_side_by_side() -> None:
    log = Log(parse_plan([{"id": i, "description": f"step {i}"} for i in (1, 2, 3)]), {1: 3, 2: 3, 3: 3})
    log.run(concurrent=3)
    assert log.most == 3


def test_a_failure_leaves_independent_running_steps_to_end_but_starts_no_other() -> None:
    plan = parse_plan([{"id": i, "description": f"step {i}"} for i in (1, 2, 3)])
    log = Log(plan, {1: 1, 2: 20}, {1: FAILED})
    ended = log.run(concurrent=2)
    assert {id: r.status for id, r in ended.items()} == {1: FAILED, 2: DONE}


def test_a_step_that_failed_in_an_earlier_process_keeps_the_others_from_starting() -> None:
    log = Log(parse_plan(["one", "two"]))
    assert log.run(done={1: result(1, FAILED)}) == {1: result(1, FAILED)}
    assert log.events == []


def test_at_least_one_step_has_to_run() -> None:
    with pytest.raises(ValueError, match="concurrent is 0"):
        Log(parse_plan(["one"])).run(concurrent=0)


class BrokenError(Exception):
    pass


def _raising(plan: Plan, log: Log, *, in_journal: bool) -> Callable[[], Awaitable[object]]:
    async def carry_out(step: Subtask, memory: SubtaskMemory) -> SubtaskResult:
        if step.id == 1 and not in_journal:
            await anyio.lowlevel.checkpoint()
            raise BrokenError("step 1")
        if step.id == 2:
            log.events.append(("started", 2))
            await anyio.sleep_forever()
        return result(step.id)

    async def on_end(ended: SubtaskResult) -> None:
        if in_journal:
            raise BrokenError("disk full")

    return lambda: run_plan(plan, {}, carry_out, concurrent=2, on_end=on_end)


@pytest.mark.parametrize("in_journal", [False, True])
def test_what_a_step_or_the_journal_raises_arrives_plain_and_ends_the_other_steps(in_journal: bool) -> None:
    plan = parse_plan([{"id": 1, "description": "one"}, {"id": 2, "description": "two"}])
    with pytest.raises(BrokenError):
        anyio.run(_raising(plan, Log(plan), in_journal=in_journal))


def test_two_steps_that_raise_at_once_give_one_plain_exception() -> None:
    plan = parse_plan([{"id": i, "description": f"step {i}"} for i in (1, 2)])

    async def carry_out(step: Subtask, memory: SubtaskMemory) -> SubtaskResult:
        try:
            await anyio.sleep(0 if step.id == 1 else 60)
        finally:
            raise BrokenError(step.description)

    async def go() -> None:
        await run_plan(plan, {}, carry_out, concurrent=2, on_end=Log(plan).on_end)

    with pytest.raises(BrokenError):
        anyio.run(go)


def test_the_journal_is_told_one_result_at_a_time() -> None:
    plan = parse_plan([{"id": i, "description": f"step {i}"} for i in (1, 2, 3)])
    writing: list[int] = []

    async def on_end(ended: SubtaskResult) -> None:
        assert writing == []
        writing.append(ended.id)
        await anyio.lowlevel.checkpoint()
        writing.remove(ended.id)

    async def go() -> dict[int, SubtaskResult]:
        return await run_plan(plan, {}, Log(plan).carry_out, concurrent=3, on_end=on_end)

    assert len(anyio.run(go)) == 3


def test_a_cancelled_run_still_journals_the_step_that_had_just_ended() -> None:
    plan = parse_plan(["one", "two"])
    journalled: list[int] = []

    async def go() -> bool:
        with anyio.CancelScope() as scope:

            async def on_end(ended: SubtaskResult) -> None:
                scope.cancel()
                await anyio.sleep(0)
                journalled.append(ended.id)

            await run_plan(plan, {}, Log(plan).carry_out, concurrent=2, on_end=on_end)
        return scope.cancelled_caught

    assert anyio.run(go)
    assert journalled == [1]
