"""The command line as scripts use it: JSON on stdout, one line on stderr when something is wrong, no colours."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from integration.banks import make_bank, number, problems, rows
from integration.processes import PATIENCE_S, Run, commanded, memento, serving_here, until
from memento_memory.bank import CaseBank
from memento_memory.embedding import ModelInfo, Ready

_TASK = "Paint the fence of the garden"
_PLAN = "1. Sand the fence\n2. Paint it"


def _json(*arguments: str, run: Run = commanded) -> Any:
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    _plain(done.stdout + done.stderr)
    return json.loads(done.stdout)


def _plain(text: str) -> None:
    assert "\x1b" not in text
    assert "Traceback" not in text


def test_a_case_goes_through_every_command(bank: Path, tmp_path: Path) -> None:
    at = ("--bank", str(bank))
    planned = _json("plan", _TASK, "--context", "house 7", "--json", *at)
    assert planned["verdict"] == "no_useful_case"
    plan_file = tmp_path / "plan.txt"
    plan_file.write_text(_PLAN, encoding="utf-8")
    outcome = ("success", "--plan-id", planned["plan_id"], "--plan", f"@{plan_file}", "--tag", "garden")
    recorded = _json("record", *outcome, "--evidence", "user_confirmed", "--json", *at, run=memento)
    case_id = recorded["case_id"]
    assert recorded["status"] == "retained"
    counts = _json("stats", "--json", *at, run=memento)
    assert (counts["cases"], counts["tags"], counts["without_vector"]) == ({"success": 1}, {"garden": 1}, 0)
    assert [case["case_id"] for case in _json("cases", "list", "--json", "--tag", "garden", *at, run=memento)] == [
        case_id
    ]
    shown = _json("cases", "show", case_id, "--json", *at)
    assert [step["description"] for step in shown["plan"]] == ["Sand the fence", "Paint it"]
    found = _json("cases", "search", "white paint for a fence", "--json", *at, run=memento)
    assert [case["case_id"] for case in found["cases"]] == [case_id]

    assert memento("cases", "forget", case_id, *at).returncode == 0
    assert _json("cases", "list", "--json", *at) == []
    assert [case["case_id"] for case in _json("cases", "list", "--forgotten", "--json", *at)] == [case_id]
    assert memento("cases", "restore", case_id, *at).returncode == 0
    assert _json("stats", "--json", *at)["without_vector"] == 0

    exported = memento("cases", "export", *at)
    assert [json.loads(line).get("task") for line in exported.stdout.splitlines()] == [None, _TASK]
    file = tmp_path / "cases.jsonl"
    assert commanded("cases", "export", str(file), *at).returncode == 0
    assert file.read_text(encoding="utf-8") == exported.stdout
    other = ("--bank", str(tmp_path / "other.sqlite3"))
    assert _json("cases", "import", str(file), "--json", *other, run=memento)["imported"] == 1
    assert sum(_json("cases", "import", str(file), "--json", *other)["skipped"].values()) == 1
    assert _json("cases", "show", case_id, "--json", *other)["plan"] == shown["plan"]

    assert all(check["ok"] for check in _json("doctor", "--json", *at, run=memento))
    again = memento("reembed", *at)
    assert again.returncode == 0
    assert again.stdout == "0 vectors made, 1 were there already\n"
    assert problems(bank) == []


def test_output_for_people_is_plain_when_it_goes_to_no_terminal(bank: Path) -> None:
    at = ("--bank", str(bank))
    recorded = commanded("record", "failure", "--task", _TASK, "--plan", _PLAN, "--notes", "[red]rain[/red]", *at)
    assert recorded.returncode == 0
    (line,) = commanded("cases", "list", *at).stdout.splitlines()
    case_id, outcome, namespace, task = line.split("\t")
    assert (outcome, namespace, task) == ("failure", "default", _TASK)
    for run, *command in (
        (memento, "plan", _TASK),
        (commanded, "stats"),
        (memento, "cases", "show", case_id),
        (commanded, "doctor"),
        (commanded, "cases", "forget", case_id),
    ):
        done = run(*command, *at, env={"TERM": "xterm-256color"})
        assert done.returncode == 0, done.stderr
        assert done.stdout
        _plain(done.stdout + done.stderr)
        if "show" in command:
            assert "[red]rain[/red]" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", ""), "task: is empty"),
        (("plan", "x", "--namespace", "no spaces"), "namespace: 'no spaces' cannot be used"),
        (("record", "great", "--task", "x", "--plan", "y"), "outcome: is 'great'; one of success, failure, unknown"),
        (("record", "success", "--plan-id", "p-0"), "plan_id: there is no episode 'p-0'"),
        (("record", "success", "--task", "x", "--plan", "@nowhere.txt"), "nowhere.txt"),
        (("record", "success", "--task", "x", "--plan", "y", "--reward", "7"), "reward: is 7.0, outside [0, 1]"),
        (("cases", "show", "c-0"), "case_id: there is no case 'c-0'"),
        (("cases", "forget", "c-0"), "case_id: there is no case 'c-0'"),
        (("cases", "import", "nowhere.jsonl"), "file: there is no file nowhere.jsonl"),
        (("cases", "export", "/nowhere/cases.jsonl"), "/nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line_on_stderr_and_exit_status_1(bank: Path, arguments: tuple[str, ...], said: str) -> None:
    done = commanded(*arguments, "--bank", str(bank))
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("memento: ")
    assert said in line


def test_a_damaged_bank_is_one_line_on_stderr_and_a_finding_of_the_doctor(bank: Path) -> None:
    make_bank(bank, 200)
    with bank.open("rb+") as file:
        file.truncate(bank.stat().st_size // 2)
    done = memento("stats", "--bank", str(bank))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"memento: the bank {bank} is damaged")
    examined = commanded("doctor", "--json", "--bank", str(bank))
    assert examined.returncode == 1
    (failing,) = [check for check in json.loads(examined.stdout) if not check["ok"]]
    assert failing["check"] == "bank"
    assert "damaged" in failing["found"]


_CASES = 700  # several turns of making vectors, so that a process can be killed between two
_CONTENT = "SELECT id, task, plan, outcome, successes FROM cases"


class OtherModel:
    """An embedding model that is not the one in use: directions drawn at random."""

    info = ModelInfo("another-model", 384, "f" * 64)

    def embed(self, texts: Any) -> NDArray[np.float32]:
        drawn = np.random.default_rng(0).normal(size=(len(texts), 384))
        return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def test_a_bank_of_another_model_says_so_and_is_made_anew_even_when_that_is_interrupted(bank: Path) -> None:
    make_bank(bank, _CASES)
    made = CaseBank(bank, Ready(OtherModel()))
    assert made.embed_pending() == _CASES
    made.close()
    at = ("--bank", str(bank))
    before = set(rows(bank, _CONTENT))
    done = commanded("cases", "search", "shelf", *at)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "another-model" in line
    assert "memento reembed" in line
    with serving_here(bank) as server:
        for tool, arguments in (
            ("plan_with_memory", {"task": "Check shelf 7"}),
            ("retrieve_cases", {"query": "shelf"}),
        ):
            answer = server.call(tool, **arguments)
            assert answer.is_error
            assert "memento reembed" in answer.text
        assert server.ok("record_outcome", outcome="success", task="Dust the shelves", plan="1. Dust")["case_id"]
        _interrupt_reembedding(bank)
        left = number(bank, "SELECT count(*) FROM unembedded")
        assert 0 < left < _CASES + 1
        again = commanded("reembed", *at)
        assert again.returncode == 0, again.stderr
        assert again.stdout == f"{left} vectors made, {_CASES + 1 - left} were there already\n"
        assert server.ok("plan_with_memory", task="Check shelf 7 of the archive")["verdict"] == "cases"
    assert set(rows(bank, _CONTENT)) > before
    assert problems(bank) == []
    assert _json("stats", "--json", *at)["without_vector"] == 0


def _interrupt_reembedding(bank: Path) -> None:
    """Kill `memento reembed` when it has made some vectors and not all."""
    running = psutil.Popen([sys.executable, "-m", "memento_server", "reembed", "--bank", str(bank)])
    new = "SELECT count(*) FROM case_vectors WHERE (SELECT value FROM meta WHERE name = 'model_id') <> 'another-model'"
    until(lambda: number(bank, new), "the first new vectors")
    running.kill()
    running.wait(PATIENCE_S)
