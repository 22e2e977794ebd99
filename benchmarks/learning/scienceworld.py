"""ScienceWorld: plans reused on variations of their task that were never tried, and on kinds of task never tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learning import bootstrap
from benchmarks.learning.data import Bank
from benchmarks.learning.past import Past
from benchmarks.learning.report import Report
from benchmarks.learning.scienceworld_pairs import default_out
from benchmarks.learning.tables import Table, embedded, read
from numpy.typing import NDArray

from memento_memory.case import Case, Evidence, Outcome, Result, Task
from memento_memory.plan import Plan, Subtask
from memento_memory.selection.credit import case_rows
from memento_memory.selection.features import pair_features, task_features
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.sight import Sight
from memento_memory.selection.value import fresh_layer, sigmoid

Floats = NDArray[np.float64]

FOLDS = 5
TOP = 10
_FULL = 100.0
_FEWEST = 3  # candidates of other kinds that a task must have to count where its own kind is not in the bank


@dataclass(frozen=True, slots=True)
class Query:
    """A task, its n nearest candidates (nearest first) and what became of each.

    Attributes:
        task: its index in the table.
        kind: of the task.
        fold: of the five over each kind's variations.
        cases: indices of the candidates, shape (n,).
        kinds: of the candidates, shape (n,).
        sight: what the product knows, without outcomes of other tasks.
        score: in [0, 1], shape (n,).
    """

    task: int
    kind: str
    fold: int
    cases: NDArray[np.int64]
    kinds: NDArray[np.str_]
    sight: Sight
    score: Floats

    @property
    def success(self) -> Floats:
        """1 where the whole score was reached."""
        return (self.score >= 1).astype(np.float64)

    @property
    def expected(self) -> Floats:
        """How near each plan is to the one that the bank leads to expect."""
        wanted = self.sight.expected
        if wanted is None:
            return np.zeros(len(self.cases))
        return np.asarray(self.sight.plan_vectors @ wanted.plan, np.float64)


@dataclass(frozen=True, slots=True)
class Picks:
    """What the first candidate of each query earned, for several ways of choosing it; arrays of shape (queries,)."""

    success: Floats
    score: Floats


def run(data: Path, out: Report) -> None:
    """Measure reuse on unseen variations, on unseen kinds, and on kinds that the bank does not hold."""
    pairs = default_out()
    table, scores = table_of(data, pairs)
    found = queries(table, scores, Bank(table, range(len(table.cases))))
    out.section("Reuse in ScienceWorld")
    made = "with" if pairs.exists() else "without"
    out.say(
        f"{len(found)} tasks of {len({q.kind for q in found})} kinds, {sum(len(q.cases) for q in found):,} outcomes of"
        f" their {TOP} nearest cases by cosine, {made} those of"
        " benchmarks/learning/scienceworld_pairs.py. A case is another task's gold plan, rewritten by a fixed rule and"
        " carried out. Success is the whole score; learning is from success."
    )
    plain = {
        "cosine": picks(found, lambda query: query.sight.cosine),
        "hybrid": picks(found, lambda query: query.sight.similarity),
        "expected plan alone, no outcomes": picks(found, lambda query: query.expected),
    }
    best = Picks(*(np.array([getattr(q, name).max() for q in found]) for name in ("success", "score")))
    said = {group: learned(table, found, group) for group in ("fold", "kind")}
    variations, kinds = (_first(found, said[group]) for group in ("fold", "kind"))
    rows = {
        **plain,
        "learned Q, variations unseen": variations,
        "the same, one outcome a task": _first(found, learned(table, found, "fold", one_each=True)),
        "learned Q, kinds unseen": kinds,
        "oracle": best,
    }
    compare(out, "First candidate", plain["cosine"], rows)
    _strangers(out, table, scores, found)
    gain = bootstrap.over_tasks(variations.success - plain["cosine"].success)
    out.target("unseen variations", gain.mean, at_least=0.04, within=(gain.low, gain.high), above=0)
    gain = bootstrap.over_tasks(kinds.success - plain["cosine"].success)
    out.target("unseen kinds", gain.mean, at_least=-0.01, within=(gain.low, gain.high))
    won = np.concatenate([query.success for query in found])
    for group, name in (("fold", "variations"), ("kind", "kinds")):
        error = bootstrap.calibration_error(sigmoid(np.concatenate(said[group])), won)
        out.target(f"unseen {name}: calibration error", error, at_most=0.05)


def _strangers(out: Report, table: Table, scores: dict[tuple[int, int], float], everything: Sequence[Query]) -> None:
    """Kinds that the bank has no case of: candidates, outcomes and expected plans come from other kinds."""
    owners = np.array([table.group[owner] for owner in table.owner])
    whole = Bank(table, range(len(table.cases)))
    found, said = [], []
    for kind in sorted({query.kind for query in everything}):
        others = np.flatnonzero(owners != kind)
        bank = Bank(table, others.tolist(), dense_weight=whole.dense_weight)
        asked = queries(table, scores, bank, fewest=_FEWEST, kind=kind)
        if not asked:
            continue
        known = [q for q in everything if q.kind != kind]
        layer, past = taught(table, known, not_of=kind)
        found += asked
        said += [layer.logits(features(query, past))[0] for query in asked]
    rows = {
        "cosine": picks(found, lambda query: query.sight.cosine),
        "learned Q": _first(found, said),
        "oracle": Picks(*(np.array([getattr(q, name).max() for q in found]) for name in ("success", "score"))),
    }
    compare(out, f"Kinds that the bank has no case of ({len(found)} tasks)", rows["cosine"], rows)


def compare(out: Report, title: str, base: Picks, rows: dict[str, Picks]) -> None:
    """A table of means and of gains over the base."""
    lines: list[list[str | float]] = []
    for name, got in rows.items():
        better = [bootstrap.over_tasks(a - b) for a, b in ((got.success, base.success), (got.score, base.score))]
        apart = ["", ""] if got is base else [str(interval) for interval in better]
        lines.append([name, float(got.success.mean()), apart[0], float(got.score.mean()), apart[1]])
    out.table(title, ["chosen by", "success", "gain over cosine", "mean score", "gain over cosine"], lines)


def queries(
    table: Table, scores: dict[tuple[int, int], float], bank: Bank, *, fewest: int = TOP, kind: str | None = None
) -> list[Query]:
    """The tasks, of one kind or of all, with enough candidates in the bank, and their nearest."""
    owners = np.array([table.group[owner] for owner in table.owner])
    seen: dict[str, int] = defaultdict(int)
    found = []
    for task in table.queries:
        cases = np.array([case for case in table.rows[task][0] if int(case) in bank.held], np.int64)
        here = table.group[task]
        if len(cases) < fewest or kind not in (None, here):
            continue
        cases = cases[np.argsort(-table.cosines(task, cases), kind="stable")[:TOP]]
        score = np.array([scores[task, int(case)] for case in cases])
        found.append(Query(task, here, seen[here] % FOLDS, cases, owners[cases], bank.sight(task, cases), score))
        seen[here] += 1
    return found


def learned(table: Table, found: Sequence[Query], group: str, *, one_each: bool = False) -> list[Floats]:
    """Logits of the candidates of each query where all queries of its fold, or of its kind, are left out.

    With a kind, its cases' outcomes on tasks of other kinds are left out too.
    """
    said: dict[int, Floats] = {}
    for name in sorted({getattr(query, group) for query in found}):
        known = [query for query in found if getattr(query, group) != name]
        layer, past = taught(table, known, not_of=name if group == "kind" else None, one_each=one_each)
        for query in found:
            if getattr(query, group) == name:
                said[query.task] = layer.logits(features(query, past))[0]
    return [said[query.task] for query in found]


def taught(
    table: Table, known: Sequence[Query], *, not_of: str | None = None, one_each: bool = False
) -> tuple[LastLayer, Past]:
    """The layer fitted to the outcomes of some queries, and these outcomes as the past of their cases.

    Args:
        not_of: a kind whose cases count as never tried.
        one_each: only the nearest candidate of each query was tried.
    """
    past = Past(table)
    tried = [np.flatnonzero(query.kinds != not_of)[: 1 if one_each else None] for query in known]
    for query, use in zip(known, tried, strict=True):
        past.note(query.task, query.cases[use], query.success[use])
    rows = np.concatenate([features(query, past)[use] for query, use in zip(known, tried, strict=True)])
    target = np.concatenate([query.success[use] for query, use in zip(known, tried, strict=True)])
    return fresh_layer().fitted(rows, target, np.ones(len(target))), past


def features(query: Query, past: Past) -> Floats:
    """Rows of the last layer, shape (n, d), with what became of the candidates on other tasks."""
    sight = replace(query.sight, history=past.of(query.task, query.cases))
    return case_rows(task_features(sight), pair_features(sight))


def picks(found: Sequence[Query], ranking: Callable[[Query], Floats]) -> Picks:
    """What the first of a ranking earns."""
    return _first(found, [ranking(query) for query in found])


def _first(found: Sequence[Query], scores: Sequence[Floats]) -> Picks:
    pairs = [(query, int(np.argmax(score))) for query, score in zip(found, scores, strict=True)]
    return Picks(np.array([q.success[i] for q, i in pairs]), np.array([q.score[i] for q, i in pairs]))


def table_of(data: Path, pairs: Path | None) -> tuple[Table, dict[tuple[int, int], float]]:
    """The tasks, their gold plans as cases, and the score in [0, 1] of every (task, case) that was tried.

    Args:
        pairs: outcomes made with the simulator, beside those of the data folder.

    Raises:
        MissingDataError: if the data folder has none of it.
    """
    folder = data / "scienceworld"
    gold = list(read(folder / "gold.jsonl.gz"))
    files = [folder / "reuse.jsonl.gz", *([pairs] if pairs and pairs.exists() else [])]
    tried = list(chain.from_iterable(read(file) for file in files))
    described = {(row["task"], row["var"]): row["desc"] for row in gold}
    described |= {_key(row["q"]): row["desc"] for row in tried if "desc" in row}
    keys = list(described)
    place = {key: index for index, key in enumerate(keys)}
    number = {(row["task"], row["var"]): index for index, row in enumerate(gold)}
    tasks = tuple(Task(text) for text in described.values())
    cases = tuple(_case(index, tasks[place[key]], gold[index]["gold"]) for key, index in number.items())
    scores: dict[tuple[int, int], float] = {}
    rows: dict[int, list[int]] = defaultdict(list)
    for row in tried:
        task, case = _key(row["q"]), _key(row["c"])
        pair = place[task], number[case]
        if task != case and pair not in scores:
            scores[pair] = row["score"] / _FULL
            rows[pair[0]].append(pair[1])
    table = Table(
        "scienceworld",
        tasks,
        tuple(kind for kind, _ in keys),
        cases,
        np.array([place[key] for key in number], np.int64),
        np.ones(len(cases)),
        {task: (np.array(found, np.int64), np.zeros(len(found))) for task, found in sorted(rows.items())},
        embedded([task.state for task in tasks]),
        embedded([case.plan.text() for case in cases]),
    )
    return table, scores


def _case(index: int, task: Task, steps: Sequence[str]) -> Case:
    plan = Plan(tuple(Subtask(number, step) for number, step in enumerate(steps, start=1)))
    result = Result.graded(Outcome.SUCCESS, 1.0, Evidence.TEST_PASSED)
    return Case(f"case{index}", "default", task, plan, result, successes=1)


def _key(pair: Sequence[Any]) -> tuple[str, int]:
    return str(pair[0]), int(pair[1])
