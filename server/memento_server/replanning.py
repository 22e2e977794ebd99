"""What plan_with_memory is asked: a plan for a new task, or another one for a task that is being worked on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memento_memory import limits
from memento_memory.case import Task
from memento_memory.errors import InputError
from memento_memory.text import check

if TYPE_CHECKING:
    from memento_memory.bank import CaseBank

_ID_BYTES = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A new task, or the plan that is being carried out and what is known so far."""

    task: Task | None
    plan_id: str = ""
    progress: str = ""


def asked(task: str, context: str, plan_id: str, progress: str) -> Asked:
    """The arguments, checked.

    Raises:
        InputError: unless there is either a task, or a plan_id with progress.
    """
    plan_id = check("plan_id", plan_id, limit=_ID_BYTES)
    if not plan_id:
        if progress.strip():
            raise InputError("progress", "is given without plan_id; give the plan_id of the plan being carried out")
        return Asked(limits.check_task(task, context))
    if task or context:
        raise InputError("task", "is known from plan_id; leave task and context out, or plan_id for another task")
    return Asked(None, plan_id, check("progress", progress, limit=limits.MAX_NOTES_BYTES, required=True))


def state_of(bank: CaseBank, asked: Asked, namespaces: tuple[str, ...]) -> tuple[Task, tuple[str, ...]]:
    """The state to plan for, and the namespaces: those given, else those of the plan being carried out.

    Raises:
        NotFoundError: if there is no such plan.
    """
    from memento_planner.state import with_progress

    if asked.task is not None:
        return asked.task, namespaces
    episode = bank.episode(asked.plan_id)
    return with_progress(episode.task, asked.progress), namespaces or (episode.namespace,)
