"""Judging policies and training the value model on a bank's log, through the real command line and the real server."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from integration.banks import number, rows
from integration.processes import Run, Server, commanded, memento, serving, serving_here, until
from memento_memory.embedding import load, prepare
from memory.logs import Simulated, fill, simulated

_VERBS = ("Count", "List", "Archive")
_NOUNS = ("photos", "invoices", "orders", "letters")


def _run(bank: Path, *arguments: str, run: Run = commanded) -> str:
    done = run(*arguments, "--bank", str(bank))
    assert done.returncode == 0, done.stderr
    return done.stdout


def _asked(bank: Path, *arguments: str, run: Run = commanded) -> dict[str, Any]:
    return dict(json.loads(_run(bank, *arguments, "--json", run=run)))


def _live(server: Server, episodes: int) -> None:
    """Plan and record so many tasks, which succeed more often where a case with the right verb is shown."""
    chance = random.Random(0)
    for verb in _VERBS:
        for noun in _NOUNS:
            task = f"{verb} all {noun} of last week"
            server.ok("record_outcome", outcome="success", task=task, plan=f"1. {verb} {noun}", evidence="tool_result")
    for month in range(episodes):
        verb = chance.choice(_VERBS)
        task = f"{verb} all {chance.choice(_NOUNS)} of month {month}"
        planned = server.ok("plan_with_memory", task=task, k=2)
        helped = any(case["task"].startswith(verb) for case in planned["cases"])
        outcome = "success" if chance.random() < (0.9 if helped else 0.2) else "failure"
        arguments = {"plan": f"1. {verb} them", "evidence": "test_passed"}
        server.ok("record_outcome", plan_id=planned["plan_id"], outcome=outcome, **arguments)


def test_a_greedy_log_is_refused_in_words_that_say_what_is_missing(bank: Path) -> None:
    with serving_here(bank, env={"MEMENTO_LEARNING": "off"}) as server:
        _live(server, 60)
    said = " ".join(_run(bank, "evaluate", "--policy", "softmax:0.5", run=memento).split())
    assert "60 episodes of 60 tasks with a known outcome" in said
    assert "What softmax:0.5 would have earned cannot be told" in said
    assert "set MEMENTO_EXPLORE=0.1 and record about" in said
    assert "Whether memory helps here cannot be told: no episode was held out from memory" in said
    told = _asked(bank, "evaluate", "--policy", "softmax:0.5")
    assert told["policies"][0]["earned"]["refusal"]
    assert told["memory"]["difference"]["doubly_robust"] is None


def test_a_log_with_exploration_answers(bank: Path, tmp_path: Path) -> None:
    shares = {"MEMENTO_EXPLORE": "0.5", "MEMENTO_HOLDOUT": "0.3", "MEMENTO_LEARNING": "off"}
    with serving_here(bank, env=shares) as server:
        _live(server, 160)
    page = tmp_path / "page.html"
    said = " ".join(_run(bank, "evaluate", "--policy", "greedy", "--html", str(page)).split())
    assert "Memory helps here: it earns" in said
    told = _asked(bank, "evaluate")
    assert told["memory"]["difference"]["doubly_robust"]["low"] > 0
    assert all(each["earned"]["snips"] for each in told["policies"] if each["policy"] in ("greedy", "similarity"))
    assert "Memory helps here" in page.read_text(encoding="utf-8")


def test_the_command_trains_judges_shows_and_goes_back(bank: Path, tmp_path: Path) -> None:
    fill(bank, simulated(1200, 6.0))
    assert _asked(bank, "learn", "--status")["in_force"] == 0
    made = _asked(bank, "learn", run=memento)
    assert made["promoted"], made["reason"]
    assert made["report"]["learned_from"] + made["report"]["judged_on"] == 1200
    status = _asked(bank, "learn", "--status")
    assert status["in_force"] == made["version"] == 1
    assert [(each["status"], each["network"]) for each in status["versions"]] == [("in_force", True)]
    told = _asked(bank, "learn", "--explain")
    assert {"network"} <= {weight["feature"] for weight in told["weights"]}
    page = tmp_path / "report.html"
    _run(bank, "learn", "--report", str(page))
    assert "the trained network values it" in page.read_text(encoding="utf-8")
    assert _asked(bank, "learn", "--rollback") == {"in_force": 0}
    assert "in force: version 0 (similarity)" in _run(bank, "learn", "--status")
    assert _asked(bank, "learn", "--rollback", "1") == {"in_force": 1}


def test_what_cannot_be_done_is_one_line_that_says_why(bank: Path) -> None:
    fill(bank, simulated(60, 1.0))
    for arguments, reason in (
        (["learn"], "not enough episodes: 60 with known outcomes, 200 needed"),
        (["learn", "--rollback", "7"], "there is no version 7"),
        (["learn", "--rollback"], "0 is in force already"),
        (["learn", "--explain", "--status"], "use one after the other"),
        (["learn", "4"], "give it with --rollback"),
        (["evaluate", "--policy", "best"], "best"),
        (["evaluate", "--policy", "version:7"], "there is no version 7"),
    ):
        done = commanded(*arguments, "--bank", str(bank))
        assert (done.returncode, done.stdout) == (1, ""), arguments
        assert done.stderr.startswith("memento: ")
        assert done.stderr.count("\n") == 1
        assert reason in done.stderr


def _with_real_model(bank: Path, log: Simulated) -> None:
    fill(bank, log, load(prepare()).info)


def _learner_log(bank: Path) -> Path:
    return bank.with_name(bank.name + ".learn.log")


def test_the_server_starts_the_learner_in_the_background_once_enough_outcomes_are_in(bank: Path) -> None:
    _with_real_model(bank, simulated(220, 1.0, e=384))
    with serving(bank) as server:
        until(lambda: number(bank, "SELECT count(*) FROM value_models"), "a trained version")
        assert server.ok("plan_with_memory", task="Sort the mail of the office")["plan_id"]
        until(lambda: not rows(bank, "SELECT 1 FROM leases"), "the end of the learner")
    assert "version 1:" in _learner_log(bank).read_text(encoding="utf-8")
    status = _asked(bank, "learn", "--status")
    assert (status["trained_on"], status["next_at"], status["learner"]) == (220, 320, "")
    assert len(status["versions"]) == 1


def test_the_server_starts_no_learner_where_that_is_switched_off(bank: Path) -> None:
    _with_real_model(bank, simulated(220, 1.0, e=384))
    with serving(bank, env={"MEMENTO_LEARNING": "off"}) as server:
        for _ in range(40):
            server.ok("plan_with_memory", task="Sort the mail of the office")
    assert not _learner_log(bank).exists()
    assert _asked(bank, "learn", "--status")["versions"] == []
