"""The log of decisions: what became of a case when it was shown, who helped, and how this very task failed before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import apsw
import numpy as np
import pytest
from numpy.typing import NDArray

from memento_memory.case import Episode, Result, Shown, Slate, Task
from memento_memory.store import cases, decisions, episodes
from memento_memory.store.database import Database
from memory.logs import entry
from memory.making import FAILURE, SUCCESS, UNKNOWN, case, result

CASES = [case(f"case-{i}", f"task number {i}", f"step {i}") for i in range(3)]
HERE = np.array([1, 0, 0, 0], np.float32)
TASK = Task("sort the list")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    """An open write transaction on a bank with three cases."""
    database = Database(tmp_path / "bank.db")
    with database.writing() as db:
        for one in CASES:
            cases.insert(db, one)
        yield db
    database.close()


def shown(
    db: apsw.Connection,
    outcome: Result | None = SUCCESS,
    *,
    slate: Sequence[int] = (0,),
    used: Sequence[str] | None = None,
    vector: NDArray[np.float32] = HERE,
    task: Task = TASK,
    namespace: str = "default",
) -> int:
    """An episode that showed these cases, and how it ended; returns its row key."""
    (number,) = db.execute("SELECT count(*) FROM episodes").fetchone() or (0,)
    decision = entry(1, task.text, None, shown=slate, vector=vector).decision
    entries = tuple(Shown(CASES[i], 0.8, 0.5) for i in slate)
    episode = Episode(f"p-{number}", namespace, task, Slate(entries, decision=decision), created_at=float(number))
    keys = cases.keys_of(db, [CASES[i].id for i in slate])
    key = episodes.insert(db, episode, [keys[CASES[i].id] for i in slate])
    if outcome is not None:
        episodes.set_outcome(db, key, replace(episode, result=outcome, recorded_at=float(number)), None)
    if used is not None:
        episodes.set_used(db, key, used)
    return key


def history(db: apsw.Connection, *wanted: int, vector: NDArray[np.float32] | None = HERE) -> list[tuple[float, ...]]:
    """Owner, similarity, value and evidence of what is found for these cases."""
    keys = cases.keys_of(db, [one.id for one in CASES])
    found = decisions.history(db, [keys[CASES[i].id] for i in wanted], vector)
    columns = (found.owner.tolist(), found.similarity.tolist(), found.value.tolist(), found.evidence.tolist())
    return list(zip(*columns, strict=True))


def test_what_became_of_a_case_is_found_newest_first_with_how_much_it_counts(db: apsw.Connection) -> None:
    shown(db, result("success", 0.8, "self_report"))
    shown(db, result("failure", evidence="test_passed"), vector=np.array([0.6, 0.8, 0, 0], np.float32))
    assert history(db, 0) == [
        (0, pytest.approx(0.6, abs=1e-3), 0.0, 1.0),
        (0, pytest.approx(1.0), 0.8, result("success").evidence.weight),
    ]
    assert result("success").evidence.weight < 1


def test_each_showing_belongs_to_the_case_that_was_shown(db: apsw.Connection) -> None:
    shown(db, SUCCESS, slate=(2,))
    shown(db, FAILURE, slate=(1, 2))
    assert [(owner, value) for owner, _, value, _ in history(db, 2, 0)] == [(0, 0.0), (0, 1.0)]
    assert sorted((owner, value) for owner, _, value, _ in history(db, 0, 1, 2)) == [(1, 0.0), (2, 0.0), (2, 1.0)]


def test_a_case_that_was_not_used_neither_won_nor_lost(db: apsw.Connection) -> None:
    shown(db, FAILURE, slate=(0, 1), used=["case-1"])
    assert history(db, 0) == []
    assert len(history(db, 1)) == 1


@pytest.mark.parametrize("outcome", [None, UNKNOWN])
def test_an_outcome_nobody_knows_is_no_history(db: apsw.Connection, outcome: Result | None) -> None:
    shown(db, outcome)
    assert history(db, 0) == []


def test_tasks_of_another_embedding_model_and_tasks_without_a_vector_are_not_compared(db: apsw.Connection) -> None:
    shown(db, vector=np.ones(6, np.float32))
    shown(db, vector=np.empty(0, np.float32))
    assert history(db, 0) == history(db, 0, vector=None) == []


def test_of_a_long_history_the_newest_showings_are_looked_at(db: apsw.Connection) -> None:
    for number in range(300):
        shown(db, SUCCESS if number >= 44 else FAILURE)
    assert [value for _, _, value, _ in history(db, 0)] == [1.0] * 256


def test_who_helped_is_told_in_the_order_in_which_cases_were_shown(db: apsw.Connection) -> None:
    key = shown(db, slate=(2, 0, 1), used=["case-2", "case-1"])
    decision = decisions.of(db, key)
    assert decision is not None
    assert decisions.used_of(db, key, decision) == (True, False, True)
    open_key = shown(db, None, slate=(2, 0))
    kept = decisions.of(db, open_key)
    assert kept is not None
    assert decisions.used_of(db, open_key, kept) == (None, None)
    key2 = shown(db, slate=(1, 0), used=["case-1"])
    assert [(logged.key, logged.used) for logged in decisions.logged(db, after=open_key)] == [(key2, (True, False))]


def test_a_decision_is_read_as_it_was_made(db: apsw.Connection) -> None:
    made = replace(entry(1, "a", None, shown=(2,), vector=HERE).decision, best=(0, 1, 2), forced=1, version=7, k=3)
    made = replace(made, alpha=0.3, explore=0.2, holdout=0.1, log_propensity=-1.5, void_value=0.25)
    key = episodes.insert(db, Episode("p-1", "default", TASK, Slate(decision=made)), [])
    read = decisions.of(db, key)
    assert read is not None
    plain = {"candidates": made.candidates, "vector": made.vector}
    assert replace(read, **plain) == made
    assert np.array_equal(read.vector, HERE)
    assert read.candidates.case_ids == made.candidates.case_ids
    assert read.candidates.similarity == pytest.approx(made.candidates.similarity)


def test_failures_of_this_very_task_are_told_apart_by_whether_a_case_was_shown(db: apsw.Connection) -> None:
    shown(db, result("failure", evidence="test_passed"), slate=())
    shown(db, result("failure", evidence="self_report"), slate=())
    shown(db, result("failure", 0.25, "test_passed"), slate=(0, 1))
    shown(db, result("failure", evidence="test_passed"), task=Task("another task"))
    shown(db, result("failure", evidence="test_passed"), namespace="other", slate=())
    shown(db, SUCCESS, slate=())
    shown(db, UNKNOWN, slate=())
    weak = result("failure").evidence.weight
    assert episodes.failures_of(db, ["default"], TASK) == pytest.approx((1 + weak, 0.75))
    assert episodes.failures_of(db, ["default", "other"], TASK) == pytest.approx((2 + weak, 0.75))
    assert episodes.failures_of(db, ["empty"], TASK) == (0, 0)
