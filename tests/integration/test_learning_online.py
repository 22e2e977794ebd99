"""What a recorded outcome teaches, as an agent, a person at the command line and a second server see it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from integration.banks import number, problems, rows
from integration.processes import Server, commanded, memento, serving, serving_here

_TASK = "Find all log files larger than 2 GB"
_EXAMPLES = (
    ("Find all log files larger than 5 MB", "1. find / -name '*.log' -size +5M"),
    ("Find all log files older than a week", "1. find / -name '*.log' -mtime +7\n2. Print their paths"),
    ("Find all pictures larger than 2 GB", "1. find / -name '*.png' -size +2G"),
)
_MOVED = re.compile(r"the value of (\S+) for this task went from (\d\.\d\d) to (\d\.\d\d)")


def _teach(server: Server) -> None:
    for task, steps in _EXAMPLES:
        server.ok("record_outcome", outcome="success", task=task, plan=steps, evidence="tool_result")


def _record(server: Server, planned: dict[str, Any], outcome: str, **others: Any) -> dict[str, Any]:
    arguments = {"plan": "1. find / -size +2G", "evidence": "test_passed", **others}
    return server.ok("record_outcome", plan_id=planned["plan_id"], outcome=outcome, **arguments)


def _values(answer: dict[str, Any]) -> dict[str, float]:
    return {case["case_id"]: case["value"] for case in answer["cases"]}


def _explained(bank: Path, plan_id: str) -> dict[str, Any]:
    done = commanded("explain", plan_id, "--bank", str(bank), "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(("outcome", "sign"), [("success", 1), ("failure", -1)])
def test_an_outcome_moves_the_values_that_the_next_plan_shows_and_says_so(bank: Path, outcome: str, sign: int) -> None:
    with serving_here(bank) as server:
        _teach(server)
        planned = server.ok("plan_with_memory", task=_TASK)
        before = _values(planned)
        assert len(before) >= 2
        changes = "\n".join(_record(server, planned, outcome)["changes"])
        moved = {case_id: (float(was), float(now)) for case_id, was, now in _MOVED.findall(changes)}
        assert set(moved) == set(before)
        for case_id, (was, now) in moved.items():
            assert was == pytest.approx(before[case_id], abs=0.006)
            assert sign * (now - was) > 0
        again = server.ok("retrieve_cases", query=_TASK, k=10)
    after = {case_id: value for case_id, value in _values(again).items() if case_id in before}
    assert after
    assert all(sign * (value - before[case_id]) > 0 for case_id, value in after.items())


def test_the_reasons_a_plan_gives_are_those_the_command_line_explains(bank: Path) -> None:
    with serving_here(bank) as server:
        _teach(server)
        _record(server, server.ok("plan_with_memory", task=_TASK), "success")
        planned = server.ok("plan_with_memory", task="Find all log files larger than 3 GB")
    told = _explained(bank, planned["plan_id"])
    shown = {case["case_id"]: case for case in told["shown"]}
    assert told["version"] == 1
    assert [case["case_id"] for case in planned["cases"]] == [case["case_id"] for case in told["shown"]]
    given = 0
    for case in planned["cases"]:
        explained = shown[case["case_id"]]
        assert explained["value"] == pytest.approx(case["value"], abs=0.001)
        signs = {reason["what"]: "+" if reason["logit"] > 0 else "−" for reason in explained["because"]}
        _, _, reasons = case["why"].rpartition(": ")
        for reason in reasons.split(", ") if reasons.startswith(("+", "−")) else []:
            assert signs[reason[2:]] == reason[0]
            given += 1
    assert given
    words = memento("explain", planned["plan_id"], "--bank", str(bank))
    assert "by version 1 of the value model" in " ".join(words.stdout.split())
    assert all(case["case_id"] in words.stdout for case in planned["cases"])


def test_the_shares_of_the_environment_decide_how_plans_are_chosen(bank: Path) -> None:
    with serving_here(bank, env={"MEMENTO_HOLDOUT": "0.5", "MEMENTO_EXPLORE": "1"}) as server:
        _teach(server)
        planned = [server.ok("plan_with_memory", task=_TASK) for _ in range(40)]
    logged = rows(bank, "SELECT arm, explore, holdout FROM decisions ORDER BY episode_key")
    assert len(logged) == len(planned)
    assert {(explore, holdout) for _, explore, holdout in logged} == {(1.0, 0.5)}
    arms = [arm for arm, _, _ in logged]
    assert set(arms) == {"drawn", "held_out"}
    assert all(not answer["cases"] for answer, arm in zip(planned, arms, strict=True) if arm == "held_out")
    held_out = planned[arms.index("held_out")]["plan_id"]
    assert "to measure whether memory helps" in _explained(bank, held_out)["how"]


def test_without_shares_every_plan_shows_what_is_worth_the_most(bank: Path) -> None:
    with serving_here(bank) as server:
        _teach(server)
        slates = {tuple(_values(server.ok("plan_with_memory", task=_TASK))) for _ in range(10)}
    assert len(slates) == 1
    assert set(rows(bank, "SELECT arm, explore, holdout FROM decisions")) == {("greedy", 0.0, 0.0)}


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("MEMENTO_HOLDOUT", "1.5", "a share from 0 to 0.9"),
        ("MEMENTO_EXPLORE", "often", "a share from 0 to 1"),
        ("MEMENTO_ALPHA", "0", "a temperature above 0"),
        ("MEMENTO_POLICY", "clever", "one of greedy, softmax, thompson"),
    ],
)
def test_a_setting_that_makes_no_sense_is_a_clear_error_at_the_start(
    bank: Path, name: str, value: str, wanted: str
) -> None:
    done = commanded("serve", "--bank", str(bank), env={name: value})
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"memento: {name}: is {value!r}" in done.stderr
    assert wanted in done.stderr
    assert not bank.exists()


def test_two_servers_on_one_bank_learn_what_one_would_have_learned(bank: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.sqlite3"
    outcomes = ("success", "failure", "success", "success")
    with serving(bank) as first, serving(bank) as second, serving_here(alone) as single:
        for server in (first, single):
            _teach(server)
        for turn, outcome in enumerate(outcomes):
            task = f"Find all log files larger than {turn + 3} GB"
            planner, recorder = (first, second) if turn % 2 else (second, first)
            _record(recorder, planner.ok("plan_with_memory", task=task), outcome)
            _record(single, single.ok("plan_with_memory", task=task), outcome)
        asked = [server.ok("retrieve_cases", query=_TASK, k=10)["cases"] for server in (first, second, single)]
    values = [{case["task"]: case["value"] for case in cases} for cases in asked]
    assert values[0] == values[1] == pytest.approx(values[2], abs=0.002)
    assert rows(bank, "SELECT version, status FROM value_models") == [(1, "in_force")]
    assert number(bank, "SELECT count(*) FROM decisions WHERE learned IS NOT NULL") == len(outcomes)


def test_a_server_killed_between_plan_and_record_loses_nothing(bank: Path) -> None:
    with serving(bank) as server:
        _teach(server)
        _record(server, server.ok("plan_with_memory", task=_TASK), "failure")
        planned = server.ok("plan_with_memory", task="Find all log files larger than 3 GB")
        server.process.kill()
    with serving(bank) as server:
        recorded = _record(server, planned, "success")
        assert recorded["plan_id"] == planned["plan_id"]
        moved = _MOVED.findall("\n".join(recorded["changes"]))
        assert {case_id for case_id, _, _ in moved} <= set(_values(planned))
        assert moved
    assert number(bank, "SELECT count(*) FROM decisions WHERE learned IS NOT NULL") == 2
    assert rows(bank, "SELECT version, status FROM value_models") == [(1, "in_force")]
    assert problems(bank) == []


def test_an_episode_that_was_not_planned_here_and_one_that_is_not_known_cannot_be_explained(bank: Path) -> None:
    with serving_here(bank) as server:
        reported = server.ok("record_outcome", outcome="success", task=_TASK, plan="1. find / -size +2G")
    for plan_id, reason in ((reported["plan_id"], "without a plan from memory"), ("nothing", "nothing")):
        done = commanded("explain", plan_id, "--bank", str(bank))
        assert (done.returncode, done.stdout) == (1, "")
        assert reason in done.stderr
