"""Lessons: what several cases teach together, found again beside them and dropped when the evidence turns.

A lesson has a value of its own, the chance that a task succeeds where it is shown: the mean of a Beta posterior over
the outcomes of the episodes in which it was shown, started by the cases it was drawn from. Those are the evidence it
was found in, so together they count no more than a few observations.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.case import Task
from memento_memory.errors import NotFoundError
from memento_memory.retention import new_id
from memento_memory.selection.fusion import USEFUL_FROM_BY_WORDS
from memento_memory.selection.lexical import Wording
from memento_memory.selection.posterior import interval
from memento_memory.store import cases, episodes, vectors, words
from memento_memory.store import lessons as store
from memento_memory.store.lessons import Record, Row
from memento_memory.text import cut

if TYPE_CHECKING:
    from memento_memory.embeddings import Embeddings
    from memento_memory.store.database import Database

MAX_CHARS = 300
FEWEST_CASES, FEWEST_SUCCESSES = 3, 2
USEFUL_FROM = 0.65  # cosine of a task with the mean of a lesson's tasks
BY_EVIDENCE = "evidence: "  # how the reason begins where no person dropped it
_ORIGIN = 4.0  # observations that all its cases together count for
_BY_WORDS = 64  # cases looked at where words find lessons


@dataclass(frozen=True, slots=True)
class Lesson:
    """What several cases teach.

    Attributes:
        source: the model that wrote it, or "rule".
        case_ids: the cases it rests on that are still in use: those whose plan does what it says.
        value: chance of success where it is shown, in [0, 1].
        low, high: its 95 % interval.
        shown: episodes in which it was shown.
        dropped_at: when it was taken out of use, or None.
    """

    id: str
    namespace: str
    text: str
    source: str
    case_ids: tuple[str, ...]
    value: float
    low: float
    high: float
    shown: int
    created_at: float
    updated_at: float
    dropped_at: float | None = None
    dropped_reason: str = ""


@dataclass(frozen=True, slots=True)
class ShownLesson:
    """A lesson found for a task, and how much like its own tasks that is, in [0, 1]."""

    lesson: Lesson
    similarity: float


@dataclass(frozen=True, slots=True)
class Draft:
    """A lesson to be written down.

    Attributes:
        theme: digest of what it is about.
        case_keys: row keys of the cases it rests on.
    """

    namespace: str
    theme: str
    text: str
    source: str
    case_keys: tuple[int, ...]


class Lessons:
    """The lessons of a bank.

    Args:
        clock: gives the time in seconds since the epoch.
    """

    def __init__(self, database: Database, embeddings: Embeddings, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._embeddings = embeddings
        self._clock = clock

    def retrieve(self, task: Task, namespaces: Sequence[str], *, k: int = 3) -> tuple[ShownLesson, ...]:
        """At most k lessons about tasks like this one, the best first: similarity times value.

        A lesson whose value is below the namespace's share of successes, beyond doubt, is left out.
        """
        with self._database.reading() as db:
            if not store.has_any(db, namespaces):
                return ()
        embedded = self._embeddings.of_texts([task.state])
        with self._database.reading() as db:
            near = None if embedded is None else _near(db, embedded[0][0], embedded[1].weights_hash, namespaces)
            near = _by_words(db, task, namespaces) if near is None else near
            records = store.records(db, list(near))
            base = {name: store.known_base_rate(db, name) for name in namespaces} if near else {}
            found = [
                ShownLesson(lesson, near[row.key])
                for row in store.by_keys(db, list(near))
                if (lesson := _lesson(row, records[row.key])).high >= base[row.namespace]
            ]
        found.sort(key=lambda entry: (-entry.similarity * entry.lesson.value, entry.lesson.id))
        return tuple(found[:k])

    def note_shown(self, plan_id: str, lesson_ids: Sequence[str]) -> None:
        """Note that lessons are shown for an episode that is open; where it is just being opened see `store.lessons`.

        Raises:
            NotFoundError: if there is no such episode.
        """
        with self._database.writing() as db:
            store.shown(db, episodes.named(db, plan_id)[0], lesson_ids)

    def all(self, namespaces: Sequence[str] = (), *, dropped: bool = False) -> tuple[Lesson, ...]:
        """The lessons in use, or those that were dropped, oldest first; of all namespaces when none is given."""
        with self._database.reading() as db:
            found = store.rows(db, namespaces, dropped=dropped)
            records = store.records(db, [row.key for row in found])
            return tuple(_lesson(row, records[row.key]) for row in found)

    def one(self, lesson_id: str) -> Lesson:
        """One lesson, dropped or not.

        Raises:
            NotFoundError: if there is none of this name.
        """
        with self._database.reading() as db:
            row = _named(db, lesson_id)
            return _lesson(row, store.records(db, [row.key])[row.key])

    def put(self, draft: Draft, lesson_id: str = "", *, dry_run: bool = False) -> Lesson | None:
        """Write a lesson down: in place of an earlier one, whose record it keeps, or as a new one.

        Args:
            lesson_id: the earlier one, which may have been dropped; "" for none.
            dry_run: only say what it would be.

        Returns:
            The lesson as it is now; None where the evidence is against it, and nothing was written.

        Raises:
            NotFoundError: if there is no earlier one of this name.
        """
        with self._database.writing() as db:
            db.execute("SAVEPOINT lesson")
            now = self._clock()
            made = new_id("l")
            key = _named(db, lesson_id).key if lesson_id else store.insert(db, made, draft.namespace, now)
            store.write(
                db,
                key,
                text=cut(draft.text, MAX_CHARS),
                source=draft.source,
                theme=draft.theme,
                case_keys=draft.case_keys,
                embedded=_mean(db, draft.case_keys),
                now=now,
            )
            row, record = _named(db, lesson_id or made), store.records(db, [key])[key]
            against = _against(record, store.base_rate(db, draft.namespace))
            if dry_run or against:
                db.execute("ROLLBACK TO lesson")
            db.execute("RELEASE lesson")
            return None if against else _lesson(row, record)

    def drop(self, lesson_id: str, reason: str) -> Lesson:
        """Take a lesson out of use for good; it is kept, with the reason, and not drawn again.

        Raises:
            NotFoundError: if there is none of this name.
        """
        with self._database.writing() as db:
            row = _named(db, lesson_id)
            if row.dropped_at is None or row.dropped_reason.startswith(BY_EVIDENCE):
                store.drop(db, row.key, reason, self._clock())
        return self.one(lesson_id)

    def review(self, namespaces: Sequence[str] = (), *, dry_run: bool = False) -> tuple[Lesson, ...]:
        """Drop the lessons whose evidence turned, and return them; quick enough to be done now and then.

        One goes when its value is below its namespace's share of successes beyond doubt, when too few of its cases
        are left, or when most of those by now are failures.
        """
        with self._database.reading() as db:
            found = store.rows(db, namespaces)
            records = store.records(db, [row.key for row in found])
            base = {name: store.base_rate(db, name) for name in {row.namespace for row in found}}
            gone = [(row, why) for row in found if (why := _against(records[row.key], base[row.namespace]))]
            moved = {name: rate for name, rate in base.items() if store.is_news(db, name, rate)}
        if dry_run or not (gone or moved):
            return tuple(_lesson(row, records[row.key], why) for row, why in gone)
        with self._database.writing() as db:
            for row, why in gone:
                store.drop(db, row.key, BY_EVIDENCE + why, self._clock())
            for name, rate in moved.items():
                store.put_base_rate(db, name, rate)
        return tuple(self.one(row.id) for row, _ in gone)


def posterior(record: Record) -> tuple[float, float, float]:
    """Chance of success where a lesson is shown, with its 95 % interval."""
    total = record.won + record.lost
    share = min(1.0, _ORIGIN / total) if total > 0 else 0.0
    return interval(share * record.won + record.shown_won, share * record.lost + record.shown_lost)


def _against(record: Record, base: float) -> str:
    """Why the evidence is against a lesson, in words, or ""."""
    successes = sum(succeeded for *_, succeeded in record.cases)
    if successes < FEWEST_SUCCESSES:
        return f"only {successes} of the successes it was drawn from are left"
    if 2 * successes <= len(record.cases) or record.won <= record.lost:
        return f"{len(record.cases) - successes} of its {len(record.cases)} cases are failures by now"
    value, _, high = posterior(record)
    if high < base:
        return f"tasks it is shown for succeed less often ({value:.2f}) than others here ({base:.2f})"
    return ""


def _lesson(row: Row, record: Record, reason: str = "") -> Lesson:
    value, low, high = posterior(record)
    return Lesson(
        *(row.id, row.namespace, row.text, row.source),
        case_ids=tuple(case_id for case_id, *_ in record.cases),
        value=value,
        low=low,
        high=high,
        shown=record.shown,
        created_at=row.created_at,
        updated_at=row.updated_at,
        dropped_at=row.dropped_at,
        dropped_reason=reason or row.dropped_reason,
    )


def _named(db: apsw.Connection, lesson_id: str) -> Row:
    row = store.by_id(db, lesson_id)
    if row is None:
        raise NotFoundError(
            "lesson_id", f"there is no lesson {lesson_id!r}; `memento lessons list` shows what there is"
        )
    return row


def _mean(db: apsw.Connection, case_keys: Sequence[int]) -> tuple[str, bytes] | None:
    """The model of the bank, and the mean direction of the cases' tasks."""
    keys, matrix = vectors.of_cases(db, case_keys)
    if not keys:
        return None
    mean = matrix.mean(axis=0)
    return vectors.model_of(db)["weights_hash"], (mean / np.linalg.norm(mean)).astype(np.float32).tobytes()


def _near(
    db: apsw.Connection, query: NDArray[np.float32], model: str, namespaces: Sequence[str]
) -> dict[int, float] | None:
    """Row keys and cosines of the lessons whose tasks are like this one; None where this model embedded none."""
    keys, matrix = store.embeddings(db, namespaces, model)
    if not keys:
        return None
    found = zip(keys, (matrix @ query).tolist(), strict=True)
    return {key: min(cosine, 1.0) for key, cosine in found if cosine >= USEFUL_FROM}


def _by_words(db: apsw.Connection, task: Task, namespaces: Sequence[str]) -> dict[int, float]:
    """The same by the words a task shares with those of a lesson's cases."""
    bank = words.bank_words(db)
    near = words.nearest(db, task.state, namespaces, _BY_WORDS, bank)
    states = cases.states(db, near)
    alike = dict(zip(states, Wording(task.state, bank).similarity(list(states.values())).tolist(), strict=True))
    best = {lesson: max(alike.get(key, 0.0) for key in keys) for lesson, keys in store.of_cases(db, near).items()}
    return {lesson: score for lesson, score in best.items() if score >= USEFUL_FROM_BY_WORDS}
