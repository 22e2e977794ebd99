"""What a planner is told beside cases: lessons drawn from many of them, and notes of people who know the domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memento_memory.bank import CaseBank
from memento_memory.case import Episode, Slate, Task
from memento_memory.lessons import ShownLesson
from memento_memory.notes import Passage
from memento_planner.brief import is_held_out


@dataclass(frozen=True, slots=True)
class Advice:
    """Lessons and passages of notes, the most useful first."""

    lessons: tuple[ShownLesson, ...] = ()
    passages: tuple[Passage, ...] = ()


def advice_for(bank: CaseBank, task: Task, slate: Slate, namespaces: Sequence[str]) -> Advice:
    """What fits a task; no lessons where memory is held out, for they come from it."""
    notes = bank.notes.retrieve(task, namespaces)
    held_out = is_held_out(slate)
    lessons = () if held_out else bank.lessons.retrieve(task, namespaces)
    return Advice(tuple(lessons), tuple(notes))


def note_shown(bank: CaseBank, episode: Episode, advice: Advice) -> None:
    """Write down which lessons an episode was shown, so that its outcome counts for them."""
    if advice.lessons:
        ids = [shown.lesson.id for shown in advice.lessons]
        bank.lessons.note_shown(episode.plan_id, ids)
