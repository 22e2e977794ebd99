"""Simulated worlds in which the truth is known: kinds of task, slates with their propensities, and what they earn."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from memento_memory.selection.evaluation import Log, Target
from memento_memory.selection.plackett_luce import log_probability

Floats = NDArray[np.float64]
CASES, K, KINDS = 5, 2, 20
SLATES: list[tuple[int, ...]] = [slate for size in range(K + 1) for slate in permutations(range(CASES), size)]
EMPTY = SLATES.index(())


def sigmoid(logit: Floats) -> Floats:
    return 1 / (1 + np.exp(-logit))


@dataclass(frozen=True)
class World:
    """Kinds of task with their own difficulty b and advantages A; a task's luck moves all its episodes together.

    Attributes:
        chance: probability of success of each slate, shape (luck, kinds, slates).
        prior: logits of the cases, shape (kinds, cases).
        void: logit of the void case.
    """

    chance: Floats
    prior: Floats
    advantage: Floats
    void: float = -1.0

    @classmethod
    def seeded(cls, seed: int, luck: float = 1.0) -> World:
        rng = np.random.default_rng(seed)
        difficulty = rng.normal(-0.5, 1, KINDS)
        advantage = rng.normal(0.5, 1.5, (KINDS, CASES))
        means = np.stack([advantage[:, list(s)].mean(1) if s else np.zeros(KINDS) for s in SLATES], axis=1)
        chance = np.stack([sigmoid(difficulty[:, None] + means + side * luck) for side in (-1, 1)])
        return cls(chance, rng.normal(0, 0.7, (KINDS, CASES)), advantage)

    def policy(self, trust: float) -> Floats:
        """Log-probabilities of all slates when the cases' true advantages are trusted so much, (kinds, slates)."""
        logits = self.prior + trust * self.advantage
        return np.array([[log_probability(row, self.void, slate, K) for slate in SLATES] for row in logits])

    def worth(self, policy: Floats) -> float:
        return float((np.exp(policy) * self.chance.mean(0)).sum(1).mean())

    def log(self, behaviour: Floats, tasks: int, rng: np.random.Generator) -> tuple[Log, Drawn]:
        """Tasks with one to five episodes each."""
        task = np.repeat(np.arange(tasks), rng.integers(1, 6, tasks))
        kind, side = rng.integers(KINDS, size=tasks)[task], rng.integers(2, size=tasks)[task]
        edges = np.exp(behaviour).cumsum(1)[kind]
        slate = np.minimum((rng.random((len(task), 1)) > edges).sum(1), len(SLATES) - 1)
        reward = (rng.random(len(task)) < self.chance[side, kind, slate]).astype(np.float64)
        return Log(task, reward, np.minimum(behaviour[kind, slate], 0.0), slate == EMPTY), Drawn(kind, slate)


@dataclass(frozen=True)
class Drawn:
    """Which kind of task each episode was of, and which slate it drew."""

    kind: NDArray[np.int64]
    slate: NDArray[np.int64]

    def target(self, policy: Floats, model: Floats | None = None) -> Target:
        """The policy as it bears on these episodes, with a reward model of shape (kinds, slates)."""
        if model is None:
            return Target(policy[self.kind, self.slate])
        expected = (np.exp(policy) * model).sum(1)
        return Target(policy[self.kind, self.slate], model[self.kind, self.slate], expected[self.kind])
