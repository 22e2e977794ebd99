"""A trace as a host and a person see it: in the episode's resource, on the command line, in the next plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from integration.processes import Server, memento, serving
from memento_memory.bank import CaseBank
from memento_memory.trace import ToolCall
from memento_planner.brief import DATA_NOTICE
from memento_server.cli import app

_TASK = "Write the shopping list"


def _call(plan_id: str, number: int, tool: str, *, down: bool = False) -> ToolCall:
    arguments = json.dumps({"path": f"{number}.txt", "note": "first\tsecond\nthird"})
    return ToolCall(plan_id, None, "fs", tool, arguments, "done \u202e", down, down, 2.0, 7, 1e9 + number)


def _record(bank: Path, *calls: ToolCall) -> None:
    opened = CaseBank(bank)
    try:
        opened.record_calls(calls)
    finally:
        opened.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Server]]:
    """A bank and the server on it."""
    bank = tmp_path_factory.mktemp("trace") / "bank.sqlite3"
    with serving(bank) as server:
        yield bank, server


def test_a_trace_is_in_the_resource_and_becomes_the_plan_of_an_outcome_without_one(served: tuple[Path, Server]) -> None:
    bank, server = served
    plan_id = server.ok("plan_with_memory", task=_TASK)["plan_id"]
    assert server.read(f"memento://episodes/{plan_id}")["trace"] == []
    _record(bank, _call(plan_id, 1, "read_file"), _call(plan_id, 2, "write_file"))
    outcome = {"outcome": "success", "plan_id": plan_id, "evidence": "tool_result"}
    recorded = server.ok("record_outcome", **outcome)
    assert "the plan was drawn from 2 tool calls" in recorded["changes"]
    assert server.ok("record_outcome", **outcome)["status"] == "unchanged"
    episode = server.read(f"memento://episodes/{plan_id}")
    assert episode["notice"] == DATA_NOTICE
    assert [(call["tool"], call["result"]) for call in episode["trace"]] == [
        ("read_file", "done "),
        ("write_file", "done "),
    ]
    assert [step["tool"] for step in episode["plan"]] == ["fs__read_file", "fs__write_file"]
    assert episode["plan_drawn_from_trace"]


def test_a_failure_for_which_infrastructure_is_to_blame_is_answered_as_unknown(served: tuple[Path, Server]) -> None:
    bank, server = served
    plan_id = server.ok("plan_with_memory", task=_TASK)["plan_id"]
    _record(bank, _call(plan_id, 1, "read_file", down=True))
    answer = server.call("record_outcome", outcome="failure", plan_id=plan_id)
    assert "kept as unknown, not as a failure: calls to the tool server fs failed" in answer.text
    assert server.read(f"memento://episodes/{plan_id}")["outcome"] == "unknown"


def test_the_command_line_shows_a_trace(served: tuple[Path, Server]) -> None:
    bank, server = served
    at = ("--bank", str(bank))
    plan_id = server.ok("plan_with_memory", task=_TASK)["plan_id"]
    assert CliRunner().invoke(app, ["trace", plan_id, *at]).stdout == f"No tool call was relayed for {plan_id}.\n"
    _record(bank, _call(plan_id, 1, "read_file"), _call(plan_id, 2, "read_file", down=True))
    lines = [line.split("\t") for line in memento("trace", plan_id, *at).stdout.splitlines()]
    assert [(tool, state, time) for _, _, tool, state, time, _ in lines] == [
        ("fs__read_file", "ok", "2 ms"),
        ("fs__read_file", "infrastructure", "2 ms"),
    ]
    told = json.loads(CliRunner().invoke(app, ["trace", plan_id, "--json", *at]).stdout)
    assert [(call["at"], call["infrastructure"]) for call in told] == [(1e9 + 1, False), (1e9 + 2, True)]
    assert json.loads(told[0]["arguments"]) == {"path": "1.txt", "note": "first\tsecond\nthird"}


def test_a_trace_of_an_episode_that_does_not_exist_is_an_error_in_one_line(bank: Path) -> None:
    done = memento("trace", "p-none", "--bank", str(bank))
    assert done.returncode != 0
    assert "there is no episode 'p-none'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
