"""One pass over the namespaces that changed: group their cases, write a lesson for each group, drop what does not hold.

A namespace in which nothing changed since the last pass is left alone; in another, all cases are grouped anew (in
seconds for a hundred thousand), but only groups whose cases changed are written anew. Every lesson is written in a
transaction of its own, so a pass may be cancelled between groups and loses nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync

from memento_memory.curation.injection import instruction_in
from memento_memory.lessons import BY_EVIDENCE, FEWEST_CASES, Draft, Lesson, Lessons
from memento_memory.store import cases
from memento_memory.upkeep import Progress
from memento_planner.distill import by_model, by_rule, marks
from memento_planner.distill.grouping import LARGEST, Group, groups
from memento_planner.distill.kinds import kinds
from memento_planner.distill.matching import Known, known, match

if TYPE_CHECKING:
    from memento_memory.bank import CaseBank
    from memento_planner.models.chat import ChatModel

RULE = "rule"
_MOVED = "its cases are those of another lesson now"


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass did, or would do.

    Attributes:
        unchanged: how many lessons stay as they were.
        remarks: where a model's lesson could not be used, and why.
    """

    added: tuple[Lesson, ...] = ()
    updated: tuple[Lesson, ...] = ()
    dropped: tuple[Lesson, ...] = ()
    unchanged: int = 0
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class _Pass:
    """What one pass works with, and what it has done so far."""

    bank: CaseBank
    lessons: Lessons
    model: ChatModel | None
    dry_run: bool
    progress: Progress | None
    added: list[Lesson] = field(default_factory=list)
    updated: list[Lesson] = field(default_factory=list)
    dropped: list[Lesson] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


async def distill(
    bank: CaseBank,
    *,
    model: ChatModel | None = None,
    namespaces: Sequence[str] = (),
    progress: Progress | None = None,
    dry_run: bool = False,
    clock: Callable[[], float] = time.time,
) -> Report:
    """Draw lessons from the cases of a bank; a second pass without new cases changes nothing.

    Args:
        model: that words the lessons; a rule does it when there is none, or its words cannot be used.
        namespaces: only these; all when none is given.
        progress: called with (done, total) groups of a namespace.
        dry_run: only say what would be done.
        clock: gives the time in seconds since the epoch.

    Raises:
        ModelError: if the model cannot be reached; what was written before stays.
    """
    work = _Pass(bank, Lessons(bank.database, bank.embeddings, clock), model, dry_run, progress)
    if not dry_run:
        await run_sync(bank.embed_pending)
    writer = model.name if model else RULE
    for namespace in namespaces or await run_sync(marks.namespaces, bank.database):
        mark = await run_sync(marks.mark, bank.database, namespace, writer)
        if not mark.is_old:
            await _namespace(work, namespace)
        gone = await run_sync(partial(work.lessons.review, (namespace,), dry_run=dry_run))
        work.dropped += [lesson for lesson in gone if lesson.id not in {other.id for other in work.dropped}]
        if not dry_run and not mark.is_old:
            await run_sync(marks.put, bank.database, mark)
    touched = {lesson.id for lesson in (*work.added, *work.updated, *work.dropped)}
    left = await run_sync(work.lessons.all, namespaces)
    unchanged = sum(lesson.id not in touched for lesson in left)
    return Report(tuple(work.added), tuple(work.updated), tuple(work.dropped), unchanged, tuple(work.remarks))


async def _namespace(work: _Pass, namespace: str) -> None:
    found = await run_sync(_groups, work.bank, namespace)
    before = await run_sync(known, work.bank.database, namespace)
    homes = match(found, before)
    covered: set[int] = set()
    for done, (group, home) in enumerate(zip(found, homes, strict=True), start=1):
        if await _is_told(work, group, home):
            covered.update(key for key, _ in group.followers)
        if work.progress:
            work.progress(done, len(found))
    taken = {home.row.id for home in homes if home}
    for lesson in before:
        if lesson.is_in_use and lesson.row.id not in taken and lesson.is_covered_by(covered):
            drop = partial(work.lessons.drop, lesson.row.id, BY_EVIDENCE + _MOVED)
            work.dropped.append(await run_sync(partial(work.lessons.one, lesson.row.id) if work.dry_run else drop))


async def _is_told(work: _Pass, group: Group, home: Known | None) -> bool:
    """Write the lesson of a group where that is needed; whether it has one in the end."""
    draft = by_rule.lesson(group)
    if instruction_in(draft) or (home is not None and home.is_closed):
        return False
    keys = tuple(key for key, _ in group.followers)
    made = Draft(group.namespace, group.theme, draft, RULE, keys)
    lesson_id = home.row.id if home else ""
    if home is not None and home.is_worded(group, work.model.name if work.model else ""):
        if home.is_embedded:
            return True
        made = replace(made, text=home.row.text, source=home.row.source)
    elif work.model is not None:
        if await run_sync(partial(work.lessons.put, made, lesson_id, dry_run=True)) is None:
            return False
        made = await _worded(work, work.model, group, made)
    if home is not None and home.says(made.text, made.source, keys):
        return True
    lesson = await run_sync(partial(work.lessons.put, made, lesson_id, dry_run=work.dry_run))
    if lesson is not None:
        (work.added if home is None else work.updated).append(lesson)
    return lesson is not None


async def _worded(work: _Pass, model: ChatModel, group: Group, draft: Draft) -> Draft:
    """The draft in the model's words, as far as these can be used."""
    text, problem = await by_model.lesson(model, group, draft.text)
    if problem:
        work.remarks.append(f"a lesson is worded by rule: {problem}")
        return draft
    return replace(draft, text=text, source=model.name)


def _groups(bank: CaseBank, namespace: str) -> list[Group]:
    """All groups of a namespace, one for each theme."""
    found: dict[str, Group] = {}
    for keys in kinds(bank.database, namespace):
        if len(keys) >= FEWEST_CASES:
            with bank.database.reading() as db:
                members = sorted(cases.by_keys(db, keys[-LARGEST:]).items())
            for group in groups(members):
                found.setdefault(group.theme, group)
    return list(found.values())
