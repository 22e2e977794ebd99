"""`memento solve` when things go wrong: it ends within its bounds, says truthfully how, and loses nothing."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest

from integration.banks import problems
from integration.processes import commanded, until
from integration.relays import backend
from integration.solve_command import (
    BROKEN,
    FIRST_STEP,
    PLAN,
    READ,
    READS,
    SECOND_STEP,
    SILENCE,
    TASK,
    THE_END,
    WRITE,
    WRITES,
    Begun,
    Desk,
    a_call,
    a_plan,
    desk_with_notes,
)
from memento_memory.bank import CaseBank
from memento_memory.case import Outcome, Task
from memento_planner import run_state
from memento_planner.run import Crew
from memento_planner.run_state import Status
from memento_planner.solve import SolveOptions, solve
from memento_planner.tools import NoTools
from planner.openai_talk import refused, said
from planner.scripted import ScriptedModel
from planner.wire_server import Answer, WireServer

SLOW = ("Wait for it", "slow__wait")
WAITS = a_call("slow__wait")

posix = pytest.mark.skipif(sys.platform == "win32", reason="has no signals to other processes")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with the notes server in this process; what a run starts itself are the servers that misbehave."""
    with desk_with_notes(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("answers", "asked", "outcome", "why"),
    [
        pytest.param([BROKEN], 3, "unknown", "the reply broke off 3 times", id="breaks off while it plans"),
        pytest.param([PLAN, BROKEN], 4, "unknown", "the reply broke off 3 times", id="breaks off while it works"),
        pytest.param([PLAN, refused(400, "out of order")], 2, "unknown", "out of order", id="refuses"),
        pytest.param([said("I plan to help")], 3, "unknown", "no usable reply in 3 attempts", id="gives no JSON"),
        pytest.param([PLAN, a_call("teleport")], 6, "failure", "no tool 'teleport'", id="wants what is not there"),
        pytest.param([PLAN, READS], 7, "failure", "the same tool with the same arguments", id="repeats itself"),
        pytest.param([PLAN, said("")], 5, "failure", "the model said nothing", id="says nothing"),
    ],
)
def test_a_model_that_fails_for_ever_ends_a_run_soon_and_truthfully(
    desk: Desk, answers: list[Answer], asked: int, outcome: str, why: str
) -> None:
    with WireServer(answers).running() as model:
        ended = desk.run_here(model, TASK, "--max-cycles", "1", "--json")
        assert len(model.requests) == asked
    told = ended.told
    assert (ended.status, told["status"], told["outcome"]) == (1, "failed", outcome)
    assert why in told["why"]
    assert told["answer"]
    assert_kept(desk, told)
    if outcome == "unknown":
        assert_goes_on(desk, told["plan_id"], ())


def test_a_model_that_breaks_off_once_is_asked_again(desk: Desk) -> None:
    with WireServer([BROKEN, PLAN, WRITES, BROKEN, said("wrote it"), *SECOND_STEP, *THE_END]).running() as model:
        ended = desk.run_here(model, TASK, "--json")
    assert (ended.status, ended.told["calls"]) == (0, 2)


def test_a_tool_that_never_answers_is_given_up_and_the_plan_is_not_blamed(desk: Desk) -> None:
    desk.with_notes(slow=backend("silent.py", "calls", timeout=0.2))
    with WireServer([a_plan(SLOW), WAITS, said("FAILED: it does not answer"), said("No.")]).running() as model:
        ended = desk.run_here(model, TASK, "--max-cycles", "1", "--json")
    told = ended.told
    assert (ended.status, told["status"], told["outcome"]) == (1, "failed", "unknown")
    assert_kept(desk, told)
    with desk.opened() as bank:
        assert [(call.tool, call.infrastructure) for call in bank.trace(told["plan_id"])] == [("wait", True)]


@pytest.mark.parametrize(
    ("budget", "answers", "done"),
    [
        ("tokens=100", [PLAN, *FIRST_STEP, READS, *THE_END], [1]),
        ("calls=1", [PLAN, *FIRST_STEP, *SECOND_STEP], [1]),
        ("seconds=3", [PLAN, SILENCE], []),
    ],
)
def test_a_budget_that_runs_out_in_a_step_leaves_a_run_that_goes_on(
    desk: Desk, budget: str, answers: list[Answer], done: list[int]
) -> None:
    with WireServer(answers).running() as model:
        ended = desk.run_here(model, TASK, "--budget", budget, "--json")
    told = ended.told
    assert (ended.status, told["status"], told["outcome"]) == (3, "gave_up", "unknown")
    assert told["why"] == budget.partition("=")[0]
    assert told["answer"]
    assert_kept(desk, told)
    assert_goes_on(desk, told["plan_id"], done)


@dataclass(frozen=True)
class Moment:
    """A moment at which a run is cut off.

    Attributes:
        steps: of the plan.
        answers: of the model until then; it hangs at the last one, or the tool that it asks for does.
        done: the steps that are over.
    """

    steps: tuple[tuple[str, str], ...]
    answers: tuple[Answer, ...]
    done: tuple[int, ...]

    @contextmanager
    def reached(self, desk: Desk, *given: str) -> Iterator[Begun]:
        """A run that has come to this moment and stays there."""
        desk.with_notes(slow=backend("silent.py", "calls"))
        with WireServer(self.answers).running() as model, desk.begin(model, TASK, *given) as begun:
            begun.until_asked(model, len(self.answers))
            if SLOW in self.steps:
                begun.until_said("calls slow__wait")
            yield begun


WHILE_PLANNING = Moment((WRITE, READ), (SILENCE,), ())
WHILE_A_TOOL_RUNS = Moment((WRITE, SLOW), (a_plan(WRITE, SLOW), *FIRST_STEP, WAITS), (1,))
BETWEEN_STEPS = Moment((WRITE, READ), (PLAN, *FIRST_STEP, SILENCE), (1,))
WHILE_ANSWERING = Moment((WRITE, READ), (PLAN, *FIRST_STEP, *SECOND_STEP, SILENCE), (1, 2))
MOMENTS = pytest.mark.parametrize(
    "moment",
    [
        pytest.param(WHILE_PLANNING, id="while planning"),
        pytest.param(WHILE_A_TOOL_RUNS, id="while a tool runs"),
        pytest.param(BETWEEN_STEPS, id="between steps"),
        pytest.param(WHILE_ANSWERING, id="while answering"),
    ],
)


@posix
@MOMENTS
def test_a_signal_ends_a_run_in_order_and_it_goes_on_later(desk: Desk, moment: Moment) -> None:
    number = signal.SIGTERM if moment in (WHILE_A_TOOL_RUNS, WHILE_ANSWERING) else signal.SIGINT
    with moment.reached(desk, "--json") as begun:
        ended = begun.signal(number)
        assert begun.nothing_left()
    told = ended.told
    assert (ended.status, told["status"]) == (130, "cancelled")
    assert told["why"] == f"cancelled; go on with --resume {told['plan_id']}"
    assert "Traceback" not in ended.err
    state = desk.state(told["plan_id"])
    assert (state.status, [*(state.cycles[-1].results)]) == (Status.CANCELLED, [*moment.done])
    assert_kept(desk, told)
    assert_goes_on(desk, told["plan_id"], moment.done)


@posix
@MOMENTS
def test_a_run_that_was_killed_goes_on_with_the_first_step_that_was_not_done(desk: Desk, moment: Moment) -> None:
    with moment.reached(desk) as begun:
        assert begun.signal(signal.SIGKILL).status == -signal.SIGKILL
        assert begun.nothing_left()
    plan_id = desk.the_run()
    state = desk.state(plan_id)
    assert (state.status, [*(state.cycles[-1].results)]) == (Status.RUNNING, [*moment.done])
    assert problems(desk.bank) == []
    assert_goes_on(desk, plan_id, moment.done)


@posix
def test_a_second_signal_while_it_winds_up_takes_nothing_away(desk: Desk) -> None:
    with staying(desk) as begun:
        begun.process.send_signal(signal.SIGTERM)
        until(lambda: desk.state(desk.the_run()).status is Status.CANCELLED, "the note that it was cancelled")
        ended = begun.signal(signal.SIGTERM)
        assert begun.nothing_left()
    assert (ended.status, ended.told["status"]) == (130, "cancelled")


@posix
def test_whoever_cannot_wait_interrupts_three_times(desk: Desk) -> None:
    with staying(desk) as begun:

        def interrupted() -> bool:
            begun.process.send_signal(signal.SIGINT)
            return begun.process.poll() is not None

        until(interrupted, "its end")
        assert begun.wait().status == -signal.SIGINT
        assert begun.nothing_left()
    assert desk.state(desk.the_run()).plan_id


@contextmanager
def staying(desk: Desk) -> Iterator[Begun]:
    """A run that has to wait for the end of a server when it ends."""
    desk.with_notes(stubborn=backend("stubborn.py", desk.path / "pids"))
    with WireServer([SILENCE]).running() as model, desk.begin(model, TASK, "--json") as begun:
        begun.until_asked(model, 1)
        yield begun


@posix
def test_a_signal_before_anything_was_done_is_said(desk: Desk) -> None:
    desk.with_notes(mute=backend("silent.py", "initialize"))
    with WireServer([PLAN]).running() as model, desk.begin(model, TASK) as begun:
        until(begun.children, "its servers")
        ended = begun.signal(signal.SIGINT)
        assert begun.nothing_left()
    assert (ended.status, ended.out) == (130, "")
    assert ended.err == "memento: cancelled before anything was done\n"


@posix
def test_one_run_is_worked_on_by_one_process_at_a_time(desk: Desk) -> None:
    with BETWEEN_STEPS.reached(desk) as first, WireServer([said("never asked")]).running() as model:
        plan_id = desk.the_run()
        second = desk.run(model, "--resume", plan_id, by=commanded)
        assert not model.requests
        assert first.process.is_running()
    assert (second.status, second.out) == (1, "")
    assert second.err == f"memento: plan_id: another process is at work on {plan_id}; wait for it, or end it\n"


def test_a_run_that_is_cancelled_while_it_is_being_opened_is_told_all_the_same(tmp_path: Path) -> None:
    opened: list[str] = []
    scopes: list[anyio.CancelScope] = []

    def clock() -> float:
        while scopes:  # the bank asks for the time in the thread that opens the run
            anyio.from_thread.run_sync(scopes.pop().cancel)
        return 1_700_000_000.0

    async def cut_short() -> None:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            crew = Crew(ScriptedModel("never asked"), ScriptedModel("never asked"))
            await solve(bank, Task(TASK), crew, NoTools(), SolveOptions(), on_open=opened.append)

    bank = CaseBank(tmp_path / "bank.sqlite3", clock=clock)
    anyio.run(cut_short)
    assert len(opened) == 1
    assert run_state.load(bank.database, opened[0]).status is Status.CANCELLED
    bank.close()


def assert_kept(desk: Desk, told: dict[str, Any]) -> None:
    """The run and its episode are on disk as they were told."""
    state, result = desk.state(told["plan_id"]), desk.episode(told["plan_id"]).result
    assert (state.status.value, state.answer, state.outcome) == (told["status"], told["answer"], told["outcome"])
    assert result is not None
    assert result.outcome.value == (told["outcome"] or "unknown")
    assert problems(desk.bank) == []


def assert_goes_on(desk: Desk, plan_id: str, done: Sequence[int]) -> None:
    """A run goes on after these steps and ends well: nothing that was done is asked for or done again."""
    left = [[PLAN], FIRST_STEP, SECOND_STEP][len(done) + 1 if desk.state(plan_id).cycles[-1].plan else 0 :]
    answers = [answer for part in left for answer in part] + THE_END
    desk.with_notes()
    with WireServer(answers).running() as model:
        ended = desk.run_here(model, "--resume", plan_id, "--json")
        assert len(model.requests) == len(answers)
    told = ended.told
    assert (ended.status, told["status"], told["plan_id"]) == (0, "solved", plan_id)
    assert told["answer"] == "The list says milk."
    assert desk.note == "milk"
    assert_kept(desk, told)
    with desk.opened() as bank:
        assert [call.tool for call in bank.trace(plan_id)].count("write_note") == 1
        assert bank.stats().episodes == 1
        assert bank.case(told["case_id"]).result.outcome is Outcome.SUCCESS
        assert len(bank.case(told["case_id"]).plan.subtasks) == 2
