"""What the two arms came to, side by side: in tables, with intervals over tasks, and in words where memory loses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.learning.bootstrap import Floats, Interval, over_groups, over_tasks
from benchmarks.learning.report import Cell, Report, interval
from benchmarks.solving.workshop import Attempt

from memento_planner.run_state import Status

_SUCCESS = "right in the end (at most 2 plans)"
_WORDED = {True: "worded like a task in the bank", False: "worded otherwise"}
_MEASURES: dict[str, Callable[[Attempt], float]] = {
    "right after 1 plan": lambda one: one.at_once,
    _SUCCESS: lambda one: one.right,
    "the first plan is the model's own, and could be used": lambda one: one.planned,
    "the same without a repair": lambda one: one.sound,
    "the budget ran out": lambda one: one.solved.status is Status.GAVE_UP,
    "plans": lambda one: one.solved.cycles,
    "tokens": lambda one: one.solved.tokens,
    "tool calls": lambda one: one.solved.calls,
    "seconds": lambda one: one.solved.seconds,
}


@dataclass(frozen=True, slots=True)
class Pair:
    """One task without memory and with it."""

    without: Attempt
    with_memory: Attempt

    @property
    def kind(self) -> str:
        """Of the task."""
        return self.without.chore.kind

    @property
    def known(self) -> bool:
        """Whether the bank holds a task of the kind in the same words."""
        return self.without.chore.known


def tell(pairs: Sequence[Pair], report: Report) -> None:
    """Add tables, what must hold, and the losses to a report; at least one pair."""
    rows: list[list[Cell]] = []
    for name, measure in _MEASURES.items():
        without, with_memory = _values(pairs, measure)
        gain = over_tasks(with_memory - without)
        rows.append([name, float(without.mean()), float(with_memory.mean()), _worded(gain)])
    report.table(
        f"Means over {len(pairs)} tasks; the difference with its 95 % interval over tasks",
        ["", "without memory", "with memory", "difference"],
        rows,
    )
    _groups("By kind, right in the end", pairs, lambda pair: pair.kind, report)
    _groups("By wording, right in the end", pairs, lambda pair: _WORDED[pair.known], report)
    without, with_memory = _values(pairs, _MEASURES[_SUCCESS])
    gain = over_tasks(with_memory - without)
    kinds = over_groups(with_memory - without, [pair.kind for pair in pairs])
    report.target("gain of memory: tasks right in the end", gain.mean, within=(gain.low, gain.high), above=0.0)
    report.say(f"With whole kinds drawn together instead of tasks, the interval of this gain is {_worded(kinds)}.")
    _losses(pairs, report)


def _losses(pairs: Sequence[Pair], report: Report) -> None:
    lost = [pair.without.chore.task.text for pair in pairs if pair.without.right and not pair.with_memory.right]
    wrong = [pair.with_memory for pair in pairs if not pair.with_memory.right]
    said = "; ".join(lost) or "none"
    report.say(f"Right without memory and wrong with it: {said}.")
    if wrong:
        worded = "; ".join(f"{one.chore.task.text} ({one.solved.why or one.solved.status.value})" for one in wrong)
        report.say(f"Wrong with memory, {len(wrong)} of {len(pairs)}: {worded}.")


def _groups(title: str, pairs: Sequence[Pair], group_of: Callable[[Pair], str], report: Report) -> None:
    rows: list[list[Cell]] = []
    for name in dict.fromkeys(map(group_of, pairs)):
        inside = [pair for pair in pairs if group_of(pair) == name]
        without, with_memory = (int(side.sum()) for side in _values(inside, _MEASURES[_SUCCESS]))
        rows.append([name, len(inside), without, with_memory])
    report.table(title, ["", "tasks", "without memory", "with memory"], rows)


def _values(pairs: Sequence[Pair], measure: Callable[[Attempt], float]) -> tuple[Floats, Floats]:
    """A measure without memory and with it, shapes (n,)."""
    both = np.array([[measure(pair.without), measure(pair.with_memory)] for pair in pairs], np.float64)
    return both[:, 0], both[:, 1]


def _worded(found: Interval) -> str:
    return interval(found.mean, found.low, found.high)
