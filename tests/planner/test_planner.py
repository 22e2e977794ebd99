"""A plan for a host that thinks for itself: which draft it is offered, and what it is told beside the cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memento_memory.bank import CaseBank
from memento_memory.case import Task
from memento_memory.lessons import Draft, Lesson
from memento_memory.selection.policy import Policy
from memento_memory.store import cases
from memento_planner.planner import plan_from_cases
from memento_planner.state import with_progress
from memory.making import report

LISTS = [f"Write the shopping list to {name}.txt and read it back" for name in ("food", "drinks", "tools", "gifts")]
TASK = Task("Write the shopping list to books.txt and read it back")


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[CaseBank]:
    made = CaseBank(tmp_path / "bank.sqlite3")
    yield made
    made.close()


def taught(bank: CaseBank) -> Lesson:
    """A bank with four cases, and a lesson and a note that bear on them."""
    made = [bank.retain(report(task, f"Write {task.split()[5]}", "Read it back")).case for task in LISTS]
    with bank.database.reading() as db:
        keys = cases.keys_of(db, [case.id for case in made if case is not None])
    lesson = bank.lessons.put(Draft("default", "lists", "One item a line.", "rule", tuple(keys.values())))
    assert lesson is not None
    bank.notes.add("default", "lists.md", "# The shopping list\n\nWrite the shopping list to a file in capitals.")
    return lesson


def test_lessons_and_notes_that_fit_are_told_and_showing_a_lesson_counts(bank: CaseBank) -> None:
    lesson = taught(bank)
    advice = plan_from_cases(bank, TASK).advice
    assert [shown.lesson.id for shown in advice.lessons] == [lesson.id]
    assert [passage.heading for passage in advice.passages] == ["The shopping list"]
    assert bank.lessons.one(lesson.id).shown == 1


def test_where_memory_is_held_out_no_lesson_is_told_for_it_is_drawn_from_cases(tmp_path: Path) -> None:
    bank = CaseBank(tmp_path / "bank.sqlite3", policy=Policy(holdout=0.999_999))
    lesson = taught(bank)
    planned = plan_from_cases(bank, TASK)
    assert (planned.episode.slate.policy, planned.draft) == ("held out", None)
    assert planned.advice.lessons == ()
    assert len(planned.advice.passages) == 1
    assert bank.lessons.one(lesson.id).shown == 0
    bank.close()


def test_a_draft_that_was_tried_is_not_offered_for_the_rest_of_the_task(bank: CaseBank) -> None:
    taught(bank)
    first = plan_from_cases(bank, TASK)
    assert first.draft is not None
    assert first.draft.plan is not None
    known = with_progress(TASK, "done: nothing")
    again = plan_from_cases(bank, known)
    second = plan_from_cases(bank, known, previous=first.episode.plan_id)
    assert again.draft is not None
    assert again.draft.plan == first.draft.plan
    assert second.draft is None or second.draft.plan != first.draft.plan
    assert second.episode.previous == first.episode.plan_id
