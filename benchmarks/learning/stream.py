"""Online, from an empty bank: each task is asked once, its nearest cases are there, and only what was shown teaches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.learning.baselines import Chooser, Scene, baselines, order, scene_of
from benchmarks.learning.bootstrap import of_runs
from benchmarks.learning.data import Bank, history_of, pool
from benchmarks.learning.report import Report
from benchmarks.learning.tables import Table, intercode
from numpy.typing import NDArray

from memento_memory.selection.credit import case_rows
from memento_memory.selection.features import PAIR, TASK, pair_features, task_features
from memento_memory.selection.sight import Sight
from memento_memory.selection.value import fresh_layer

Floats = NDArray[np.float64]

ORDERS = 10
PARTS = 6
_NAMES = [feature.name for feature in PAIR]


class Learned:
    """The product's value model: shows the largest advantage, and learns one outcome after the other."""

    name = "learned Q"

    def __init__(self) -> None:
        self.layer = fresh_layer()

    def choose(self, task: Floats, pair: Floats) -> int:
        """Which candidate to show."""
        return int(np.argmax(pair @ self.layer.mean[len(TASK) :]))

    def learn(self, task: Floats, shown: Floats, reward: float) -> None:
        """What came of it."""
        self.layer, _ = self.layer.updated(case_rows(task, shown[None])[0], reward)


def run(data: Path, out: Report) -> None:
    """Measure the stream of intercode-sql's tasks."""
    table = intercode(data)
    runs: dict[str, list[Floats]] = {}
    for seed in range(ORDERS):
        for name, rewards in streamed(table, seed).items():
            runs.setdefault(name, []).append(rewards)
    earned = {name: np.array(found) for name, found in runs.items()}
    nearest = earned["cosine"]
    out.section(
        "Online, from an empty bank",
        f"{nearest.shape[1]} tasks in {ORDERS} random orders. A task's successes enter the bank after it was asked."
        " Candidates: the ten nearest of them. Intervals are over the orders.",
    )
    rows = [_row(name, found, nearest) for name, found in earned.items()]
    columns = ("", "first third", "last third", "last third over cosine", *(f"{i + 1}/{PARTS}" for i in range(PARTS)))
    out.table("Success of the first case, and its gain over the nearest success in each sixth", columns, rows)
    _targets(earned["learned Q"] - nearest, out)


def streamed(table: Table, seed: int) -> dict[str, Floats]:
    """Rewards of every way of choosing along one order of the tasks; 0 where there is no candidate."""
    tasks = np.random.default_rng(seed).permutation(table.queries)
    bank, model, others = Bank(table), Learned(), baselines(seed)
    shown: list[tuple[int, int, float]] = []
    rewards: dict[str, list[float]] = {}

    def note(name: str, reward: float) -> None:
        rewards.setdefault(name, []).append(reward)

    for task in map(int, tasks):
        found = pool(table, task, among=bank.held)
        if len(found.cases):
            sight = bank.sight(task, found.cases, history=history_of(table, task, found.cases, shown))
            scene = scene_of(bank, found, sight)
            for name, reward in _others(others, scene):
                note(name, reward)
            psi, phi = task_features(sight), pair_features(sight)
            note("expected plan alone", float(found.success[_expected(phi, sight)]))
            best = model.choose(psi, phi)
            reward = float(found.success[best])
            note(model.name, reward)
            model.learn(psi, phi[best], reward)
            shown.append((task, int(found.cases[best]), reward))
        else:
            for name in (*(other.name for other in others), "expected plan alone", model.name):
                note(name, 0.0)
        bank.add(*(int(case) for case in table.successes if table.owner[case] == task))
    return {name: np.array(found) for name, found in rewards.items()}


def _others(choosers: list[Chooser], scene: Scene) -> Iterator[tuple[str, float]]:
    for chooser in choosers:
        first = order(chooser.scores(scene))[0]
        reward = float(scene.success[first])
        chooser.learn(scene, first, reward)
        yield chooser.name, reward


def _expected(pair: Floats, sight: Sight) -> int:
    return int(np.argmax(pair[:, _NAMES.index("expected")] + 1e-6 * sight.similarity))


def _row(name: str, earned: Floats, nearest: Floats) -> list[str | float]:
    third = nearest.shape[1] // 3
    gain = of_runs((earned - nearest)[:, -third:].mean(1))
    sixths = [f"{part.mean():+.3f}" for part in np.array_split(earned - nearest, PARTS, axis=1)]
    return [name, float(earned[:, :third].mean()), float(earned[:, -third:].mean()), str(gain), *sixths]


def _targets(gain: Floats, out: Report) -> None:
    last = of_runs(gain[:, -(gain.shape[1] // 3) :].mean(1))
    sixths = [of_runs(part.mean(1)) for part in np.array_split(gain, PARTS, axis=1)]
    out.target(
        "stream: last third over nearest success", last.mean, at_least=0.07, within=(last.low, last.high), above=0.0
    )
    worst = min(sixths, key=lambda part: part.high)
    out.target("stream: upper end of the gain in the worst sixth", worst.high, at_least=0.0)
