"""Q(s, c): the probability that showing case c leads to success on task s, with how sure that is.

The additive slate model of `credit`: a Bayesian logistic last layer over the task's features psi and the pair's
features phi. Before any outcome its ranking is that of similarity (see `features`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memento_memory.selection.credit import case_rows
from memento_memory.selection.features import PAIR, TASK, pair_features, task_features
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.sight import Sight

if TYPE_CHECKING:
    from memento_memory.selection.network import Network

Floats = NDArray[np.float64]

SCHEMA = " ".join(feature.name for feature in (*TASK, *PAIR))
_FEATURES = (*TASK, *PAIR)
_NETWORK = next((i for i, feature in enumerate(PAIR) if feature.name == "network"), None)
_SIMILARITY = [feature.name for feature in PAIR].index("similarity")
_ALONE = 1e-12  # prior variance that keeps a weight where it is
_Z = 1.96
_TELLING = 0.1  # contributions to the logit below this are not worth a word


@dataclass(frozen=True, slots=True)
class Values:
    """Values of n cases for one task.

    Attributes:
        mean: Q(s, c) in [0, 1], shape (n,).
        low, high: its 95 % interval.
        advantage, doubt: A(s, c), what showing the case adds to the logit of success, and its standard deviation, (n,).
        at_first: the advantage that was believed in before any outcome, (n,).
        void: Q of showing none, in [0, 1].
        pair, task: phi(s, c), shape (n, d), and psi(s), shape (m,).
        weights: of the last layer, shape (m + d,).
    """

    mean: Floats
    low: Floats
    high: Floats
    advantage: Floats
    doubt: Floats
    at_first: Floats
    void: float
    pair: Floats
    task: Floats
    weights: Floats


@dataclass(frozen=True, slots=True)
class QFunction:
    """One version of the value model, ready to use.

    Attributes:
        version: its number; 0 is the prior.
        layer: the last layer over [psi, phi].
        network: what gives the `network` feature; None leaves it 0.
    """

    version: int
    layer: LastLayer
    network: Network | None = None

    def values(self, sight: Sight) -> Values:
        """Estimate Q for all candidates of a task."""
        pair = pair_features(sight)
        if self.network is not None and sight.vector is not None and _NETWORK is not None and len(pair):
            pair[:, _NETWORK] = self.network.advantage(
                np.delete(pair, _NETWORK, axis=1), sight.vector, sight.vectors, sight.plan_vectors
            )
        return values_of(self.layer, task_features(sight), pair)

    def sampled(self, values: Values, rng: np.random.Generator) -> Values:
        """The same values under weights drawn from the posterior, for Thompson sampling."""
        weights = self.layer.sample(rng)
        m = len(values.task)
        advantage = values.pair @ weights[m:]
        base = float(values.task @ weights[:m])
        return replace(values, mean=sigmoid(base + advantage), advantage=advantage, void=chance(base))


def values_of(layer: LastLayer, task: Floats, pair: Floats) -> Values:
    """The values of cases with these features under a layer."""
    m, weights = len(task), layer.mean
    centre, variance = layer.logits(case_rows(task, pair))
    spread = _Z * np.sqrt(variance)
    return Values(
        sigmoid(centre),
        sigmoid(centre - spread),
        sigmoid(centre + spread),
        pair @ weights[m:],
        np.sqrt(np.maximum(((pair @ layer.covariance[m:, m:]) * pair).sum(1), 0)),
        pair @ layer.prior_mean[m:],
        chance(float(task @ weights[:m])),
        pair,
        task,
        weights,
    )


def fresh_layer() -> LastLayer:
    """The prior: similarity carries the weight, the others wait for outcomes."""
    means = np.array([feature.prior_mean for feature in _FEATURES])
    return LastLayer.fresh(means, np.array([feature.prior_sd**2 for feature in _FEATURES]))


def similarity_layer() -> LastLayer:
    """The prior of what the value model has to beat: the task's features and similarity, and nothing else."""
    layer = fresh_layer()
    free = np.array([i < len(TASK) or i == len(TASK) + _SIMILARITY for i in range(len(_FEATURES))])
    means = np.where(free, layer.prior_mean, 0.0)
    return LastLayer.fresh(means, np.where(free, layer.prior_variance, _ALONE))


def contributions(pair: Floats, weights: Floats, index: int) -> list[tuple[str, float]]:
    """What moved one candidate up or down against the others, in plain words, the largest first.

    Args:
        pair: phi(s, c) of all candidates, shape (n, d).
        weights: of the last layer, shape (m + d,).

    Returns:
        (words, change of the logit of success) for every feature that tells this case from the mean candidate.
    """
    apart = pair[index] - (pair.mean(0) if len(pair) > 1 else 0.0)
    amounts = weights[len(TASK) :] * apart
    telling = np.flatnonzero(np.abs(amounts) >= _TELLING)
    order = telling[np.argsort(-np.abs(amounts[telling]), kind="stable")]
    return [(PAIR[i].more if apart[i] > 0 else PAIR[i].less, float(amounts[i])) for i in order]


def sigmoid(logits: Floats) -> Floats:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)))


def chance(logit: float) -> float:
    """The logistic function of one number."""
    return float(0.5 * (1 + np.tanh(0.5 * logit)))
