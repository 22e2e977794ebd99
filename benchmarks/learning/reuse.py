"""Choosing among candidates whose outcomes are all known: tasks, or whole environments, that were not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from benchmarks.learning.baselines import Scene, baselines, judged, scene_of, taught
from benchmarks.learning.bootstrap import by_group, calibration_error, over_groups, over_tasks
from benchmarks.learning.data import Bank, Pool, pools
from benchmarks.learning.past import Past
from benchmarks.learning.report import Report, interval
from benchmarks.learning.tables import Table, intercode
from numpy.typing import NDArray

from memento_memory.selection.credit import case_rows
from memento_memory.selection.features import TASK, pair_features, task_features
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.sight import Sight
from memento_memory.selection.value import fresh_layer, sigmoid

Floats = NDArray[np.float64]
Strings = NDArray[np.str_]

FEW = (5, 10, 25, 50, 100)
SEEDS = 6
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Choices:
    """All tasks of a table with their candidates, as the value model sees them.

    Attributes:
        rows: for every task, the design rows of its candidates while no case was ever tried, shape (n, d).
        group: environment of every task.
        nearest: reward and any-of-four of the strongest free baseline, shape (tasks, 2).
        kept: rows by task and history, which is the same in most folds.
    """

    table: Table
    pools: list[Pool]
    sights: list[Sight]
    scenes: list[Scene]
    rows: list[Floats]
    group: Strings
    nearest: Floats
    kept: dict[tuple[int, bytes], Floats] = field(default_factory=dict)

    def known(self, i: int, past: Past) -> Floats:
        """The design rows of the candidates of a task, with what became of them on other tasks, shape (n, d)."""
        history = past.of(self.pools[i].task, self.pools[i].cases)
        if not len(history.owner):
            return self.rows[i]
        key = i, b"".join([history.owner.tobytes(), history.similarity.tobytes(), history.value.tobytes()])
        if key not in self.kept:
            sight = replace(self.sights[i], history=history)
            self.kept[key] = case_rows(task_features(sight), pair_features(sight))
        return self.kept[key]

    def scores(
        self, layer: LastLayer, which: Sequence[int] | NDArray[np.int64], past: Past | None = None
    ) -> list[Floats]:
        """Logits of success of the candidates of these tasks; without a past no case was ever tried."""
        return [(self.rows[i] if past is None else self.known(i, past)) @ layer.mean for i in which]

    def earned(self, scores: Sequence[Floats], which: Sequence[int] | NDArray[np.int64]) -> Floats:
        """Whether the first, and whether any of the first four, succeeds; shape (n, 2)."""
        found = []
        for i, score in zip(which, scores, strict=True):
            ranked = self.pools[i].success[np.argsort(-score, kind="stable")]
            found.append((ranked[0], ranked[:4].max()))
        return np.array(found, np.float64)


def choices(table: Table) -> Choices:
    """The top ten of every task; the bank has every success but the task's own."""
    bank = Bank(table, (int(case) for case in table.successes))
    found = pools(table)
    sights = [bank.sight(pool.task, pool.cases) for pool in found]
    scenes = [scene_of(bank, pool, sight) for pool, sight in zip(found, sights, strict=True)]
    rows = [case_rows(task_features(sight), pair_features(sight)) for sight in sights]
    nearest = np.array([(pool.success[0], pool.success[:4].max()) for pool in found], np.float64)
    return Choices(table, found, sights, scenes, rows, np.array([table.group[pool.task] for pool in found]), nearest)


def learned(
    at: Choices, train: NDArray[np.int64], shown: Sequence[Sequence[int]] | None = None
) -> tuple[LastLayer, Past]:
    """The last layer after the outcomes of some tasks, and these outcomes: of all candidates, or of those shown."""
    past, kept = Past(at.table), []
    for place, i in enumerate(train):
        found = at.pools[i]
        kept.append(np.arange(len(found.cases)) if shown is None else np.array(shown[place], np.int64))
        past.note(found.task, found.cases[kept[-1]], found.success[kept[-1]])
    rows = np.concatenate([at.known(i, past)[which] for i, which in zip(train, kept, strict=True)])
    targets = np.concatenate([at.pools[i].success[which] for i, which in zip(train, kept, strict=True)])
    return fresh_layer().fitted(rows, targets, np.ones(len(targets))), past


def folded(at: Choices, fold: Strings, shown: Sequence[Sequence[int]] | None = None) -> tuple[Floats, list[Floats]]:
    """What is earned, shape (tasks, 2), and the logits, each fold being scored by what the others taught."""
    earned, logits = np.zeros((len(fold), 2)), [np.zeros(0)] * len(fold)
    for name in np.unique(fold):
        test, train = np.flatnonzero(fold == name), np.flatnonzero(fold != name)
        layer, past = learned(at, train, None if shown is None else [shown[int(i)] for i in train])
        scores = at.scores(layer, test, past)
        earned[test] = at.earned(scores, test)
        for i, score in zip(test, scores, strict=True):
            logits[i] = score
    return earned, logits


def drawn(at: Choices, seed: int, *, how: str = "softmax") -> list[list[int]]:
    """One candidate of every task: at random, the nearest, or drawn by a softmax of similarity."""
    rng = np.random.default_rng(seed)
    found = []
    for sight in at.sights:
        n = len(sight.cases)
        weight = np.exp((sight.similarity - sight.similarity.max()) / 0.05) if how == "softmax" else np.ones(n)
        pick = int(np.argmax(sight.similarity)) if how == "nearest" else int(rng.choice(n, p=weight / weight.sum()))
        found.append([pick])
    return found


def run(data: Path, out: Report) -> None:
    """Measure intercode-sql's reuse table."""
    table = intercode(data)
    at = choices(table)
    out.section(
        "Reuse of SQL plans",
        f"{len(at.pools)} tasks of {len(set(at.group))} databases. Candidates: the ten successes of other tasks of the"
        " database that are nearest by cosine. Every plan was adapted by a fixed rule and executed. A fold is a"
        " database: what is learned comes from the other databases alone.",
    )
    earned, logits = folded(at, at.group)
    _beside(at, earned, out)
    _targets(at, earned, logits, out)
    _robust(at, out)
    _few(at, out)


def expected_alone(at: Choices) -> Floats:
    """What the expected plan earns with no outcome at all."""
    from memento_memory.selection.features import PAIR

    column = len(TASK) + [feature.name for feature in PAIR].index("expected")
    return at.earned([rows[:, column] for rows in at.rows], range(len(at.rows)))


def _beside(at: Choices, earned: Floats, out: Report) -> None:
    rows = []
    for kind in range(len(baselines())):
        found = np.zeros((len(at.pools), 2))
        for name in np.unique(at.group):
            test, train = np.flatnonzero(at.group == name), np.flatnonzero(at.group != name)
            chooser = taught(baselines()[kind], [at.scenes[i] for i in train])
            found[test] = judged(chooser, [at.scenes[i] for i in test])
        rows.append(_row(chooser.name, found, at))
    prior = at.earned(at.scores(fresh_layer(), range(len(at.rows))), range(len(at.rows)))
    rows += [
        _row("learned Q, no outcome yet", prior, at),
        _row("expected plan alone, no outcome", expected_alone(at), at),
        _row("learned Q, other databases' outcomes", earned, at),
    ]
    columns = ("", "first succeeds", "any of 4", "over cosine [tasks]", "[databases]", "worst database")
    out.table("Ranking of the ten candidates, leaving out one database at a time", columns, rows)


def _row(name: str, earned: Floats, at: Choices) -> list[str | float]:
    gain = earned[:, 0] - at.nearest[:, 0]
    tasks, groups = over_tasks(gain), over_groups(gain, list(at.group))
    worst = min(by_group(gain, list(at.group)).values())
    first, four = (float(value) for value in earned.mean(0))
    return [name, first, four, str(tasks), interval(groups.mean, groups.low, groups.high), worst]


def _targets(at: Choices, earned: Floats, logits: list[Floats], out: Report) -> None:
    gain = over_tasks(earned[:, 0] - at.nearest[:, 0])
    four = over_tasks(earned[:, 1] - at.nearest[:, 1])
    chances = sigmoid(np.concatenate(logits))
    error = calibration_error(chances, np.concatenate([pool.success for pool in at.pools]))
    worst = min(by_group(earned[:, 0] - at.nearest[:, 0], list(at.group)).values())
    name = "intercode, database left out"
    out.target(f"{name}: first case over cosine", gain.mean, at_least=0.06, within=(gain.low, gain.high), above=0.0)
    out.target(f"{name}: any of 4 over cosine", four.mean, at_least=0.0, within=(four.low, four.high))
    out.target(f"{name}: worst database", worst, at_least=-0.01)
    out.target(f"{name}: calibration error", error, at_most=0.05)
    every = range(len(at.rows))
    cold = at.earned(at.scores(fresh_layer(), every), every)[:, 0]
    hybrid = at.earned([sight.similarity for sight in at.sights], every)[:, 0]
    out.target("intercode: cold start against hybrid similarity", float(np.abs(cold - hybrid).max()), at_most=0.0)
    for how in ("random", "nearest", "softmax"):
        runs = np.mean([folded(at, at.group, drawn(at, s, how=how))[0][:, 0] for s in range(SEEDS)], axis=0)
        found = over_tasks(runs - at.nearest[:, 0])
        what = f"{name}: one rewarded pair a task, shown {how}"
        out.target(what, found.mean, at_least=0.03, within=(found.low, found.high), above=0.0)


def _robust(at: Choices, out: Report) -> None:
    """Folds over tasks, one database teaching eleven, and half of the databases teaching the other half."""
    rows: list[list[str | float]] = []
    rng = np.random.default_rng(0)
    tasks = rng.permutation(np.arange(len(at.pools)) % _FOLDS).astype(np.str_)
    rows.append(["five folds over tasks", str(over_tasks(folded(at, tasks)[0][:, 0] - at.nearest[:, 0])), ""])
    names = np.unique(at.group)
    parts = [np.array([name]) for name in names]
    rows.append(_taught_by("one database teaches the others", parts, at))
    halves = [np.random.default_rng(seed).permutation(names)[: len(names) // 2] for seed in range(2 * SEEDS)]
    rows.append(_taught_by("half of the databases teaches the other half", halves, at))
    out.table("Other ways to split", ("", "first case over cosine", "worst split"), rows)


def _taught_by(name: str, teachers: Sequence[Strings], at: Choices) -> list[str | float]:
    gains = []
    for groups in teachers:
        inside = np.isin(at.group, groups)
        test = np.flatnonzero(~inside)
        layer, past = learned(at, np.flatnonzero(inside))
        scores = at.scores(layer, test, past)
        gains.append(float((at.earned(scores, test)[:, 0] - at.nearest[test, 0]).mean()))
    return [name, f"{np.mean(gains):+.3f}", min(gains)]


def _few(at: Choices, out: Report) -> None:
    """Few outcomes: one a task, of cases shown by similarity, from other databases or from the database itself."""
    rows = []
    for count in FEW:
        row: list[str | float | int] = [count]
        for own in (False, True):
            runs = np.array([_after(at, count, seed, own=own) for seed in range(SEEDS)])
            gain = over_tasks(np.nanmean(runs[:, ~np.isnan(runs).all(0)], axis=0))
            row += [str(gain), float(np.nanmean(runs, axis=1).min())]
            where = "of the new database" if own else "of other databases"
            out.target(
                f"intercode, {count} outcomes {where}: upper end of the gain",
                gain.high,
                at_least=0.0,
            )
            if own and count == 50:
                what = "intercode, 50 outcomes of a new database"
                out.target(what, gain.mean, within=(gain.low, gain.high), above=0.0)
        rows.append([str(row[0]), *row[1:]])
    columns = ("outcomes", "from other databases", "worst seed", "from the database alone", "worst seed")
    out.table("First case over cosine after few outcomes", columns, rows)


def _after(at: Choices, count: int, seed: int, *, own: bool) -> Floats:
    """Gain of every task after `count` outcomes; nan where the database has no task left or too few outcomes."""
    shown, rng = drawn(at, seed), np.random.default_rng(1_000 + seed)
    gain = np.full(len(at.pools), np.nan)
    for name in np.unique(at.group):
        inside = at.group == name
        pool = rng.permutation(np.flatnonzero(inside if own else ~inside))
        train, test = pool[:count], np.setdiff1d(np.flatnonzero(inside), pool[:count] if own else [])
        if len(train) < count or not len(test):
            continue
        layer, past = learned(at, train, [shown[int(i)] for i in train])
        gain[test] = at.earned(at.scores(layer, test, past), test)[:, 0] - at.nearest[test, 0]
    return gain
