"""The state s_t of a task that is being worked on: the task and what is known so far (arXiv 2508.16153, section 3)."""

from __future__ import annotations

from memento_memory.case import KNOWN_SO_FAR, Task

MAX_PROGRESS_CHARS = 600


def with_progress(task: Task, progress: str) -> Task:
    """The task with what is known so far, of which the latest is kept where it is long."""
    known = progress.strip()[-MAX_PROGRESS_CHARS:].strip()
    return Task(f"{task.bare.text}{KNOWN_SO_FAR}{known}", task.context) if known else task.bare
