"""Calibration: a monotone curve for what the committee says, so that one unit is worth as much everywhere.

Two kinds are tried, on what each member says of the tasks it left out. `temperature` is a line through zero (Guo et
al. 2017, "On calibration of modern neural networks"), `isotonic` a step-wise fit by pooling adjacent violators
(Zadrozny and Elkan 2002, "Transforming classifier scores into accurate multiclass probability estimates"), drawn as a
line through the middles of its steps. Both take the logit of everything else as given. Which one it is decides
cross-entropy on tasks that neither was fitted on; isotonic has to win clearly, for it bends to noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memento_memory.selection.value import sigmoid

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

_BINS = 48
_NEWTON = 30
_BELIEF = 1.0  # precision of the prior of every step's logit; keeps a step of successes alone finite
_CLEARLY = 0.001  # nats per episode


@dataclass(frozen=True, slots=True)
class Observed:
    """What was said of n slates, and what became of them.

    Attributes:
        said: what the committee says of the slate, shape (n,).
        offset: the logit of everything else, shape (n,).
        reward: in [0, 1], shape (n,).
        weight: of the evidence, at least 0, shape (n,).
        fold: a share of the tasks, shape (n,); tasks of one number are never on both sides of a comparison.
    """

    said: Floats
    offset: Floats
    reward: Floats
    weight: Floats
    fold: Numbers

    def where(self, chosen: NDArray[np.bool_]) -> Observed:
        """Some of them."""
        return Observed(
            self.said[chosen], self.offset[chosen], self.reward[chosen], self.weight[chosen], self.fold[chosen]
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """A monotone map of what is said to what it is worth as a change of the logit.

    Attributes:
        kind: "temperature" or "isotonic".
        knots: shape (2, m), the first row increasing, the second not decreasing; constant beyond its ends.
        losses: cross-entropy of each kind on tasks it was not fitted on, by which this one was chosen.
    """

    kind: str
    knots: Floats
    losses: dict[str, float]

    def __call__(self, said: Floats) -> Floats:
        return np.asarray(np.interp(said, self.knots[0], self.knots[1]))


def calibrated(observed: Observed) -> Curve:
    """Fit the kind of curve that does better on tasks it was not fitted on."""
    kinds = {"temperature": temperature, "isotonic": isotonic}
    losses = {kind: _cross_validated(observed, fit) for kind, fit in kinds.items()}
    best = "isotonic" if losses["isotonic"] < losses["temperature"] - _CLEARLY else "temperature"
    return Curve(best, kinds[best](observed), losses)


def temperature(observed: Observed) -> Floats:
    """Knots of the line y = t x, t at least 0, that maximises the likelihood; shape (2, 2)."""
    t = 1.0
    for _ in range(_NEWTON):
        chance = sigmoid(observed.offset + t * observed.said)
        slope = np.sum(observed.weight * observed.said * (chance - observed.reward))
        bend = np.sum(observed.weight * observed.said**2 * chance * (1 - chance))
        t = float(np.clip(t - slope / (bend + 1e-6), 0.0, 2 * t + 1))
    ends = _ends(observed.said)
    return np.array([ends, t * ends])


def isotonic(observed: Observed) -> Floats:
    """Knots of the non-decreasing curve of highest likelihood, shape (2, m)."""
    order = np.argsort(observed.said, kind="stable")
    steps = [_Step.of(observed, places) for places in np.array_split(order, min(_BINS, len(order))) if len(places)]
    pooled: list[_Step] = []
    for step in steps:
        pooled.append(step)
        while len(pooled) > 1 and pooled[-2].height >= pooled[-1].height:
            after, before = pooled.pop(), pooled.pop()
            pooled.append(_Step.of(observed, np.concatenate([before.places, after.places])))
    if len(pooled) < 2:
        return np.array([_ends(observed.said), [pooled[0].height] * 2 if pooled else [0.0, 0.0]])
    return np.array([[step.middle for step in pooled], [step.height for step in pooled]])


def expected_error(chance: Floats, reward: Floats, weight: Floats, bins: int = 10) -> float:
    """Expected calibration error: the mean distance of predicted and observed success over bins of equal number.

    Args:
        chance: predicted probabilities, shape (n,).
        reward: what was observed, in [0, 1], shape (n,).
        weight: of the evidence, shape (n,).
    """
    error, total = 0.0, max(float(weight.sum()), 1e-12)
    for places in np.array_split(np.argsort(chance, kind="stable"), bins):
        error += abs(float(weight[places] @ (chance[places] - reward[places]))) / total
    return error


def cross_entropy(logit: Floats, reward: Floats) -> Floats:
    """Of each outcome, in nats, shape (n,)."""
    return np.asarray(np.logaddexp(0, logit) - reward * logit)


@dataclass(frozen=True, slots=True)
class _Step:
    places: Numbers
    middle: float
    height: float

    @classmethod
    def of(cls, observed: Observed, places: Numbers) -> _Step:
        part = observed.weight[places]
        middle = float(observed.said[places] @ part / part.sum()) if part.sum() > 0 else float(observed.said[places[0]])
        return cls(places, middle, _height(observed, places))


def _height(observed: Observed, places: Numbers) -> float:
    """The change of the logit that makes these outcomes most likely."""
    offset, reward, weight = observed.offset[places], observed.reward[places], observed.weight[places]
    height = 0.0
    for _ in range(_NEWTON):
        chance = sigmoid(offset + height)
        slope = float(weight @ (chance - reward)) + _BELIEF * height
        move = slope / (float(weight @ (chance * (1 - chance))) + _BELIEF)
        height -= move
        if abs(move) < 1e-9:
            break
    return height


def _cross_validated(observed: Observed, fit: Callable[[Observed], Floats]) -> float:
    loss = np.zeros(len(observed.said))
    for number in np.unique(observed.fold):
        inside = observed.fold == number
        knots = fit(observed.where(~inside))
        logit = observed.offset[inside] + np.interp(observed.said[inside], knots[0], knots[1])
        loss[inside] = cross_entropy(logit, observed.reward[inside])
    return float(observed.weight @ loss / max(observed.weight.sum(), 1e-12))


def _ends(said: Floats) -> Floats:
    low, high = (float(said.min()), float(said.max())) if len(said) else (0.0, 0.0)
    return np.array([low, max(high, low + 1e-6)])
