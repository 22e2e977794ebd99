"""`memento solve` as somebody meets it who has a model, a tools file and a task."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from integration.processes import PATIENCE_S, commanded
from integration.solve_command import (
    FIRST_STEP,
    GOOD,
    PLAN,
    READ,
    SECOND_STEP,
    TASK,
    THE_END,
    WRITE,
    WRITES,
    Desk,
    Ended,
    a_plan,
    desk_with_notes,
)
from memento_memory.case import Evidence, Outcome
from memento_memory.errors import InputError
from planner.openai_talk import said
from planner.wire_server import Answer, WireServer

WORKS = [PLAN, *FIRST_STEP, *SECOND_STEP, *THE_END]
ANSWERS = [a_plan(("Think", "")), said("It is 42."), said("42")]
PLAIN = """\
cycle 1: openai:scripted@HOST writes the plan
cycle 1: a plan of 2 steps by openai:scripted@HOST
  1. Write milk to list.txt
  2. Read list.txt
step 1: Write milk to list.txt
step 1 calls notes__write_note
step 1: notes__write_note answered
step 1: done
step 2: Read list.txt
step 2 calls notes__read_note
step 2: notes__read_note answered
step 2: done
judged success (judge)
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk with nothing but a bank."""
    return Desk(tmp_path)


@pytest.fixture
def with_notes(tmp_path: Path) -> Iterator[Desk]:
    """A desk with the notes server, which listens in this process."""
    with desk_with_notes(tmp_path) as made:
        yield made


def here(desk: Desk, answers: list[Answer], *given: str) -> Ended:
    """Solve in this process with a model that gives these answers."""
    with WireServer(answers).running() as model:
        return desk.run_here(model, *given)


def test_a_task_is_solved_with_real_tools_and_told_in_plain_lines(desk: Desk) -> None:
    with WireServer(WORKS).running() as model:
        ended = desk.with_notes().run(model, TASK)
        host = model.url.removeprefix("http://")
    assert (ended.status, desk.note) == (0, "milk")
    assert ended.err.replace(host, "HOST") == PLAIN
    case = re.search(r"kept as (\S+)", ended.out)
    assert case is not None
    assert re.sub(r"[\d.]+ s;", "T;", ended.out).splitlines() == [
        "solved",
        "the file says milk",
        "  1. Write milk to list.txt (notes__write_note)",
        "  2. Read list.txt (notes__read_note)",
        "The list says milk.",
        f"success by judge; 77 tokens, 2 calls, T; kept as {case[1]}",
        f"plan_id: {ended.plan_id}",
    ]
    with desk.opened() as bank:
        kept = bank.case(case[1])
        result = bank.episode(ended.plan_id).result
    assert (kept.task.text, [(step.description, step.tool) for step in kept.plan.subtasks]) == (TASK, [WRITE, READ])
    assert result == kept.result
    assert (kept.result.outcome, kept.result.evidence) == (Outcome.SUCCESS, Evidence.JUDGE)


def test_a_task_from_standard_input_is_told_as_one_json_document_and_nothing_else(desk: Desk) -> None:
    with WireServer(ANSWERS).running() as model:
        ended = desk.run(model, "-", "--json", "--check-answer", "42", given="How much is 6 * 7?\n")
    told = ended.told
    assert (ended.status, told["status"], told["answer"], told["evidence"]) == (0, "solved", "42", "test_passed")
    assert told["plan"] == [{"id": 1, "description": "Think", "depends_on": [], "tool": ""}]
    assert ended.out == json.dumps(told, ensure_ascii=False, indent=2) + "\n"
    assert desk.episode(told["plan_id"]).task.text == "How much is 6 * 7?"


def test_a_finished_run_is_told_again_without_a_question_to_the_model(desk: Desk) -> None:
    first = here(desk, ANSWERS, TASK, "--json")
    with WireServer([said("never asked")]).running() as model:
        again = desk.run_here(model, "--resume", first.told["plan_id"], "--json")
        assert not model.requests
    assert (again.status, again.told) == (first.status, first.told)


def test_a_run_whose_budget_ran_out_says_so_and_goes_on_with_another(with_notes: Desk) -> None:
    first = here(with_notes, WORKS, TASK, "--budget", "calls=1", "--json")
    assert (first.status, first.told["status"], first.told["why"], first.told["calls"]) == (3, "gave_up", "calls", 1)
    plan_id = first.told["plan_id"]
    second = here(with_notes, [*SECOND_STEP, *THE_END], "--resume", plan_id, "--budget", "calls=1", "--json")
    assert (second.status, second.told["status"], second.told["plan_id"]) == (0, "solved", plan_id)
    assert (second.told["calls"], second.told["tokens"]) == (2, first.told["tokens"] + 4 * 11)


@pytest.mark.parametrize(
    ("check", "status", "evidence"),
    [
        (["--check", "grep -q 42"], 0, "test_passed"),
        (["--check", "grep -q 41"], 1, "test_passed"),
        (["--check-answer", "42.0"], 0, "test_passed"),
        (["--check-answer", "41"], 1, "test_passed"),
        (["--check-schema", '{"type": "integer"}'], 0, "test_passed"),
        (["--check-schema", '{"type": "string"}'], 1, "test_passed"),
        (["--check", "grep -q 42", "--check-answer", "41"], 1, "test_passed"),
    ],
)
def test_a_check_decides_the_exit_status(desk: Desk, check: list[str], status: int, evidence: str) -> None:
    if check[0] == "--check-schema":
        schema = desk.path / "schema.json"
        schema.write_text(check[1])
        check = [check[0], str(schema)]
    ended = here(desk, ANSWERS, TASK, *check, "--max-cycles", "1", "--json")
    assert (ended.status, ended.told["evidence"]) == (status, evidence)
    assert ended.told["outcome"] == ("failure" if status else "success")


def test_a_check_that_cannot_be_made_costs_no_further_plan(desk: Desk) -> None:
    ended = here(desk, ANSWERS, TASK, "--check", "there-is-no-such-command", "--json")
    told = ended.told
    assert (ended.status, told["status"], told["outcome"], told["cycles"]) == (1, "failed", "unknown", 1)
    assert told["evidence"] == "test_passed"
    assert "the check could not be run" in told["why"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([TASK], "memento: model: is not set; give --model, or set MEMENTO_MODEL"),
        ([TASK, "--model", "host"], "memento: model: 'host' is the model of an MCP host"),
        ([TASK, "--model", "openai:gpt-5"], "there is no key; set OPENAI_API_KEY"),
        ([TASK, "--model", "openai:m@http://127.0.0.1:9/v1", "--tools", "gone.json"], "gone.json"),
    ],
)
def test_what_is_missing_is_said_in_one_line(desk: Desk, given: list[str], said: str) -> None:
    ended = commanded("solve", *given, "--bank", str(desk.bank), env=desk.environment | {"OPENAI_API_KEY": ""})
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (1, "", 1)
    assert said in ended.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "task: is missing"),
        ([TASK, "--resume", "p-1"], "not both"),
        ([TASK, "--budget", "tokens=0"], "budget"),
        ([TASK, "--budget", "hours=1"], "budget"),
        ([TASK, "--check-schema", "gone.json"], "check-schema"),
        (["  "], "task"),
    ],
)
def test_what_cannot_be_used_is_refused_before_a_model_is_asked(desk: Desk, given: list[str], said: str) -> None:
    with WireServer(ANSWERS).running() as model:
        with pytest.raises(InputError, match=said):
            desk.run_here(model, *given)
        assert not model.requests
    assert not desk.bank.exists()


def test_money_that_cannot_be_counted_leaves_no_half_begun_run(desk: Desk) -> None:
    with WireServer(ANSWERS).running() as model:
        ended = desk.run(model, TASK, "--budget", "dollars=1", by=commanded)
        assert not model.requests
    assert (ended.status, ended.out) == (1, "")
    assert "bound tokens instead" in ended.err
    with desk.opened() as bank:
        assert bank.stats().episodes == 0


def test_a_server_that_cannot_be_started_does_not_keep_the_others_from_working(with_notes: Desk) -> None:
    with_notes.with_notes(gone={"command": "there-is-no-such-command"})
    answers = [a_plan(WRITE), WRITES, said("wrote it"), said("Done."), GOOD]
    assert here(with_notes, answers, TASK).status == 0
    assert with_notes.note == "milk"


@pytest.mark.skipif(os.name == "nt", reason="has no pseudo-terminals")
def test_on_a_terminal_a_picture_moves_and_only_the_result_stays(with_notes: Desk) -> None:
    with WireServer(WORKS).running() as model:
        status, shown = on_a_terminal(with_notes, model, TASK)
    moved, _, left = shown.rpartition("\x1b[?25h")  # the cursor is back
    assert status == 0
    assert "▸ 1. Write milk to list.txt" in plain(moved)
    assert "✓ 2. Read list.txt" in plain(moved)
    assert '→ notes__write_note {"name": "list.txt", "text": "milk"}' in plain(moved)
    assert "\x1b[?25l" not in left
    erased, _, kept = left.rpartition("\x1b[2K")
    assert plain(erased).split() == []
    assert plain(kept).splitlines()[:2] == ["solved", "the file says milk"]


def on_a_terminal(desk: Desk, model: WireServer, *given: str) -> tuple[int, str]:
    """Exit status of the command on a terminal, and all that was written there."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "memento_server", *desk.arguments(model, *given)]
    env = {**os.environ, **desk.environment, "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # Linux's way to say that the other end is closed
            while piece := os.read(ours, 65_536):
                shown += piece
        os.close(ours)
        return process.wait(PATIENCE_S), shown.decode()


def plain(text: str) -> str:
    """What is written without colours and movements."""
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text)


def test_a_task_solved_before_is_shown_to_the_planner(desk: Desk) -> None:
    first = here(
        desk, [a_plan(("Look into the book of 1912", "")), said("It is 42."), said("42"), GOOD], TASK, "--json"
    )
    with WireServer(ANSWERS).running() as model:
        desk.run_here(model, TASK + " once more")
        told = json.dumps(model.requests[0][2])
    assert first.told["case_id"]
    assert "the book of 1912" in told


def test_a_run_nobody_knows_is_named(desk: Desk) -> None:
    with WireServer(ANSWERS).running() as model:
        ended = desk.run(model, "--resume", "p-none", by=commanded)
    assert (ended.status, ended.out) == (1, "")
    assert "memento: plan_id: there is no run 'p-none'" in ended.err
