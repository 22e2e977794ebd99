"""Which lesson that is there already a group of cases belongs to, so that it is brought up to date in place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memento_memory.lessons import BY_EVIDENCE
from memento_memory.store import lessons as store
from memento_memory.store import vectors
from memento_memory.store.lessons import Row

if TYPE_CHECKING:
    from memento_memory.store.database import Database
    from memento_planner.distill.grouping import Group

_SAME = 0.5  # share of a lesson's cases that a group has to have to be about the same


@dataclass(frozen=True, slots=True)
class Known:
    """A lesson that was written before, in use or dropped.

    Attributes:
        keys: row keys of its cases that are still in use.
        is_embedded: whether it is found by the embeddings of the bank, as far as there are any.
    """

    row: Row
    keys: frozenset[int]
    is_embedded: bool

    @property
    def is_in_use(self) -> bool:
        return self.row.dropped_at is None

    @property
    def is_closed(self) -> bool:
        """Whether a person dropped it, so that it is not to come back."""
        return not self.is_in_use and not self.row.dropped_reason.startswith(BY_EVIDENCE)

    def is_covered_by(self, keys: Collection[int]) -> bool:
        """Whether most of its cases are among these."""
        return len(self.keys.intersection(keys)) > _SAME * len(self.keys)

    def says(self, text: str, source: str, keys: Collection[int]) -> bool:
        """Whether it is in use and has these words, this source and these cases."""
        same = self.row.text == text and self.row.source == source and self.keys == set(keys)
        return self.is_in_use and self.is_embedded and same

    def is_worded(self, group: Group, model: str) -> bool:
        """Whether it is in use and was worded when the cases were as they are, by this model; "" is any writer."""
        changed = max(case.updated_at for _, case in (*group.followers, *group.failures))
        same = self.keys == {key for key, _ in group.followers} and changed <= self.row.updated_at
        return self.is_in_use and same and model in ("", self.row.source)


def known(database: Database, namespace: str) -> list[Known]:
    """The lessons of a namespace, those in use first."""
    with database.reading() as db:
        rows = [*store.rows(db, (namespace,)), *store.rows(db, (namespace,), dropped=True)]
        records = store.records(db, [row.key for row in rows])
        model = vectors.model_of(db).get("weights_hash", "")
        embedded = store.embedded(db, namespace, model) if model else {row.key for row in rows}
        return [Known(row, frozenset(key for _, key, _ in records[row.key].cases), row.key in embedded) for row in rows]


def match(groups: Sequence[Group], lessons: Sequence[Known]) -> list[Known | None]:
    """The lesson each group belongs to: one of the same theme, else the one it shares most cases with.

    Lessons in use come before those that were dropped, and none is given to two groups.
    """
    homes: dict[int, Known] = {}
    taken: set[str] = set()
    by_theme = {lesson.row.theme: lesson for lesson in reversed(lessons)}
    for i, group in enumerate(groups):
        if home := by_theme.get(group.theme):
            homes[i] = home
            taken.add(home.row.id)
    of_case: dict[int, list[Known]] = {}
    for lesson in lessons:
        for key in lesson.keys:
            of_case.setdefault(key, []).append(lesson)
    for i, group in enumerate(groups):
        if i not in homes and (home := _nearest(group, of_case, taken)):
            homes[i] = home
            taken.add(home.row.id)
    return [homes.get(i) for i in range(len(groups))]


def _nearest(group: Group, of_case: dict[int, list[Known]], taken: set[str]) -> Known | None:
    shared: dict[str, int] = {}
    among: dict[str, Known] = {}
    for key, _ in group.followers:
        for lesson in of_case.get(key, ()):
            if lesson.row.id not in taken:
                shared[lesson.row.id] = shared.get(lesson.row.id, 0) + 1
                among[lesson.row.id] = lesson
    enough = [lesson for name, lesson in among.items() if shared[name] > _SAME * len(lesson.keys)]
    return max(enough, key=lambda lesson: (lesson.is_in_use, shared[lesson.row.id]), default=None)
