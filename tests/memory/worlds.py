"""Simulated worlds in which the truth is known: kinds of task, slates with their propensities, and what they earn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from memento_memory.selection.credit import case_rows, slate_row
from memento_memory.selection.evaluation import Log, Target
from memento_memory.selection.lastlayer import LastLayer
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
        return Log(task, reward, np.minimum(behaviour[kind, slate], 0.0)), Drawn(kind, slate)


@dataclass(frozen=True)
class Drawn:
    """Which kind of task each episode was of, and which slate it drew."""

    kind: NDArray[np.int64]
    slate: NDArray[np.int64]

    def void(self, model: Floats | None = None) -> Target:
        """The policy that shows nothing."""
        never = np.where(self.slate == EMPTY, 0.0, -np.inf)
        return Target(never) if model is None else Target(never, model[self.kind, self.slate], model[self.kind, EMPTY])

    def target(self, policy: Floats, model: Floats | None = None) -> Target:
        """The policy as it bears on these episodes, with a reward model of shape (kinds, slates)."""
        if model is None:
            return Target(policy[self.kind, self.slate])
        expected = (np.exp(policy) * model).sum(1)
        return Target(policy[self.kind, self.slate], model[self.kind, self.slate], expected[self.kind])


@dataclass(frozen=True)
class PairWorld:
    """Tasks and cases that only features tell of: logit P(success) = u . psi(s) + sum_c w_c v . phi(s, c).

    The first feature of a pair is the similarity; the others go along with it, but for the last.

    Attributes:
        difficulty: u, shape (2,); psi(s) is 1 and how easy the task is.
        advantage: v, shape (d,).
        offset: the mean of all pair features; below 0 memory mostly harms.
    """

    difficulty: Floats
    advantage: Floats
    offset: float = 0.0

    def scene(self, rng: np.random.Generator, n: int = 8) -> tuple[Floats, Floats]:
        """A task and n candidates never seen before: psi(s), shape (2,), and phi(s, c), shape (n, d)."""
        features = rng.normal(size=(n, len(self.advantage)))
        features[:, 1:-1] = 0.8 * features[:, 1:-1] + 0.6 * features[:, :1]
        return np.array([1.0, rng.normal()]), features + self.offset

    def chance(self, task: Floats, cases: Floats, weights: Floats) -> float:
        """Probability of success when these cases are shown with these weights of credit; no cases is void."""
        return float(sigmoid(self.difficulty @ task + weights @ cases @ self.advantage))

    def chances(self, task: Floats, cases: Floats) -> Floats:
        """The same of each case alone, shape (n,)."""
        return sigmoid(self.difficulty @ task + cases @ self.advantage)


@dataclass(frozen=True)
class Life:
    """A stream of episodes in which the layer chooses one case, or none, and learns from that outcome alone.

    Attributes:
        worlds: one for each episode, in order.
        explore: share of episodes that show any case or none.
        lie: given the chance of the choice and the outcome, tells the outcome that is reported.
    """

    worlds: list[PairWorld]
    explore: float = 0.1
    lie: Callable[[Floats, float, np.random.Generator], float] = lambda _cases, reward, _rng: reward

    def lived(self, layer: LastLayer, seed: int, *, learns: bool = True) -> Floats:
        """True chances of success of what was chosen, of the most similar case, the best choice and void, (n, 4)."""
        rng, liar = np.random.default_rng(seed), np.random.default_rng(seed + 1000)
        found = []
        for world in self.worlds:
            task, cases = world.scene(rng)
            rows = np.concatenate([case_rows(task, cases), slate_row(task, cases[:0], np.zeros(0))[None]])
            shown = int(np.argmax(layer.logits(rows)[0]))
            chances = np.append(world.chances(task, cases), sigmoid(world.difficulty @ task))
            found.append((chances[shown], chances[int(np.argmax(cases[:, 0]))], chances.max(), chances[-1]))
            if rng.random() < self.explore:
                shown = int(rng.integers(len(rows)))
            reward = self.lie(rows[shown], float(rng.random() < chances[shown]), liar)
            if learns:
                layer, _ = layer.updated(rows[shown], reward)
        return np.array(found)
