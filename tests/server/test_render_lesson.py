"""What a recorded outcome taught is said in words, with what it was before first."""

from __future__ import annotations

from memento_memory.case import Case, Outcome, Result, Task
from memento_memory.online import Lesson
from memento_memory.plan import from_lines
from memento_memory.retention import Retained, Status
from memento_server.render import changes

CASE = Case("c-1", "default", Task("a task"), from_lines(["do it"]), Result.graded(Outcome.SUCCESS), successes=1.0)


def said(lesson: Lesson | None) -> str:
    return "; ".join(changes(Retained(Status.RETAINED, "p-1", CASE, lesson=lesson)))


def test_a_value_goes_from_what_it_was_to_what_it_is() -> None:
    told = said(Lesson((("c-2", 0.4, 0.6),), (0.3, 0.35), 1, True))
    assert "the value of c-2 for this task went from 0.40 to 0.60" in told
    assert "without a case" not in told


def test_a_change_too_small_to_see_is_not_worth_a_word() -> None:
    assert said(Lesson((("c-2", 0.4, 0.401),), (0.3, 0.302), 1, True)) == said(None)


def test_where_nothing_was_shown_the_chance_without_a_case_is_what_moved() -> None:
    assert "the chance of success without a case went from 0.30 to 0.50" in said(Lesson((), (0.3, 0.5), 1, True))


def test_that_similarity_ranks_again_is_said() -> None:
    assert "similarity ranks the cases for now" in said(Lesson((), (0.3, 0.3), 1, False))
