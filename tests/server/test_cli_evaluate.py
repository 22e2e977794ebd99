"""`memento evaluate`: answers in words and a picture, as JSON and as a page, and refusals that say what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from memento_memory.errors import InputError, NotFoundError
from memento_memory.selection.evaluation import Estimate
from memento_memory.selection.policy import Policy
from memento_server.cli_evaluate import drawn, evaluate
from server import evaluated

app = typer.Typer()
app.command()(evaluate)


def run(bank: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--bank", str(bank), *arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explored") / "bank.db"
    evaluated.fill(path, Policy(explore=0.5, holdout=0.25, alpha=0.3), 160)
    return path


@pytest.fixture(scope="module")
def greedy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("greedy") / "bank.db"
    evaluated.fill(path, Policy(), 60)
    return path


def test_it_says_whether_memory_helps_and_draws_every_policy(explored: Path) -> None:
    said = run(explored, "--policy", "greedy", "--policy", "softmax:0.3").stdout
    assert said.startswith("160 episodes of 160 tasks with a known outcome")
    assert "Memory helps here: it earns" in said
    rows = {line.split("  ")[0]: line for line in said.splitlines() if "·" in line}
    assert set(rows) == {"as logged", "greedy", "softmax:0.3", "similarity", "no memory"}
    assert all("●" in row or "cannot be told" in row for row in rows.values())
    assert max(len(row) for row in rows.values()) <= 80


def test_json_tells_everything_and_agrees_with_the_words(explored: Path) -> None:
    told = json.loads(run(explored, "--json").stdout)
    memory = told["memory"]["difference"]
    assert memory["doubly_robust"]["low"] > 0
    assert memory["doubly_robust"]["low"] < memory["doubly_robust"]["value"] < memory["doubly_robust"]["high"]
    assert "Memory helps here" in told["memory"]["words"]
    assert [each["policy"] for each in told["policies"]] == ["greedy", "softmax:0.1", "similarity"]
    assert told["episodes"]["shown"] + told["episodes"]["held_out"] == 160
    for each in told["policies"]:
        assert (each["earned"]["refusal"] is None) == (each["earned"]["snips"] is not None)


def test_a_greedy_log_says_what_to_set_and_how_much_to_record(greedy: Path) -> None:
    said = run(greedy, "--policy", "softmax:0.3").stdout
    assert "all 60 episodes were chosen greedily; set MEMENTO_EXPLORE=0.1 and record about" in said
    assert "no episode was held out from memory; set MEMENTO_HOLDOUT=0.1 and record about 300 more" in said


def test_the_page_is_written_where_it_is_asked_for(explored: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.html"
    run(explored, "--html", str(file))
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_another_namespace_has_a_log_of_its_own(explored: Path) -> None:
    assert run(explored, "--namespace", "other").stdout.startswith("0 episodes of 0 tasks")
    assert run(explored, "--namespace", "default").stdout.startswith("160 episodes")


def test_unknown_policies_and_versions_are_named(explored: Path) -> None:
    with pytest.raises(InputError, match="policy: is 'best'"):
        run(explored, "--policy", "best")
    with pytest.raises(NotFoundError, match="no version 99"):
        run(explored, "--policy", "version:99")


@pytest.mark.parametrize(
    ("estimate", "line"),
    [
        (Estimate(0.5, 0.25, 0.75), "······━━━━━━●━━━━━━······"),
        (Estimate(0.0, 0.0, 0.0), "●························"),
        (Estimate(1.1, 0.9, 1.4), "······················━━●"),
    ],
)
def test_an_interval_is_drawn_on_a_scale_from_0_to_1(estimate: Estimate, line: str) -> None:
    assert drawn(estimate) == line
