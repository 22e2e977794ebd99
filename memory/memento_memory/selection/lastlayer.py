"""A Bayesian logistic regression that learns one outcome at a time.

The weights have the Gaussian prior N(prior_mean, diag(prior_variance)), and the posterior is kept as a Gaussian. An
outcome bears on the weights only through their logit x . w, so the Gaussian is moved to the exact mean and variance
of that logit under (Gaussian so far) x (logistic likelihood), a rank-1 change of mean and covariance (moment matching;
Opper and Winther 1998, "A Bayesian approach to on-line learning"). Taking the mode and its curvature in place of the
two moments leaves intervals that are far too narrow after some hundred outcomes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from memento_memory.errors import BankError, InputError

Floats = NDArray[np.float64]

_HEAD = struct.Struct("<4sIdQ")
_MAGIC = b"MLL1"
_NEWTON = 50
_CLOSE = 1e-10
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(24)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class Prediction:
    """Probabilities of success, arrays of shape (n,) in [0, 1].

    Attributes:
        mean, variance: of the probability, under the posterior.
        low, high: its central interval.
    """

    mean: Floats
    variance: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Site:
    """What one outcome put in: a Gaussian factor along its features, so that it can be taken out again."""

    strength: float
    shift: float


@dataclass(frozen=True, slots=True)
class LastLayer:
    """The posterior over the weights; never changed in place.

    Attributes:
        mean: shape (d,).
        covariance: shape (d, d).
        prior_mean, prior_variance: shape (d,); the variances above 0.
        keep: share of the weights' distance from the prior that stays at every update, in (0, 1]; below 1 the world is
            taken to drift, as an Ornstein-Uhlenbeck process whose resting state is the prior.
        updates: how many outcomes it has seen.
    """

    mean: Floats
    covariance: Floats
    prior_mean: Floats
    prior_variance: Floats
    keep: float = 1.0
    updates: int = 0

    @classmethod
    def fresh(cls, prior_mean: Floats, prior_variance: Floats, *, keep: float = 1.0) -> LastLayer:
        """The prior itself.

        Raises:
            InputError: if the shapes differ, a variance is not above 0 or keep is outside (0, 1].
        """
        if prior_mean.ndim != 1 or prior_mean.shape != prior_variance.shape:
            raise InputError("prior_variance", f"has shape {prior_variance.shape}, the mean {prior_mean.shape}")
        if not np.all(prior_variance > 0):
            raise InputError("prior_variance", "must be above 0 for every weight")
        if not 0 < keep <= 1:
            raise InputError("keep", f"is {keep}, outside (0, 1]; 1 forgets nothing")
        mean, variance = prior_mean.astype(np.float64), prior_variance.astype(np.float64)
        return cls(mean, np.diag(variance), mean, variance, keep)

    def updated(self, features: Floats, target: float, weight: float = 1.0) -> tuple[LastLayer, Site]:
        """Learn one outcome.

        Args:
            features: shape (d,).
            target: the reward, in [0, 1].
            weight: how much its evidence counts, at least 0.

        Returns:
            The new posterior, and what `without` needs to take this outcome out again.
        """
        _check(features, target, weight, len(self.mean))
        mean, covariance = self._drifted()
        along = covariance @ features
        spread = float(features @ along)
        if spread <= 0:
            return replace(self, mean=mean, covariance=covariance, updates=self.updates + 1), Site(0.0, 0.0)
        centre = float(features @ mean)
        logit, variance = _moments(centre, spread, target, weight)
        mean = mean + ((logit - centre) / spread) * along
        covariance = covariance + ((variance - spread) / spread**2) * np.outer(along, along)
        after = replace(self, mean=mean, covariance=covariance, updates=self.updates + 1)
        return after, Site(1 / variance - 1 / spread, logit / variance - centre / spread)

    def without(self, features: Floats, site: Site) -> LastLayer:
        """The posterior after taking one outcome out, exact as long as nothing is forgotten.

        Raises:
            InputError: if the layer forgets, or the outcome cannot be part of it; fit it again from the log then.
        """
        along = self.covariance @ features
        left = 1 - site.strength * float(features @ along)
        if self.keep < 1:
            raise InputError("site", "cannot be taken out of a layer that forgets; fit it again from the log")
        if left <= 0:
            raise InputError("site", "was never part of this layer; fit it again from the log")
        covariance = self.covariance + (site.strength / left) * np.outer(along, along)
        mean = self.mean + (covariance @ features) * (site.strength * float(features @ self.mean) - site.shift)
        return replace(self, mean=mean, covariance=covariance, updates=max(self.updates - 1, 0))

    def fitted(self, features: Floats, targets: Floats, weights: Floats) -> LastLayer:
        """The batch solution from the same prior: the maximum of the posterior and the curvature there, by Newton.

        Args:
            features: shape (n, d).
            targets: in [0, 1], shape (n,).
            weights: of the evidence, at least 0, shape (n,); let them fall with age where the layer forgets.
        """
        precision = 1 / self.prior_variance
        mean = self.prior_mean.copy()

        def loss(at: Floats) -> float:
            logit = features @ at
            fit = weights @ (np.logaddexp(0, logit) - targets * logit)
            return float(fit + 0.5 * precision @ (at - self.prior_mean) ** 2)

        for _ in range(_NEWTON):
            chance = _sigmoids(features @ mean)
            slope = features.T @ (weights * (chance - targets)) + precision * (mean - self.prior_mean)
            move = np.linalg.solve(_curvature(features, weights, chance, precision), slope)
            size, here = 1.0, loss(mean)
            while loss(mean - size * move) > here and size > _CLOSE:
                size /= 2
            mean = mean - size * move
            if np.abs(move).max(initial=0.0) < _CLOSE:
                break
        bend = _curvature(features, weights, _sigmoids(features @ mean), precision)
        covariance = np.linalg.inv(bend)
        return replace(self, mean=mean, covariance=(covariance + covariance.T) / 2, updates=len(targets))

    def logits(self, features: Floats) -> tuple[Floats, Floats]:
        """Mean and variance of the logit for features of shape (n, d), shape (n,) each."""
        return features @ self.mean, np.maximum(((features @ self.covariance) * features).sum(1), 0)

    def predict(self, features: Floats, *, z: float = 1.96) -> Prediction:
        """Probabilities for features of shape (n, d), with intervals of z standard deviations of the logit."""
        centre, variance = self.logits(features)
        spread = np.sqrt(variance)
        chances = _sigmoids(centre[:, None] + spread[:, None] * _NODES)
        mean = chances @ _NODE_WEIGHTS
        squared = ((chances - mean[:, None]) ** 2) @ _NODE_WEIGHTS
        return Prediction(mean, squared, _sigmoids(centre - z * spread), _sigmoids(centre + z * spread))

    def sample(self, rng: np.random.Generator) -> Floats:
        """Weights drawn from the posterior, shape (d,), for Thompson sampling."""
        root = np.linalg.cholesky(self.covariance + np.diag(self.prior_variance) * 1e-10)
        return self.mean + root @ rng.standard_normal(len(self.mean))

    def to_bytes(self) -> bytes:
        """All of it, little-endian; the same layer always gives the same bytes."""
        upper = self.covariance[_upper(len(self.mean))]
        parts = (self.prior_mean, self.prior_variance, self.mean, upper)
        head = _HEAD.pack(_MAGIC, len(self.mean), self.keep, self.updates)
        return head + np.concatenate(parts).astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> LastLayer:
        """Read what `to_bytes` wrote.

        Raises:
            BankError: if it is something else.
        """
        if len(data) < _HEAD.size or data[:4] != _MAGIC:
            raise BankError("the stored last layer is not in a format this version reads; fit it again from the log")
        _, d, keep, updates = _HEAD.unpack_from(data)
        if len(data) != _HEAD.size + 8 * (3 * d + d * (d + 1) // 2):
            raise BankError(f"the stored last layer is cut short ({len(data)} bytes); fit it again from the log")
        values = np.frombuffer(data, "<f8", offset=_HEAD.size).astype(np.float64)
        prior_mean, prior_variance, mean, upper = np.split(values, [d, 2 * d, 3 * d])
        covariance = np.zeros((d, d))
        covariance[_upper(d)] = upper
        covariance = covariance + np.triu(covariance, 1).T
        return cls(mean, covariance, prior_mean, prior_variance, keep, updates)

    def _drifted(self) -> tuple[Floats, Floats]:
        if self.keep == 1:
            return self.mean, self.covariance
        mean = self.prior_mean + self.keep * (self.mean - self.prior_mean)
        covariance = self.keep**2 * self.covariance
        covariance[np.diag_indices_from(covariance)] += (1 - self.keep**2) * self.prior_variance
        return mean, covariance


@lru_cache(8)
def _upper(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the upper triangle of a matrix of d rows is."""
    return np.triu_indices(d)


def _moments(centre: float, spread: float, target: float, weight: float) -> tuple[float, float]:
    """Mean and variance of a logit from N(centre, spread), above 0, once an outcome is known; by Gauss-Hermite.

    Both are kept within what holds for every log-concave likelihood whose slope lies between weight (target - 1) and
    weight target and whose curvature is at most weight / 4, whatever the error of the quadrature.
    """
    logit = centre + np.sqrt(spread) * _NODES
    log_likelihood = weight * (target * logit - np.logaddexp(0, logit))
    mass = _NODE_WEIGHTS * np.exp(log_likelihood - log_likelihood.max())
    mass /= mass.sum()
    mean = float(mass @ logit)
    variance = float(mass @ (logit - mean) ** 2)
    mean = min(max(mean, centre + spread * weight * (target - 1)), centre + spread * weight * target)
    return mean, min(max(variance, spread / (1 + weight * spread / 4)), spread)


def _curvature(features: Floats, weights: Floats, chance: Floats, precision: Floats) -> Floats:
    bend: Floats = (features.T * (weights * chance * (1 - chance))) @ features + np.diag(precision)
    return bend


def _check(features: Floats, target: float, weight: float, d: int) -> None:
    if features.shape != (d,) or not np.all(np.isfinite(features)):
        raise InputError("features", f"must be {d} finite numbers, and have shape {features.shape}")
    if not 0 <= target <= 1:
        raise InputError("target", f"is {target}, outside [0, 1]")
    if not 0 <= weight < np.inf:
        raise InputError("weight", f"is {weight}; it must be a number of at least 0")


def _sigmoids(logits: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(0.5 * logits))
