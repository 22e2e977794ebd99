"""The state s_t of a task that is being worked on: the task and what is known so far (arXiv 2508.16153, section 3)."""

from __future__ import annotations

from memento_memory.case import Task

MAX_PROGRESS_CHARS = 600
_KNOWN = "\n\nKnown so far:\n"


def with_progress(task: Task, progress: str) -> Task:
    """The task with what is known so far, of which the latest is kept where it is long."""
    known = progress.strip()[-MAX_PROGRESS_CHARS:].strip()
    bare = without_progress(task)
    return Task(f"{bare.text}{_KNOWN}{known}", task.context) if known else bare


def without_progress(task: Task) -> Task:
    """The task as it was at first."""
    return Task(task.text.split(_KNOWN, 1)[0], task.context)
