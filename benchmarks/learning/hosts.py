"""Hosts that meet tasks again and again: what they remember, what they use of it, and what they learn from that.

At each attempt a memory offers a case or abstains. The plan of an offered case is adapted by the fixed rule and carried
out unread; if it does not run it is dropped, and the model's own attempt counts, as it does when the memory abstains.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from benchmarks.learning.attempts import Attempts, Carried, normal
from benchmarks.learning.data import TOP, Bank, history_of
from numpy.typing import NDArray

from memento_memory.selection.credit import slate_row
from memento_memory.selection.policy import greedy
from memento_memory.selection.sight import Sight
from memento_memory.selection.value import QFunction, Values, fresh_layer

Floats = NDArray[np.float64]

_LOOKED_AT = 4


@dataclass(frozen=True, slots=True)
class Offered:
    """A case that was offered for a task, and what became of its plan."""

    case: int
    carried: Carried


class Memory:
    """None at all; it keeps what the others need."""

    def __init__(self, attempts: Attempts) -> None:
        self.attempts = attempts
        self.solved: set[int] = set()
        self.kept: dict[str, list[int]] = defaultdict(list)

    def repeated(self, task: int) -> bool | None:
        """Whether a known success on this very task is carried out again; None if there is none or it is not done."""
        return None

    def offer(self, task: int) -> int | None:
        """The case to carry out, or None to abstain."""
        return None

    def learn(self, task: int, offered: Offered | None, ended: int, success: bool) -> None:
        """Take in an attempt.

        Args:
            offered: the case that was offered, if any, and what became of its plan.
            ended: the case that this attempt is: the offered plan as adapted, or the model's own.
        """
        if success:
            self.solved.add(task)
            self.kept[self.attempts.table.group[task]].append(ended)

    def nearest(self, task: int) -> list[tuple[float, int]]:
        """Cosines and cases kept for other tasks of the database, nearest first."""
        table = self.attempts.table
        cases = np.array([c for c in self.kept[table.group[task]] if table.owner[c] != task], np.int64)
        cosines = table.cosines(task, cases) if len(cases) else np.zeros(0)
        return [(float(cosines[i]), int(cases[i])) for i in np.argsort(-cosines, kind="stable")]


class OwnSuccess(Memory):
    """Repeats what succeeded on the very task, and uses nothing else."""

    def repeated(self, task: int) -> bool | None:
        return True if task in self.solved else None


class Nearest(OwnSuccess):
    """Uses the nearest success above a cosine, those of the very task first."""

    def __init__(self, attempts: Attempts, least: float) -> None:
        super().__init__(attempts)
        self.least = least

    def offer(self, task: int) -> int | None:
        found = self.nearest(task)
        return found[0][1] if found and found[0][0] > self.least else None


class NearestOfAny(Nearest):
    """The same without looking at how it went, so that the first own attempt is repeated, failed or not."""

    def __init__(self, attempts: Attempts, least: float) -> None:
        super().__init__(attempts, least)
        self.first: dict[int, int] = {}

    def repeated(self, task: int) -> bool | None:
        return None

    def offer(self, task: int) -> int | None:
        return self.first.get(task, super().offer(task))

    def learn(self, task: int, offered: Offered | None, ended: int, success: bool) -> None:
        self.first.setdefault(task, ended)
        self.kept[self.attempts.table.group[task]].append(ended)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a learned memory decides.

    Attributes:
        caution: a case is used if its advantage is above 0 by this many standard deviations.
        hindsight: weight of what an own attempt tells of the cases that were not used.
        doubtful: share of that weight where the case's plan differs from one that worked, and so likely fails.
        learns: whether outcomes change the weights.
        counts: whether failures on the very task count against what failed: the model alone, or cases.
    """

    caution: float = 1.0
    hindsight: float = 1.0
    doubtful: float = 0.5
    learns: bool = True
    counts: bool = True


@dataclass(frozen=True, slots=True)
class _View:
    """What was seen when the last offer was made; `plans` are those of the candidates as adapted."""

    cases: list[int]
    plans: list[str]
    values: Values


class Learned(OwnSuccess):
    """Uses a case while the lower bound of its advantage over none is above 0, and learns from every attempt."""

    def __init__(self, attempts: Attempts, settings: Settings) -> None:
        super().__init__(attempts)
        self.settings = settings
        self.bank = Bank(attempts.table)
        self.layer = fresh_layer()
        self.failed: dict[int, set[str]] = defaultdict(set)
        self.alone: Counter[int] = Counter()
        self.tried: Counter[int] = Counter()
        self.shown: list[tuple[int, int, float]] = []
        self._view: _View | None = None

    def offer(self, task: int) -> int | None:
        cases, plans = self._candidates(task)
        values = QFunction(0, self.layer).values(self._sight(task, cases))
        self._view = _View(cases, plans, values)
        best = greedy(values, 1, lambda _drawn, _case: True, self.settings.caution)
        return cases[best[0]] if best else None

    def learn(self, task: int, offered: Offered | None, ended: int, success: bool) -> None:
        super().learn(task, offered, ended, success)
        view, plan = self._view, normal(self.attempts.plan(ended))
        assert view is not None
        if offered is not None:
            place = view.cases.index(offered.case)
            self._update(_row(view.values, place), float(offered.carried.succeeded))
            self.shown.append((task, offered.case, float(offered.carried.succeeded)))
            if not offered.carried.succeeded:
                self.tried[task] += 1
                self.failed[task].add(normal(offered.carried.plan))
        if offered is None or not offered.carried.ran:
            self._update(_row(view.values, None), float(success))
            self._look_back(view, plan, success)
            if not success:
                self.alone[task] += 1
                self.failed[task].add(plan)
        if success:
            self.attempts.embed(ended)
            self.bank.table = self.attempts.table
            self.bank.add(ended)

    def _candidates(self, task: int) -> tuple[list[int], list[str]]:
        """The nearest cases whose plans differ from each other and from what failed here."""
        found: dict[str, int] = {}
        for _, case in self.nearest(task):
            plan = normal(self.attempts.carried_out(case, task).plan)
            if plan not in self.failed[task]:
                found.setdefault(plan, case)
            if len(found) == TOP:
                break
        return list(found.values()), list(found)

    def _sight(self, task: int, cases: Sequence[int]) -> Sight:
        given = np.array(cases, np.int64)
        return replace(
            self.bank.sight(task, given, history=history_of(self.attempts.table, task, given, self.shown)),
            failed_alone=float(self.alone[task] * self.settings.counts),
            failed_shown=float(self.tried[task] * self.settings.counts),
        )

    def _update(self, row: Floats, target: float, weight: float = 1.0) -> None:
        if self.settings.learns and weight:
            self.layer, _ = self.layer.updated(row, target, weight)

    def _look_back(self, view: _View, plan: str, success: bool) -> None:
        """Learn what the nearest candidates would have earned, had they been carried out.

        A plan that is the one just carried out would have ended alike. Any other would likely have failed where this
        one succeeded; where it failed, nothing is known.
        """
        for i, other in enumerate(view.plans[:_LOOKED_AT]):
            if other == plan:
                self._update(_row(view.values, i), float(success), self.settings.hindsight)
            elif success:
                self._update(_row(view.values, i), 0.0, self.settings.hindsight * self.settings.doubtful)


def attempted(
    attempts: Attempts, memory: Memory, runs: dict[int, list[int]], seed: int, *, usage: Counter[str] | None = None
) -> Floats:
    """Meet all tasks once for each of the runs, in random order each time.

    Args:
        runs: for every task the cases that are its own attempts, one for each time it is met.
        usage: counts offered cases, those that did not run and those that succeeded, if given.

    Returns:
        Successes, shape (times, tasks).
    """
    rng = np.random.default_rng(seed)
    place = {task: i for i, task in enumerate(sorted(runs))}
    times = len(next(iter(runs.values())))
    successes = np.zeros((times, len(place)))
    usage = Counter() if usage is None else usage
    for time in range(times):
        for task in rng.permutation(sorted(runs)).tolist():
            again = memory.repeated(task)
            if again is None:
                again = _one(attempts, memory, task, runs[task][time], usage)
            successes[time, place[task]] = again
    return successes


def _one(attempts: Attempts, memory: Memory, task: int, fresh: int, usage: Counter[str]) -> bool:
    case = memory.offer(task)
    offered = None if case is None else Offered(case, attempts.carried_out(case, task))
    uses = offered is not None and offered.carried.ran
    ended = attempts.retained(task, offered.carried) if offered is not None and uses else fresh
    success = offered.carried.succeeded if offered is not None and uses else bool(attempts.table.reward[fresh] >= 1)
    memory.learn(task, offered, ended, success)
    usage.update(offered=offered is not None, dropped=offered is not None and not uses, right=uses and success)
    return success


def _row(values: Values, case: int | None) -> Floats:
    """The design row of showing one candidate, or none."""
    weight = np.zeros(len(values.pair))
    if case is not None:
        weight[case] = 1.0
    return slate_row(values.task, values.pair, weight)
