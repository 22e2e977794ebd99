"""The log as off-policy evaluation reads it: who was shown what, with which probability, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memento_memory.decision import Arm, Decision
from memento_memory.learning.targets import (
    Examples,
    Scores,
    TargetPolicy,
    best,
    learned,
    log_chance,
    logits_of,
    pool_of,
    similar,
    slates,
)
from memento_memory.selection.credit import slate_row
from memento_memory.selection.plackett_luce import log_probability, mixed
from memento_memory.store.decisions import Logged
from memento_memory.text import normalised

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]

EXPLORE = 0.1  # the share of exploration that is proposed where there is none
_PROBED = 20  # one task in so many tells how many episodes would be needed
_DRAWS = 8  # slates a drawing policy is represented by, for the reward model
_ROUNDING = 0.02  # nats that values stored in single precision may move a propensity


@dataclass(slots=True)
class Counts:
    """How many episodes there were, and what kept some of them from being judged by.

    Attributes:
        shown, held_out: chosen by a policy, and held out from memory.
        greedy: of those shown, how many were logged while nothing was drawn to explore.
        recorded_shown, recorded_held_out: those of them with a known outcome.
        untold: without a propensity, as Thompson sampling leaves them.
        disagreeing: logged with another propensity than their settings give.
    """

    shown: int = 0
    held_out: int = 0
    greedy: int = 0
    recorded_shown: int = 0
    recorded_held_out: int = 0
    untold: int = 0
    disagreeing: int = 0

    @property
    def all_greedy(self) -> bool:
        """Whether nothing was ever drawn to explore."""
        return self.greedy == self.recorded_shown


@dataclass(frozen=True, slots=True)
class Sample:
    """Episodes with a known outcome, oldest first; arrays of shape (n,) unless said otherwise.

    Attributes:
        task: equal numbers for equal tasks.
        reward: in [0, 1].
        shown: False where the episode was held out from memory.
        explore, holdout: the shares in force.
        chance: log-probability of the examples, in any order, given that the episode was not held out; nan where it is
            not known, and where the episode was held out.
        rows: design rows of the examples shown, (n, d); `bare` those of showing none, `usual` those of the greedy
            slate at that time.
        targets: by name of the policy, its log-probability of the examples; nan where the policy is not defined.
        plans: by name of the policy, the design rows of what it shows, one (draws, d) array an episode.
        cost: by name of the policy, how many episodes would count as one for it with a tenth of exploration.
    """

    counts: Counts
    task: NDArray[np.int64]
    reward: Floats
    shown: NDArray[np.bool_]
    explore: Floats
    holdout: Floats
    chance: Floats
    rows: Rows
    bare: Rows
    usual: Rows
    targets: dict[str, Floats]
    plans: dict[str, list[Rows]]
    cost: dict[str, float]

    def __len__(self) -> int:
        return len(self.task)


@dataclass(slots=True)
class _Episode:
    """What is kept of one episode while the log is read."""

    task: int
    reward: float
    chance: float
    decision: tuple[bool, float, float]
    rows: Rows
    targets: list[float]
    plans: list[Rows]
    weights: list[float]
    schema: str


def read(log: Iterable[Logged], targets: Sequence[TargetPolicy], *, seed: int = 0) -> Sample:
    """Read a log once, with what each of some policies would have done."""
    rng = np.random.default_rng(seed)
    counts, tasks = Counts(), dict[tuple[str, str, str], int]()
    found: list[_Episode] = []
    for logged in log:
        reward = logged.outcome.reward if logged.outcome else None
        _count(counts, logged.decision, reward is not None)
        if reward is not None:
            key = (logged.namespace, normalised(logged.task.text), normalised(logged.task.context))
            task = tasks.setdefault(key, len(tasks))
            found.append(_episode(logged, task, reward, _chance(counts, logged.decision), targets, rng))
    return _joined(found, counts, targets)


def chance_of_shown(decision: Decision) -> float:
    """Log-probability of the examples in any order, given that the episode was not held out."""
    drawn = log_chance(decision, learned(decision, decision.alpha)) if decision.explore else -np.inf
    is_greedy = set(decision.best) == set(decision.drawn)
    is_similar = set(best(decision, similar(decision))) == set(decision.drawn)
    explore = decision.explore
    return mixed(drawn, is_greedy=is_greedy, is_void=False, explore=explore, holdout=0.0, is_similar=is_similar)


def weight_while_exploring(decision: Decision, scores: Scores, slate: Examples) -> float:
    """How much an episode would weigh if a tenth were drawn to explore and a policy's slate had come up.

    Averaged over what the policy shows, it tells how many episodes count as one.
    """
    instead = replace(decision, drawn=slate, arm=Arm.DRAWN, explore=EXPLORE)
    return float(np.exp(log_chance(instead, scores) - chance_of_shown(instead)))


def _agrees(decision: Decision, logged: float) -> bool:
    """Whether the logged propensity is the one its settings give: a log that lies about it misleads every estimate."""
    drawn = -np.inf
    if decision.explore:
        logits, void = logits_of(decision, decision.candidates.value, decision.void_value, decision.alpha)
        chosen, left = decision.drawn[decision.forced :], max(decision.k - decision.forced, 0)
        drawn = log_probability(logits, void, chosen, left, pool_of(decision).allows)
    is_greedy = decision.best == decision.drawn
    is_similar = best(decision, similar(decision)) == decision.drawn
    shares = {"explore": decision.explore, "holdout": decision.holdout}
    either = [
        mixed(drawn, is_greedy=is_greedy, is_void=void, is_similar=is_similar, **shares)
        for void in {False, not decision.drawn}
    ]
    return any(abs(each - logged) <= _ROUNDING for each in either)


def _count(counts: Counts, decision: Decision, is_known: bool) -> None:
    if decision.arm is Arm.HELD_OUT:
        counts.held_out += 1
        counts.recorded_held_out += is_known
    else:
        counts.shown += 1
        counts.recorded_shown += is_known
        counts.greedy += is_known and decision.explore == 0


def _chance(counts: Counts, decision: Decision) -> float:
    """How likely the examples were among all that could be shown; nan where that is not known."""
    if decision.arm is Arm.HELD_OUT:
        return np.nan
    if decision.log_propensity is None:
        counts.untold += 1
        return np.nan
    if not _agrees(decision, decision.log_propensity):
        counts.disagreeing += 1
        return np.nan
    return chance_of_shown(decision)


def _episode(
    logged: Logged,
    task: int,
    reward: float,
    chance: float,
    targets: Sequence[TargetPolicy],
    rng: np.random.Generator,
) -> _Episode:
    decision = logged.decision
    usual = best(decision, Scores(decision.candidates.value, decision.void_value))
    shown = decision.arm is not Arm.HELD_OUT
    scored = [target.scores(logged) if shown else None for target in targets]
    plans = [[] if scores is None else slates(decision, scores, rng, _DRAWS) for scores in scored]
    return _Episode(
        task,
        reward,
        chance,
        (shown, decision.explore, decision.holdout),
        _rows(decision, [decision.drawn, (), usual]),
        [np.nan if scores is None else log_chance(decision, scores) for scores in scored],
        [_rows(decision, plan) for plan in plans],
        [
            weight_while_exploring(decision, it, plan[0]) if it and task % _PROBED == 0 else np.nan
            for it, plan in zip(scored, plans, strict=True)
        ],
        decision.candidates.schema,
    )


def _rows(decision: Decision, shows: Sequence[Examples]) -> Rows:
    """Design rows of slates; all examples weigh alike, since what was used is known only afterwards."""
    task, pair = decision.candidates.task, decision.candidates.pair
    rows = [slate_row(task, pair[list(slate)], np.full(len(slate), 1 / max(len(slate), 1))) for slate in shows]
    return np.array(rows, np.float32).reshape(len(rows), len(task) + pair.shape[1])


def _joined(found: Sequence[_Episode], counts: Counts, targets: Sequence[TargetPolicy]) -> Sample:
    """As arrays; of features that are not the newest episode's nothing is kept but the first, which is always 1."""
    schema, width = (found[-1].schema, found[-1].rows.shape[1]) if found else ("", 1)

    def fitting(rows: Rows, its: str) -> Rows:
        return rows if its == schema else np.eye(1, width, dtype=np.float32).repeat(len(rows), axis=0)

    shown, explore, holdout = np.array([it.decision for it in found], np.float64).reshape(-1, 3).T
    rows = np.array([fitting(it.rows, it.schema) for it in found], np.float32).reshape(-1, 3, width)
    return Sample(
        counts,
        np.array([it.task for it in found], np.int64),
        np.array([it.reward for it in found], np.float64),
        shown > 0,
        explore,
        holdout,
        np.array([it.chance for it in found], np.float64),
        rows[:, 0],
        rows[:, 1],
        rows[:, 2],
        {t.name: np.array([it.targets[i] for it in found], np.float64) for i, t in enumerate(targets)},
        {t.name: [fitting(it.plans[i], it.schema) for it in found] for i, t in enumerate(targets)},
        {t.name: _mean([it.weights[i] for it in found]) for i, t in enumerate(targets)},
    )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return sum(known) / len(known) if known else np.nan
