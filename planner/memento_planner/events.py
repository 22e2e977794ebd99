"""What happens while a task is being solved, for whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memento_memory.plan import Plan


@dataclass(frozen=True, slots=True)
class Planning:
    """A model has begun to write the plan of a cycle, which are counted from 1."""

    cycle: int
    model: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan is about to be carried out.

    Attributes:
        plan_id: the episode of this cycle.
        cycle: from 1.
        source: who made the plan: the model's name, or "adapted" for a draft taken over by rule.
        cases: ids of the cases that were shown.
        repairs: what had to be set right in the model's plan, in words.
    """

    plan_id: str
    cycle: int
    plan: Plan
    source: str
    cases: tuple[str, ...]
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SubtaskStarted:
    subtask: int
    description: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    subtask: int
    call: int
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolReturned:
    subtask: int
    call: int
    tool: str
    is_error: bool
    text: str


@dataclass(frozen=True, slots=True)
class SubtaskEnded:
    """A step is over.

    Attributes:
        status: done, failed or gave_up.
        text: what came out, or why it failed.
    """

    subtask: int
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Wrote:
    """A model is writing.

    Attributes:
        role: planner, executor, judge or synthesis.
        text: the next piece.
    """

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What has been spent so far.

    Attributes:
        dollars: None where the price of a model is not known.
    """

    tokens: int
    dollars: float | None
    seconds: float
    calls: int


@dataclass(frozen=True, slots=True)
class CycleFailed:
    """The plan of a cycle did not work; why, in words."""

    cycle: int
    why: str


@dataclass(frozen=True, slots=True)
class Judged:
    """How it went: outcome, evidence and reason in words."""

    outcome: str
    evidence: str
    why: str


Event = (
    Planning
    | Planned
    | SubtaskStarted
    | ToolCalled
    | ToolReturned
    | SubtaskEnded
    | Wrote
    | Spent
    | CycleFailed
    | Judged
)
Watch = Callable[[Event], None]


def unwatched(event: Event) -> None:
    """For when nobody looks."""
