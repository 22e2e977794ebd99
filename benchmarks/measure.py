"""Measuring side by side, and what a measured figure is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from banks import Banks


@dataclass(frozen=True, slots=True)
class Setup:
    """What every benchmark gets.

    Attributes:
        banks: banks of real or made-up tasks, by size.
        folder: for files of this run; removed afterwards.
        peers: where other servers are installed.
        quick: small sizes and few repetitions, to see that all runs.
    """

    banks: Banks
    folder: Path
    peers: Path
    quick: bool

    def rounds(self, number: int) -> int:
        """How often to repeat something that deserves `number` repetitions."""
        return max(3, number // 10) if self.quick else number

    def sizes(self, *sizes: int) -> list[int]:
        """Sizes of banks; a twentieth of each in a quick run."""
        return [max(size // 20, 100) for size in sizes] if self.quick else list(sizes)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, and what it should be.

    Attributes:
        name: what was measured.
        ours: the figure.
        unit: of `ours` and `baseline`.
        baseline: the same of what it is compared with, measured in turn with ours.
        against: what that is.
        bound: `ours`, or where there is a baseline `ours / baseline`, should be at most this.
        at_least: it should be at least `bound` instead.
        note: what else to know.
    """

    name: str
    ours: float
    unit: str
    baseline: float | None = None
    against: str = ""
    bound: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours to the baseline."""
        return self.ours / self.baseline if self.baseline else None

    @property
    def met(self) -> bool | None:
        """Whether the figure is what it should be; None where nothing is asked."""
        if self.bound is None:
            return None
        value = self.ours if self.ratio is None else self.ratio
        return value >= self.bound if self.at_least else value <= self.bound


def alternate(rounds: int, measures: Mapping[str, Callable[[int], float]]) -> dict[str, list[float]]:
    """Take each measure once a round, in turn and in both orders, so that drift of the machine falls on all alike.

    Args:
        measures: by name; each is given the number of the round and returns its figure.
    """
    found: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds):
        for name in list(measures) if number % 2 == 0 else reversed(list(measures)):
            found[name].append(measures[name](number))
    return found


def percentile(values: list[float], share: float) -> float:
    """The value that this share of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def median(values: list[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def spread(values: list[float]) -> str:
    """How far apart the values are, in words."""
    return f"n = {len(values)}, p5 {percentile(values, 0.05):.3g}, p95 {percentile(values, 0.95):.3g}"


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Gives a function that tells the seconds since the beginning of the block."""
    began = time.perf_counter()
    yield lambda: time.perf_counter() - began


def milliseconds(work: Callable[[], object]) -> float:
    """How long some work takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3
