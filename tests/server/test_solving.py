"""What a call of solve_task orders, and what it is told of a job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.types import SamplingCapability, SamplingToolsCapability

from memento_memory.case import Task
from memento_memory.errors import InputError, MementoError
from memento_planner import run_state
from memento_planner.budget import Budget
from memento_planner.checks import Checks
from memento_planner.models.errors import ModelSetupError
from memento_planner.models.spec import ModelSpec
from memento_planner.run_state import Cycle, RunState, Status
from memento_planner.solve import Solved
from memento_server.jobs import Job
from memento_server.memory import Memory
from memento_server.settings import Models, Settings
from memento_server.solve_tool import SolveTool, over, result
from memento_server.solving import MOST_CYCLES, Order, Solver

LOCAL, HOST = ModelSpec("local", "smollm2"), ModelSpec("host")
SETTINGS = Settings(Path("nowhere") / "bank.sqlite3", namespace="ours")


def ordered(models: Models, **given: Any) -> Order:
    """The order of a call; nothing of it touches the bank."""
    call = {"resume": "", "max_cycles": 2, "budget": "", "check": "", "host": "a host", "sampling": None, **given}
    return Solver(Memory(SETTINGS), None, models).order(Task("Count"), **call)


def test_a_call_is_ordered_as_it_was_given() -> None:
    order = ordered(Models(LOCAL, LOCAL, None), budget="calls=7", check='{"answer": 42}', resume="p-1")
    assert (order.task, order.resume, order.checks) == (Task("Count"), "p-1", Checks(answer="42"))
    assert (order.options.max_cycles, order.options.budget) == (2, Budget(calls=7))
    assert (order.options.namespaces, order.options.host) == (("ours",), "a host")


@pytest.mark.parametrize("cycles", [0, MOST_CYCLES + 1])
def test_plans_are_bounded_on_both_sides(cycles: int) -> None:
    with pytest.raises(InputError, match="max_cycles"):
        ordered(Models(LOCAL, LOCAL, None), max_cycles=cycles)
    assert ordered(Models(LOCAL, LOCAL, None), max_cycles=MOST_CYCLES).options.max_cycles == MOST_CYCLES


@pytest.mark.parametrize(
    "models", [Models(HOST, LOCAL, None), Models(LOCAL, HOST, None), Models(LOCAL, LOCAL, HOST)], ids=str
)
def test_whatever_the_hosts_model_is_to_do_the_host_has_to_let_it_be_asked(models: Models) -> None:
    with pytest.raises(ModelSetupError, match="declares no sampling"):
        ordered(models)
    assert not ordered(models, sampling=SamplingCapability()).host_tools
    assert ordered(models, sampling=SamplingCapability(tools=SamplingToolsCapability())).host_tools


def test_a_run_whose_budget_ran_out_is_over_unless_it_is_given_more(tmp_path: Path) -> None:
    memory = Memory(replace(SETTINGS, bank=tmp_path / "bank.sqlite3"))
    bank = memory.bank()
    plan_id = bank.open_episode(Task("Count"), bank.retrieve(Task("Count")), None).plan_id
    spent = RunState(Task("Count"), ("ours",), 4, 3, Budget(), cycles=(Cycle(plan_id),), status=Status.GAVE_UP)
    solver = Solver(memory, None, Models(LOCAL, LOCAL, None))
    for status, more, is_over in (
        (Status.GAVE_UP, False, True),
        (Status.GAVE_UP, True, False),
        (Status.CANCELLED, False, False),
        (Status.SOLVED, True, True),
    ):
        run_state.save(bank.database, replace(spent, status=status))
        found = solver.finished(plan_id, more=more)
        assert (found is not None) is is_over
    memory.close()


def test_a_job_that_broke_is_told_once_so_that_asking_again_goes_on_with_its_run() -> None:
    async def broken(job: Job) -> Solved:
        job.opened("p-1")
        raise InputError("tools", "cannot be read")

    async def use() -> None:
        tool = SolveTool(Memory(SETTINGS), None, Models(LOCAL, LOCAL, None))
        async with tool.running():
            job = await tool.jobs.start(broken)
            while not job.over:
                await job.news()
            with pytest.raises(MementoError, match=r"tools: cannot be read; to go on, .* plan_id: p-1"):
                tool.told(job)
            assert tool.jobs.named("p-1") is None

    anyio.run(use)


def test_a_long_answer_is_cut_to_what_a_host_takes() -> None:
    solved = Solved("p-1", Status.SOLVED, "why " * 500, "x" * 50_000, None, "success", "judge", 1, "c-1", 1, None, 1, 0)
    out = over(solved)
    assert 11_000 < len(out.answer) <= 12_000
    assert len(out.why) <= 600
    text = result(out).content[0]
    assert len(text.text) <= 4_000  # type: ignore[union-attr]
