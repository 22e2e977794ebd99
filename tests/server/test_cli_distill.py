"""`memento distill` and `memento lessons` on a real bank."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from memento_memory.bank import CaseBank
from memento_memory.errors import InputError, NotFoundError
from memento_server import cli_distill
from memory.making import report, result

app = typer.Typer()
app.command()(cli_distill.distill)
app.add_typer(cli_distill.app, name="lessons")
TOWNS = ("Aberdeen", "Ashley", "Boston", "Denver")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A bank whose cases teach one thing; the right column is named in brackets, as markup is."""
    file = tmp_path / "bank.db"
    bank = CaseBank(file)
    for town in TOWNS:
        for column, outcome in (("[red]Source[/red]", "success"), ("origin", "failure")):
            query = f"SELECT count(*) FROM flights WHERE {column} = '{town}'"
            graded = result(outcome, evidence="test_passed")
            bank.retain(report(f"How many flights leave from {town}?", query, result=graded))
    bank.close()
    return file


def run(path: Path, *words: str) -> str:
    found = CliRunner().invoke(app, [*words, "--bank", str(path)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def told(path: Path, *words: str):
    return json.loads(run(path, *words, "--json"))


def test_distilling_tells_people_the_lessons_and_what_became_of_them(path):
    text = run(path, "distill")
    assert "added " in text
    assert "[red]Source[/red]" in text
    assert "1 added, 0 updated, 0 dropped, 0 as before" in text
    assert "0 added, 0 updated, 0 dropped, 1 as before" in run(path, "distill")


def test_distilling_tells_machines_the_same(path):
    done = told(path, "distill")
    (lesson,) = done["added"]
    assert lesson["source"] == "rule"
    assert len(lesson["case_ids"]) == 4
    assert 0 < lesson["low"] < lesson["value"] < lesson["high"] < 1
    assert told(path, "distill") == {
        "dry_run": False,
        "added": [],
        "updated": [],
        "dropped": [],
        "unchanged": 1,
        "remarks": [],
    }


def test_a_dry_run_writes_nothing(path):
    assert "tried only: nothing was changed" in run(path, "distill", "--dry-run")
    assert "No lessons yet" in run(path, "lessons", "list")


def test_only_the_namespace_asked_for_is_distilled(path):
    assert told(path, "distill", "--namespace", "other")["added"] == []
    assert len(told(path, "distill", "--namespace", "default")["added"]) == 1


def test_lessons_are_listed_and_shown_with_their_cases(path):
    (lesson,) = told(path, "distill")["added"]
    assert told(path, "lessons", "list") == [lesson]
    assert told(path, "lessons", "list", "--namespace", "other") == []
    assert "value 0.83" in run(path, "lessons", "list")
    text = run(path, "lessons", "show", lesson["lesson_id"])
    assert all(case_id in text for case_id in lesson["case_ids"])
    assert told(path, "lessons", "show", lesson["lesson_id"]) == lesson


def test_a_lesson_is_dropped_by_hand_for_good(path):
    (lesson,) = told(path, "distill")["added"]
    with pytest.raises(InputError, match="begins with"):
        run(path, "lessons", "drop", lesson["lesson_id"], "--reason", "evidence: none")
    assert f"dropped {lesson['lesson_id']}" in run(path, "lessons", "drop", lesson["lesson_id"], "--reason", "[b]wrong")
    assert told(path, "lessons", "list") == []
    assert "[b]wrong" in run(path, "lessons", "list", "--dropped")
    bank = CaseBank(path)
    bank.retain(report("How many flights leave from Dublin?", "SELECT count(*) FROM flights"))
    bank.close()
    assert told(path, "distill")["added"] == []


def test_a_lesson_that_does_not_exist_is_named(path):
    for command in ("show", "drop"):
        with pytest.raises(NotFoundError, match="l-none"):
            run(path, "lessons", command, "l-none")


def test_a_model_that_is_no_model_is_refused_before_anything_is_done(path):
    with pytest.raises(InputError, match="model"):
        run(path, "distill", "--model", "smollm2")
    assert "1 added" in run(path, "distill", "--model", "none")
