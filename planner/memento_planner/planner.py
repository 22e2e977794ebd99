"""One planning step without a language model: retrieve, adapt the best success, open the episode."""

from __future__ import annotations

from dataclasses import dataclass

from memento_memory.bank import CaseBank
from memento_memory.case import Case, Episode, Outcome, Slate, Task
from memento_memory.plan import Plan
from memento_planner.adapt import Draft, adapt
from memento_planner.advice import Advice, advice_for, note_shown


@dataclass(frozen=True, slots=True)
class Planned:
    """What plan_with_memory has to say.

    Attributes:
        draft: the adapted plan or why there is none; None when there was nothing to adapt.
        adapted_from: id of the case the draft comes from, or "".
        advice: lessons and notes that fit.
    """

    episode: Episode
    draft: Draft | None
    adapted_from: str
    advice: Advice


def plan_from_cases(
    bank: CaseBank,
    task: Task,
    *,
    k: int = 4,
    namespaces: tuple[str, ...] = ("default",),
    host: str = "",
    model: str = "",
    tools: frozenset[str] | None = None,
    previous: str = "",
) -> Planned:
    """Choose cases, adapt the first success that can be adapted soundly, and write the episode down.

    The episode belongs to the first of the namespaces.

    Args:
        task: the state; see `state.with_progress` for one that is being worked on.
        tools: names of the tools at hand, or None where that is not known.
        previous: plan_id of the plan that this one takes the place of.
    """
    slate = bank.retrieve(task, k=k, namespaces=namespaces, tools=tools)
    before = bank.episode(previous).draft if previous else None
    draft, source = draft_from(slate, task.bare, tried=before)
    plan = draft.plan if draft else None
    advice = advice_for(bank, task.bare, slate, namespaces)
    episode = bank.open_episode(task, slate, plan, namespace=namespaces[0], host=host, model=model, previous=previous)
    note_shown(bank, episode, advice)
    return Planned(episode, draft, source.id if source and plan else "", advice)


def draft_from(slate: Slate, task: Task, *, tried: Plan | None = None) -> tuple[Draft | None, Case | None]:
    """The first sound draft in the order of the slate's successes, or the best success's reason for having none.

    Args:
        tried: a plan that is not to be offered again.
    """
    known = slate.failed_here | ({tried.skeleton} if tried else set())
    first: tuple[Draft, Case] | None = None
    for entry in slate.shown:
        if entry.case.result.outcome is not Outcome.SUCCESS:
            continue
        draft = adapt(entry.case.plan, old=entry.case.task, new=task)
        if draft.plan is not None and draft.plan.skeleton in known:
            draft = Draft(None, (), (), "the adapted plan already failed, or is being replaced, on this very task")
        if draft.plan is not None:
            return draft, entry.case
        first = first or (draft, entry.case)
    return first if first else (None, None)
