"""Every simpler way of choosing a case, under one interface: score the candidates, then learn what came of one.

In a table whose outcomes are all known, a chooser first learns the pairs of the training tasks (`taught`) and then
scores the others. Online it is asked, shows its first choice, and learns that outcome alone (`online`).
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from benchmarks.learning.perceptron import logits_of, perceptron
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchmarks.learning.data import Bank, Pool

    from memento_memory.selection.sight import Sight

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scene:
    """One task and its n candidates.

    Attributes:
        task: its name; the same in every scene of that task.
        cases: names of the candidates, n of them.
        dense, lexical, hybrid: similarities of the tasks, larger is nearer, shape (n,).
        vector: embedding of the task, shape (d,).
        vectors, plan_vectors: embeddings of the cases' tasks and plans, shape (n, d).
        success: what each candidate leads to, in [0, 1], shape (n,); for scoring choosers, and for the oracle.
    """

    task: Hashable
    cases: Sequence[Hashable]
    dense: Floats
    lexical: Floats
    hybrid: Floats
    vector: Vectors
    vectors: Vectors
    plan_vectors: Vectors
    success: Floats


class Chooser(Protocol):
    """A way of choosing."""

    @property
    def name(self) -> str:
        """For tables."""
        ...

    def scores(self, scene: Scene) -> Floats:
        """One score a candidate, the largest is shown first; shape (n,)."""
        ...

    def learn(self, scene: Scene, shown: int, reward: float) -> None:
        """What came of showing one candidate."""
        ...


class Fixed:
    """A similarity, which no outcome changes."""

    def __init__(self, name: str, similarity: str) -> None:
        self.name = name
        self._similarity = similarity

    def scores(self, scene: Scene) -> Floats:
        """The similarity."""
        return np.asarray(getattr(scene, self._similarity), np.float64)

    def learn(self, scene: Scene, shown: int, reward: float) -> None:
        """Nothing."""


@dataclass
class Random:
    """Any candidate; the same one for the same task and seed."""

    seed: int = 0
    name: str = "random"

    def scores(self, scene: Scene) -> Floats:
        """Drawn anew for each task."""
        return np.random.default_rng([self.seed, zlib.crc32(repr(scene.task).encode())]).random(len(scene.cases))

    def learn(self, scene: Scene, shown: int, reward: float) -> None:
        """Nothing."""


@dataclass
class CaseMean:
    """The mean reward of each case under a uniform prior, whatever the task; the more similar where equal."""

    name: str = "per-case mean"
    earned: dict[Hashable, tuple[float, float]] = field(default_factory=dict)

    def scores(self, scene: Scene) -> Floats:
        """(1 + successes) / (2 + showings)."""
        counts = np.array([self.earned.get(case, (0.0, 0.0)) for case in scene.cases])
        means: Floats = (1 + counts[:, 0]) / (2 + counts[:, 1]) + 1e-6 * scene.hybrid
        return means

    def learn(self, scene: Scene, shown: int, reward: float) -> None:
        """Count it."""
        successes, showings = self.earned.get(scene.cases[shown], (0.0, 0.0))
        self.earned[scene.cases[shown]] = successes + reward, showings + 1


@dataclass
class TabularQ:
    """MemRL (arXiv 2601.03192): half the standardised similarity, half the standardised Q of the case, Q += rate (r-Q).

    Q starts at 0, and both are standardised over the candidates of the task.
    """

    name: str = "tabular Q (MemRL)"
    rate: float = 0.3
    weight: float = 0.5
    q: dict[Hashable, float] = field(default_factory=dict)

    def scores(self, scene: Scene) -> Floats:
        """(1 - weight) z(similarity) + weight z(Q)."""
        values = np.array([self.q.get(case, 0.0) for case in scene.cases])
        return (1 - self.weight) * _standardised(scene.dense) + self.weight * _standardised(values)

    def learn(self, scene: Scene, shown: int, reward: float) -> None:
        """Move the Q of the case shown."""
        before = self.q.get(scene.cases[shown], 0.0)
        self.q[scene.cases[shown]] = before + self.rate * (reward - before)


@dataclass
class Reinforcement:
    """Similarity times a strength of the case: a tenth more for every success, a tenth less for every failure."""

    name: str = "scalar reinforcement"
    step: float = 0.1
    least: float = 0.1
    most: float = 3.0
    strength: dict[Hashable, float] = field(default_factory=dict)

    def scores(self, scene: Scene) -> Floats:
        """The product."""
        strengths = np.array([self.strength.get(case, 1.0) for case in scene.cases])
        return np.asarray(scene.hybrid * strengths)

    def learn(self, scene: Scene, shown: int, reward: float) -> None:
        """Strengthen or weaken the case shown."""
        moved = self.strength.get(scene.cases[shown], 1.0) * (1 + self.step * (2 * reward - 1))
        self.strength[scene.cases[shown]] = min(max(moved, self.least), self.most)


class Concatenation:
    """The form of the reference's value network: a two-layer perceptron on concatenated embeddings, row labels.

    Trained with binary cross-entropy (AdamW) on all that was learned, again whenever a quarter more has come in;
    the hybrid similarity until there are `fewest` outcomes of both kinds.
    """

    name = "concatenation classifier"

    def __init__(self, *, seed: int = 0, hidden: int = 256, epochs: int = 12, fewest: int = 20) -> None:
        self._seed, self._hidden, self._epochs, self._fewest = seed, hidden, epochs, fewest
        self._rows: list[Vectors] = []
        self._rewards: list[float] = []
        self._net: Any = None
        self._trained_on = 0

    def scores(self, scene: Scene) -> Floats:
        """The logit; trained first where it is due."""
        if self._is_due():
            self._net = perceptron(
                np.stack(self._rows), np.array(self._rewards), hidden=self._hidden, epochs=self._epochs, seed=self._seed
            )
            self._trained_on = len(self._rows)
        if self._net is None:
            return np.asarray(scene.hybrid, np.float64)
        return logits_of(self._net, np.stack([_concatenated(scene, i) for i in range(len(scene.cases))]))

    def learn(self, scene: Scene, shown: int, reward: float) -> None:
        """Keep the row for the next training."""
        self._rows.append(_concatenated(scene, shown))
        self._rewards.append(reward)

    def _is_due(self) -> bool:
        wins = sum(self._rewards)
        enough = min(wins, len(self._rewards) - wins) >= self._fewest
        return enough and len(self._rows) > 1.25 * self._trained_on


class Oracle(Fixed):
    """Knows the outcomes: the most that any choice among the candidates can earn."""

    def __init__(self) -> None:
        super().__init__("oracle", "success")


def scene_of(bank: Bank, pool: Pool, sight: Sight) -> Scene:
    """What the baselines may see of what the product sees; the lexical leg is taken out of the fused similarity."""
    dense = np.clip(sight.cosine, 0, 1)
    lexical = (sight.similarity - bank.dense_weight * dense) / (1 - bank.dense_weight)
    names = [int(case) for case in pool.cases]
    vector = bank.table.vectors[pool.task]
    return Scene(
        pool.task,
        names,
        sight.cosine,
        lexical,
        sight.similarity,
        vector,
        sight.vectors,
        sight.plan_vectors,
        pool.success,
    )


def baselines(seed: int = 0) -> list[Chooser]:
    """One fresh chooser of each kind, the oracle last."""
    return [
        Random(seed),
        Fixed("BM25", "lexical"),
        Fixed("cosine", "dense"),
        Fixed("hybrid", "hybrid"),
        CaseMean(),
        TabularQ(),
        Reinforcement(),
        Concatenation(seed=seed),
        Oracle(),
    ]


def taught(chooser: Chooser, scenes: Iterable[Scene], shown: Sequence[Sequence[int]] | None = None) -> Chooser:
    """Let a chooser learn pairs of training tasks.

    Args:
        shown: which candidates of each scene; all of them if None.
    """
    for place, scene in enumerate(scenes):
        for index in range(len(scene.cases)) if shown is None else shown[place]:
            chooser.learn(scene, index, float(scene.success[index]))
    return chooser


def order(scores: Floats) -> list[int]:
    """Candidates from best to worst; the earlier one where scores are equal."""
    found: list[int] = np.argsort(-scores, kind="stable").tolist()
    return found


def judged(chooser: Chooser, scenes: Iterable[Scene], k: int = 4) -> NDArray[np.float64]:
    """Whether the first and whether any of the first k candidates succeeds, shape (scenes, 2)."""
    rows = []
    for scene in scenes:
        ranked = scene.success[order(chooser.scores(scene))]
        rows.append((float(ranked[0]), float(ranked[:k].max())) if len(ranked) else (0.0, 0.0))
    return np.array(rows, np.float64).reshape(-1, 2)


def online(chooser: Chooser, scenes: Iterable[Scene]) -> Iterator[float]:
    """Rewards of showing the first choice of each scene and learning from that alone; 0 where there is no candidate."""
    for scene in scenes:
        if not len(scene.cases):
            yield 0.0
            continue
        shown = order(chooser.scores(scene))[0]
        reward = float(scene.success[shown])
        chooser.learn(scene, shown, reward)
        yield reward


def _concatenated(scene: Scene, index: int) -> Vectors:
    return np.concatenate([scene.vector, scene.vectors[index], scene.plan_vectors[index]]).astype(np.float32)


def _standardised(values: Floats) -> Floats:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros(len(values))
