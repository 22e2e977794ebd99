"""Subtask memory: what is done, what came out of it and what a step needs to know of the others (arXiv 2508.16153)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from memento_memory.plan import Plan, Subtask
from memento_memory.text import shown
from memento_planner.condense import Results
from memento_planner.prompts import fence

_LINE = 160  # characters of a step this one does not build on
_MOST_LINES = 20
_MOST_EARLIER, _EARLIER_SHARE = 10, 2  # of earlier plans: steps, and what share of the room they get
_LEAST = 200  # characters of a result this step builds on


class SubtaskStatus(StrEnum):
    """How a step ended. `gave_up`: a bound was reached before it was done."""

    DONE = "done"
    FAILED = "failed"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class CallMade:
    """A call that reached a tool.

    Attributes:
        call: its number in the run, from 1.
        infrastructure: whether it failed for a reason that says nothing about the plan.
        read_only: whether it changed nothing, as far as is known.
        acts: whether its tool is known to change something.
        text: what came back, condensed.
    """

    call: int
    tool: str
    arguments: Mapping[str, Any]
    is_error: bool
    infrastructure: bool
    read_only: bool
    text: str
    acts: bool = False


@dataclass(frozen=True, slots=True)
class SubtaskResult:
    """What became of a step.

    Attributes:
        id: of the step.
        text: what came out; of a step that was not done, what is known.
        why: it was not done; "" where it was.
    """

    id: int
    status: SubtaskStatus
    text: str
    why: str = ""
    calls: tuple[CallMade, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """A step that is over.

    Attributes:
        text: what came out, or why it was not done.
    """

    id: int
    description: str
    status: SubtaskStatus
    text: str


@dataclass(frozen=True, slots=True)
class SubtaskMemory:
    """The finished steps of a plan, in the plan's order.

    Attributes:
        earlier: what was done by earlier plans of the run, which did not work as a whole.
    """

    finished: tuple[Finished, ...] = ()
    earlier: tuple[Finished, ...] = ()

    @classmethod
    def of(cls, plan: Plan, ended: Mapping[int, SubtaskResult]) -> SubtaskMemory:
        """What is known once these steps have ended."""
        over = [(step, ended[step.id]) for step in plan.subtasks if step.id in ended]
        return cls(tuple(Finished(step.id, step.description, r.status, r.text or r.why) for step, r in over))

    def needed_by(self, subtask: Subtask, results: Results, chars: int) -> str:
        """What a step is told of the others: results it builds on, fenced, and a line for each of the last others.

        Args:
            results: keeps what had to be condensed.
            chars: of all results it builds on together; each gets 200 at least.
        """
        needed = [step for step in self.finished if step.id in subtask.depends_on]
        others = [step for step in self.finished if step.id not in subtask.depends_on][-_MOST_LINES:]
        parts: list[str] = []
        for step in needed:
            share = max(_LEAST, chars // len(needed))
            text = results.condensed_text(step.text, share, query=subtask.description)
            parts.append(
                fence(f"result of step {step.id}", f"{shown(step.description, _LINE)}\n{text}", limit=2 * share)
            )
        for step in self.earlier[-_MOST_EARLIER:]:
            share = max(_LEAST, chars // _EARLIER_SHARE // len(self.earlier[-_MOST_EARLIER:]))
            text = results.condensed_text(step.text, share, query=subtask.description)
            said = f"{shown(step.description, _LINE)}\n{text}"
            parts.append(fence("result of an earlier plan", said, limit=2 * share))
        if others:
            lines = "\n".join(_line(step) for step in others)
            parts.append(fence("other finished steps", lines, limit=len(lines)))
        return "\n\n".join(parts)


def _line(step: Finished) -> str:
    said = " ".join(step.text.split())
    return f"{step.id}. {shown(step.description, _LINE)} ({step.status}): {shown(said, _LINE)}"
