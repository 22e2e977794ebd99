"""`memento explain` over a real bank: what was chosen, how, and what spoke for and against each case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from memento_memory.bank import CaseBank
from memento_memory.case import Episode, Task
from memento_memory.decision import Arm
from memento_memory.errors import InputError
from memento_memory.plan import from_lines
from memento_memory.retention import Report
from memento_memory.selection.features import PAIR
from memento_server import cli_explain
from memento_server.cli_explain import explanation
from memory.making import FAILURE, SUCCESS, report

SIMILAR = next(feature for feature in PAIR if feature.name == "similarity")
ASKED = Task("count all lines of the report")

app = typer.Typer()
app.command()(cli_explain.explain)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[CaseBank]:
    """A bank of words with the very task and five like it."""
    opened = CaseBank(tmp_path / "bank.db")
    for thing in ("report", "letter", "novel", "poem", "diary", "log"):
        opened.retain(report(f"count all lines of the {thing}", f"wc -l {thing}"))
    yield opened
    opened.close()


def explained(bank: CaseBank, plan_id: str, *arguments: str) -> str:
    place = ["--bank", str(bank.database.path)]
    done = CliRunner().invoke(app, [plan_id, *arguments, *place], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def planned(bank: CaseBank, k: int = 2) -> Episode:
    return bank.open_episode(ASKED, bank.retrieve(ASKED, k=k), from_lines(["wc -l report"]))


def told_of(bank: CaseBank, episode: Episode) -> dict[str, Any]:
    return dict(json.loads(explained(bank, episode.plan_id, "--json")))


def test_what_was_shown_is_told_in_its_order_with_the_very_task_marked(bank: CaseBank) -> None:
    episode = planned(bank)
    told = told_of(bank, episode)
    assert [case["case_id"] for case in told["shown"]] == [entry.case.id for entry in episode.slate.shown]
    assert [case["same_task"] for case in told["shown"]] == [True, False]
    assert [case["value"] for case in told["shown"]] == pytest.approx([e.value for e in episode.slate.shown], abs=1e-3)
    assert told["considered"] == 6
    assert told["outcome"] is None


def test_the_best_of_those_not_shown_are_told_and_none_of_those_shown(bank: CaseBank) -> None:
    told = told_of(bank, planned(bank))
    values = [case["value"] for case in told["best_not_shown"]]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)
    assert not {c["case_id"] for c in told["best_not_shown"]} & {c["case_id"] for c in told["shown"]}


@pytest.mark.parametrize(("arm", "how"), [("greedy", "most valuable"), ("drawn", "drawn"), ("held_out", "on purpose")])
def test_how_a_slate_came_about_is_told(bank: CaseBank, arm: str, how: str) -> None:
    episode = planned(bank)
    decision = bank.decision(episode.plan_id)
    assert decision is not None
    told = explanation(episode, replace(decision, arm=Arm(arm)))
    assert told["arm"] == arm
    assert how in told["how"]
    assert ("not the most valuable" in told["how"]) == (arm == "drawn")


def test_a_reason_has_the_sign_of_what_it_did_to_the_value(bank: CaseBank) -> None:
    episode = planned(bank)
    for case in told_of(bank, episode)["shown"] + told_of(bank, episode)["best_not_shown"]:
        for reason in case["because"]:
            if reason["what"] == SIMILAR.more:
                assert reason["logit"] > 0
            if reason["what"] == SIMILAR.less:
                assert reason["logit"] < 0
    said = explained(bank, episode.plan_id)
    assert SIMILAR.more in said
    for line in said.splitlines():
        if line.endswith(SIMILAR.more):
            assert line.strip().startswith("+")
        if line.endswith(SIMILAR.less):
            assert line.strip().startswith("−")


def test_the_words_say_which_version_chose_and_how_it_ended(bank: CaseBank) -> None:
    first = planned(bank)
    assert "by similarity, nothing learned yet" in explained(bank, first.plan_id)
    bank.retain(Report(FAILURE, first.plan_id))
    second = planned(bank)
    bank.retain(Report(SUCCESS, second.plan_id))
    assert "It ended in failure." in explained(bank, first.plan_id)
    said = explained(bank, second.plan_id)
    assert "by version 1 of the value model" in said
    assert "It ended in success." in said


def test_work_that_was_not_planned_here_has_nothing_to_explain(bank: CaseBank) -> None:
    plan_id = bank.retain(report("water the plants", "take the can")).plan_id
    with pytest.raises(InputError, match="without a plan from memory"):
        explained(bank, plan_id)


def test_cases_that_were_shown_before_decisions_were_logged_are_told_apart_from_no_plan(bank: CaseBank) -> None:
    episode = planned(bank)
    with bank.database.writing() as db:
        db.execute("DELETE FROM decisions")
    with pytest.raises(InputError, match="was planned before decisions were logged"):
        explained(bank, episode.plan_id)
