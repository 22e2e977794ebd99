"""What there is to see of a bank's learning: how episodes went over time, whether values keep their word, what was
learned to matter, and which cases helped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.decision import Arm
from memento_memory.learning.offpolicy import Findings, judge
from memento_memory.learning.targets import GREEDY, SIMILARITY, TargetPolicy, named
from memento_memory.selection.credit import credit, slate_row
from memento_memory.selection.evaluation import Estimate
from memento_memory.selection.features import PAIR, TASK
from memento_memory.selection.value import sigmoid
from memento_memory.store import cases, decisions, versions
from memento_memory.store.decisions import Logged
from memento_memory.store.versions import Version

Floats = NDArray[np.float64]

BLOCKS = 12
BINS = 10
_LEAST_IN_BLOCK = 10
_NAMED = 5  # cases on either list
_TELLING = 14  # weights shown
_FAINT = 0.05  # log-odds from what it was taken to be at first, below which a weight is not worth a line
_DOUBT = 2.0  # showings without effect that every case starts with
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Block:
    """Some episodes in a row.

    Attributes:
        first, last: their places among the recorded ones, from 1.
        since, until: when the first and the last of them were recorded, in seconds since the epoch.
        shown, held_out: mean reward with memory and held out from it; None where there is no such episode.
    """

    first: int
    last: int
    since: float
    until: float
    shown: Estimate | None
    held_out: Estimate | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Episodes for which about the same chance of success was foretold.

    Attributes:
        foretold: mean of what was foretold, in [0, 1].
        found: mean reward, with its interval.
        count: how many.
    """

    foretold: float
    found: Estimate
    count: int


@dataclass(frozen=True, slots=True)
class Weight:
    """What one feature was learned to be worth.

    Attributes:
        name: of the feature.
        more, less: what a large and a small value of it say.
        change: of the logit of success when the feature grows by one usual difference, with its interval.
        prior: what it was taken to be before any outcome.
    """

    name: str
    more: str
    less: str
    change: Estimate
    prior: float


@dataclass(frozen=True, slots=True)
class Helper:
    """What showing a case did.

    Attributes:
        shown: in how many episodes with a known outcome.
        effect: mean of reward less what was foretold without memory, drawn towards 0 by doubt, in [-1, 1].
    """

    id: str
    task: str
    shown: int
    effect: float


@dataclass(frozen=True, slots=True)
class LearningReport:
    """All of it.

    Attributes:
        version: the one in force.
        trained: versions that were ever made, with what became of each, oldest first.
        calibration_error: mean of |foretold - found| over the bins, weighted by their counts; None without episodes.
        most, least: cases that helped, and cases that did harm.
    """

    version: Version
    trained: tuple[tuple[int, str, float], ...]
    blocks: tuple[Block, ...]
    bins: tuple[Bin, ...]
    calibration_error: float | None
    weights: tuple[Weight, ...]
    most: tuple[Helper, ...]
    least: tuple[Helper, ...]
    findings: Findings


@dataclass(slots=True)
class _Notes:
    """What is kept of the log while it passes by."""

    told: list[tuple[float, float, bool, float]] = field(default_factory=list)
    effects: dict[str, tuple[int, float, float]] = field(default_factory=dict)

    def watched(self, log: Iterable[Logged]) -> Iterator[Logged]:
        for logged in log:
            if logged.outcome is not None and logged.outcome.reward is not None:
                self._note(logged, logged.outcome.reward)
            yield logged

    def _note(self, logged: Logged, reward: float) -> None:
        decision, found = logged.decision, logged.decision.candidates
        shown = list(decision.drawn)
        row = slate_row(found.task, found.pair[shown], np.full(len(shown), 1 / max(len(shown), 1)))
        foretold = float(sigmoid(np.asarray(row @ found.weights)))
        when = logged.recorded_at or logged.created_at
        self.told.append((foretold, reward, decision.arm is not Arm.HELD_OUT, when))
        for i, weight in zip(shown, credit(logged.used).tolist(), strict=True):
            count, mass, effect = self.effects.get(found.case_ids[i], (0, 0.0, 0.0))
            gained = weight * (reward - decision.void_value)
            self.effects[found.case_ids[i]] = count + 1, mass + weight, effect + gained


def gather(db: apsw.Connection, targets: Sequence[TargetPolicy] = (), *, namespace: str = "") -> LearningReport:
    """Read the log once, and tell what was learned from it.

    Args:
        targets: policies to be judged; greedy and similarity where none are given.
        namespace: only its episodes; all where none is given.
    """
    version, notes = versions.in_force(db), _Notes()
    asked = targets or [named(name, lambda number: versions.of(db, number)) for name in (GREEDY, SIMILARITY)]
    log = (logged for logged in decisions.logged(db) if namespace in ("", logged.namespace))
    findings = judge(notes.watched(log), asked)
    bins = _bins(notes.told)
    most, least = _helpers(db, notes.effects)
    return LearningReport(
        version,
        tuple((each.version, each.status, each.created_at) for each in versions.all_(db)),
        _blocks(notes.told),
        bins,
        _calibration_error(bins),
        weights(version),
        most,
        least,
        findings,
    )


def proportion(rewards: Sequence[float]) -> Estimate:
    """The mean of rewards in [0, 1] with its Wilson interval at 95 %, which is a little wide for graded rewards."""
    n, mean = len(rewards), sum(rewards) / len(rewards)
    centre = (mean + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * math.sqrt(mean * (1 - mean) / n + _Z**2 / (4 * n * n)) / (1 + _Z**2 / n)
    return Estimate(mean, max(min(centre - half, mean), 0.0), min(max(centre + half, mean), 1.0))


def _blocks(told: Sequence[tuple[float, float, bool, float]]) -> tuple[Block, ...]:
    count = min(BLOCKS, len(told) // _LEAST_IN_BLOCK)
    edges = np.linspace(0, len(told), count + 1).round().astype(int).tolist() if count else []
    made = []
    for start, end in pairwise(edges):
        part = told[start:end]
        sides = [[reward for _, reward, shown, _ in part if shown is side] for side in (True, False)]
        shown, held_out = (proportion(side) if side else None for side in sides)
        made.append(Block(start + 1, end, part[0][3], part[-1][3], shown, held_out))
    return tuple(made)


def _bins(told: Sequence[tuple[float, float, bool, float]]) -> tuple[Bin, ...]:
    """Equally many episodes each, by what was foretold."""
    ordered = sorted((foretold, reward) for foretold, reward, _, _ in told)
    count = min(BINS, len(ordered) // _LEAST_IN_BLOCK)
    edges = np.linspace(0, len(ordered), count + 1).round().astype(int).tolist() if count else []
    parts = [ordered[start:end] for start, end in pairwise(edges)]
    return tuple(
        Bin(sum(f for f, _ in part) / len(part), proportion([r for _, r in part]), len(part)) for part in parts
    )


def _calibration_error(bins: Sequence[Bin]) -> float | None:
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.foretold - each.found.value) for each in bins) / total if total else None


def weights(version: Version) -> tuple[Weight, ...]:
    """Of the pair's features what outcomes changed, the strongest first; none before the first outcome."""
    if not version.layer.updates:
        return ()
    spread = _Z * np.sqrt(np.diag(version.layer.covariance))
    made = []
    for at, feature in enumerate(PAIR, start=len(TASK)):
        mean, half = float(version.layer.mean[at]), float(spread[at])
        told = Estimate(mean, mean - half, mean + half)
        if abs(mean - feature.prior_mean) >= _FAINT and (feature.name != "network" or version.network is not None):
            made.append(Weight(feature.name, feature.more, feature.less, told, feature.prior_mean))
    return tuple(sorted(made, key=lambda each: -abs(each.change.value))[:_TELLING])


def _helpers(
    db: apsw.Connection, effects: dict[str, tuple[int, float, float]]
) -> tuple[tuple[Helper, ...], tuple[Helper, ...]]:
    ranked = sorted((gained / (mass + _DOUBT), count, id) for id, (count, mass, gained) in effects.items())
    worst = [entry for entry in ranked[:_NAMED] if entry[0] < 0]
    best = [entry for entry in ranked[: -_NAMED - 1 : -1] if entry[0] > 0]
    most, least = (tuple(_helper(db, *entry) for entry in side) for side in (best, worst))
    return most, least


def _helper(db: apsw.Connection, effect: float, count: int, id: str) -> Helper:
    stored = cases.by_id(db, id)
    is_there = stored is not None and stored[1].forgotten_at is None
    return Helper(id, stored[1].task.text if stored and is_there else "(no longer in the bank)", count, effect)
