"""Retain: from a recorded outcome to a changed case bank, in one transaction.

An episode contributes its strongest outcome, once, to one case. Recording again replaces the contribution: the same
outcome changes nothing, a correction or stronger evidence moves the counts, weaker evidence is noted and outweighed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import apsw

from memento_memory.case import Case, Episode, Outcome, Result, Task
from memento_memory.duplicates import Cosines, equal_case
from memento_memory.errors import InputError, NotFoundError
from memento_memory.executed import drawn_plan, excused
from memento_memory.plan import Plan
from memento_memory.store import cases, episodes, traces
from memento_memory.trace import ToolCall

if TYPE_CHECKING:
    from memento_memory.online import Lesson

_EMPTY = 1e-9


class Status(StrEnum):
    """What recording an outcome did."""

    RETAINED = "retained"
    MERGED = "merged"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Report:
    """What a caller reports of one carried-out plan.

    Attributes:
        plan_id: the episode it belongs to, or "" for work that was not planned here.
        plan: as executed; None stands for what the episode's trace shows, or else for the draft that was offered.
        used: ids of the cases that helped; None when nothing is said about it.
    """

    result: Result
    plan_id: str = ""
    task: Task | None = None
    plan: Plan | None = None
    used: tuple[str, ...] | None = None
    namespace: str = "default"
    tags: tuple[str, ...] = ()
    host: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Retained:
    """What came of it.

    Attributes:
        case: the case as it is now, or None when no plan is known to make one of.
        before: the same case as it was, or None when it is new.
        note: what the caller should know besides, in plain words, or "".
        lesson: how it changed the values of the cases that were shown; None where nothing was learned from it.
    """

    status: Status
    plan_id: str
    case: Case | None
    before: Case | None = None
    note: str = ""
    lesson: Lesson | None = None


def new_id(prefix: str) -> str:
    """A fresh public name for a case or an episode."""
    return f"{prefix}-{secrets.token_hex(5)}"


def retain(db: apsw.Connection, report: Report, cosines: Cosines, now: float) -> Retained:
    """Record an outcome and bring the case it belongs to up to date; run it inside a write transaction.

    Args:
        cosines: similarity of the task to stored cases, where vectors are at hand.
        now: seconds since the epoch.

    Raises:
        NotFoundError: if the plan_id or a used case does not exist.
        InputError: if a plan is needed and none is known, or a used case was not on the slate.
    """
    key, episode = _episode(db, report, now)
    _check_used(db, report, episode)
    calls = traces.of_episode(db, key, episode.plan_id) if report.plan_id else ()
    known = episodes.result_with(db, key, report.result.evidence)
    result, excuse = (known, "") if known == report.result else excused(report.result, calls)
    plan, drawn = _plan(report, result, episode, calls, repeated=known == result)
    if plan is None and result.outcome is not Outcome.UNKNOWN:
        raise InputError("plan", "is needed, for no draft was offered: give the plan as executed, as numbered lines")
    same_plan = _same_plan(plan, episode.plan)
    used_news = _mark_used(db, key, episode, report)
    if known == result and same_plan:
        if used_news:
            lesson = _learn(db, key, episode.result, report, now)
            return replace(_unchanged(db, episode, "noted which cases helped"), status=Status.UPDATED, lesson=lesson)
        return _unchanged(db, episode, excuse, "this outcome was recorded before; nothing was counted twice")
    episodes.put_result(db, key, result, now)
    strongest = episodes.strongest(db, key)
    assert strongest is not None
    if strongest.evidence is not result.evidence:
        kept = f"kept {strongest.outcome}: its evidence, {strongest.evidence}, outweighs {result.evidence}"
        lesson = _learn(db, key, strongest, report, now) if used_news else None
        return replace(_unchanged(db, episode, excuse, kept), lesson=lesson)
    new = replace(episode, result=strongest, plan=plan, plan_drawn=drawn, recorded_at=now)
    retained = _apply(db, key, episode, new, report, cosines, now)
    lesson = _learn(db, key, strongest, report, now)
    source = f"the plan was drawn from {_counted(calls)}" if drawn and not same_plan else ""
    return replace(retained, note=_joined(excuse, source, retained.note), lesson=lesson)


def _learn(db: apsw.Connection, key: int, result: Result | None, report: Report, now: float) -> Lesson | None:
    """Let the value model learn an outcome; work that was not planned here says nothing about showing cases."""
    if not report.plan_id or result is None:
        return None
    from memento_memory import online

    return online.learn(db, key, result, now)


def _plan(
    report: Report, result: Result, episode: Episode, calls: Sequence[ToolCall], *, repeated: bool
) -> tuple[Plan | None, bool]:
    """The plan as executed, and whether it was drawn from the trace: given, known before, drawn, or the draft."""
    if report.plan is not None:
        return report.plan, False
    known = episode.plan is not None and (repeated or not episode.plan_drawn)
    if known or result.outcome is Outcome.UNKNOWN:
        return episode.plan, episode.plan_drawn
    drawn = drawn_plan(calls, episode.draft, result.outcome)
    return (drawn, True) if drawn is not None else (episode.plan or episode.draft, episode.plan_drawn)


def _episode(db: apsw.Connection, report: Report, now: float) -> tuple[int, Episode]:
    if report.plan_id:
        found = episodes.by_plan_id(db, report.plan_id)
        if found is None:
            raise NotFoundError(
                "plan_id",
                f"there is no episode {report.plan_id!r}; use the plan_id that plan_with_memory returned, or leave "
                f"it out and give task and plan",
            )
        return found
    if report.task is None:
        raise InputError("task", "is needed when no plan_id is given; say what was to be done")
    if report.plan is None:
        raise InputError("plan", "is needed when no plan_id is given; give the plan as executed, as numbered lines")
    episode = Episode(new_id("p"), report.namespace, report.task, host=report.host, model=report.model, created_at=now)
    return episodes.insert(db, episode, ()), episode


def _check_used(db: apsw.Connection, report: Report, episode: Episode) -> None:
    on_slate = {shown.case.id for shown in episode.slate.shown}
    for case_id in report.used or ():
        if report.plan_id and case_id not in on_slate:
            ids = ", ".join(sorted(on_slate)) or "none"
            raise InputError("used_cases", f"{case_id!r} was not shown for {report.plan_id} (shown: {ids})")
        if cases.by_id(db, case_id) is None:
            raise NotFoundError("used_cases", f"there is no case {case_id!r}; give ids as they were shown")


def _mark_used(db: apsw.Connection, key: int, episode: Episode, report: Report) -> bool:
    """Note which cases helped; return whether that was news."""
    if report.used is None:
        return False
    if not report.plan_id:
        for case_id in report.used:
            found = cases.by_id(db, case_id)
            assert found is not None
            cases.count_used(db, found[0], 1)
        return bool(report.used)
    before = {shown.case.id for shown in episode.slate.shown if shown.used}
    episodes.set_used(db, key, report.used)
    return before != set(report.used) or any(shown.used is None for shown in episode.slate.shown)


def _same_plan(plan: Plan | None, before: Plan | None) -> bool:
    if plan is None or before is None:
        return plan is before
    return plan.skeleton == before.skeleton


def _unchanged(db: apsw.Connection, episode: Episode, *notes: str) -> Retained:
    found = cases.by_id(db, episode.case_id) if episode.case_id else None
    case = found[1] if found else None
    return Retained(Status.UNCHANGED, episode.plan_id, case, case, _joined(*notes))


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _counted(calls: Sequence[ToolCall]) -> str:
    return f"{len(calls)} tool call{'s' if len(calls) != 1 else ''}"


def _apply(
    db: apsw.Connection, key: int, old: Episode, new: Episode, report: Report, cosines: Cosines, now: float
) -> Retained:
    """Move the episode's contribution from the case it went to before, if any, to the one it belongs to now."""
    assert new.result is not None
    held = cases.by_id(db, old.case_id) if old.case_id else None
    if held is not None and held[1].forgotten_at is None and _same_plan(new.plan, old.plan):
        case_key, before = held
        after = _recounted(before, now, minus=old.result, plus=new.result)
        cases.update(db, case_key, replace(after, tags=report.tags))
        episodes.set_outcome(db, key, new, case_key)
        return Retained(Status.UPDATED, new.plan_id, _reread(db, case_key), before)
    episodes.set_outcome(db, key, new, None)
    if held is not None:
        _withdraw(db, held, old.result, now)
    if new.plan is None:
        note = "noted on the episode; no case, for no plan is known"
        return Retained(Status.UNCHANGED, new.plan_id, None, note=note)
    status, case_key, earlier = _place(db, new, report, cosines, now)
    episodes.set_outcome(db, key, new, case_key)
    return Retained(status if held is None else Status.UPDATED, new.plan_id, _reread(db, case_key), earlier)


def _withdraw(db: apsw.Connection, held: tuple[int, Case], result: Result | None, now: float) -> None:
    """Take a contribution back out of a case; a case that stood on nothing else goes with it."""
    case_key, case = held
    if result is None:
        return
    successes, failures = result.counts
    left = case.successes - successes, case.failures - failures
    if max(left) < _EMPTY and episodes.of_case(db, case_key) == 0:
        cases.remove(db, case_key)
    else:
        cases.update(db, case_key, _recounted(case, now, minus=result))


def _place(
    db: apsw.Connection, episode: Episode, report: Report, cosines: Cosines, now: float
) -> tuple[Status, int, Case | None]:
    assert episode.plan is not None
    assert episode.result is not None
    found = equal_case(db, episode.namespace, episode.task, episode.plan, cosines)
    if found is not None:
        case_key, before = found
        after = _recounted(before, now, plus=episode.result)
        cases.update(db, case_key, replace(after, tags=report.tags))
        return Status.MERGED, case_key, before
    successes, failures = episode.result.counts
    case = Case(
        id=new_id("c"),
        namespace=episode.namespace,
        task=episode.task,
        plan=episode.plan,
        result=episode.result,
        tags=report.tags,
        host=report.host or episode.host,
        model=report.model or episode.model,
        successes=successes,
        failures=failures,
        created_at=now,
        updated_at=now,
    )
    return Status.RETAINED, cases.insert(db, case), None


def _recounted(case: Case, now: float, *, minus: Result | None = None, plus: Result | None = None) -> Case:
    """The case with one contribution taken out and another put in.

    A case that stands on one known outcome shows just that. Of several it shows the evidence-weighted mean reward; an
    outcome that agrees keeps the case's label, otherwise the weight of all evidence decides.
    """
    out, into = minus.counts if minus else (0.0, 0.0), plus.counts if plus else (0.0, 0.0)
    successes = max(case.successes - out[0] + into[0], 0.0)
    failures = max(case.failures - out[1] + into[1], 0.0)
    total = successes + failures
    recounted = replace(case, successes=successes, failures=failures, updated_at=now)
    if plus and max(abs(successes - into[0]), abs(failures - into[1])) < _EMPTY:
        return replace(recounted, result=plus)
    held = case.result
    notes = plus.notes if plus and plus.notes else held.notes
    if total < _EMPTY:
        return replace(recounted, result=Result(Outcome.UNKNOWN, None, held.evidence, notes))
    given = plus if plus and plus.outcome is not Outcome.UNKNOWN else None
    agrees = given.outcome is held.outcome if given else minus is None or minus.outcome is Outcome.UNKNOWN
    label = held.outcome if agrees else Outcome.SUCCESS if successes >= failures else Outcome.FAILURE
    evidence = min(held.evidence, given.evidence, key=lambda e: e.rank) if given else held.evidence
    return replace(recounted, result=Result(label, successes / total, evidence, notes))


def _reread(db: apsw.Connection, case_key: int) -> Case:
    return next(iter(cases.by_keys(db, [case_key]).values()))
