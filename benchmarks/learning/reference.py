"""The data the reference implementation trains its value network on, and what can honestly be learned from it.

`training_data` has rows (query, case, plan, truth_label). Its label is constant within each query, so rows of one query
on both sides of a split give the answer away, and no row tells which case is the better one for a query.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learning.bootstrap import Interval, calibration_error
from benchmarks.learning.perceptron import logits_of, perceptron
from benchmarks.learning.report import Cell, Report, interval, number
from benchmarks.learning.tables import embedded, read
from numpy.typing import NDArray

from memento_memory.selection.episodic import History, episodic
from memento_memory.selection.lastlayer import LastLayer

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
Indices = NDArray[np.int64]

_FOLDS, _SEEDS = 5, 3
_DIRECTIONS = 24
_RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class Rows:
    """The training rows; arrays of shape (n,) or (n, d).

    Attributes:
        query: index of the row's query.
        query_vectors, case_vectors, plan_vectors: embeddings.
        case_good, truth: labels, 0 or 1.
    """

    query: Indices
    query_vectors: Vectors
    case_vectors: Vectors
    plan_vectors: Vectors
    case_good: Floats
    truth: Floats


def run(data: Path, out: Report) -> None:
    """The structure of the rows, the two splits, and what the memory's own labels allow."""
    raw = list(read(data / "memento/training_data.jsonl.gz"))
    memory = list(read(data / "memento/memory.jsonl.gz"))
    rows = rows_of(raw)
    out.section("The reference's own data", _INTRODUCTION)
    _structure(raw, memory, rows, out)
    _leak(rows, out)
    _difficulty(memory, out)


def rows_of(raw: Sequence[dict[str, Any]]) -> Rows:
    """Embed the rows; equal texts once."""
    queries = sorted({row["query"] for row in raw})
    place = {query: index for index, query in enumerate(queries)}
    return Rows(
        np.array([place[row["query"]] for row in raw], np.int64),
        _vectors([row["query"] for row in raw]),
        _vectors([row["case"] for row in raw]),
        _vectors([plan_text(row["plan"]) for row in raw]),
        np.array([row["case_label"] == "positive" for row in raw], np.float64),
        np.array([bool(row["truth_label"]) for row in raw], np.float64),
    )


def plan_text(plan: str) -> str:
    """The steps of a plan, one a line; the text itself where it is not the JSON it should be."""
    try:
        steps = json.loads(plan)["plan"]
        return "\n".join(str(step["description"]) for step in steps)
    except (json.JSONDecodeError, KeyError, TypeError):
        return plan


def _structure(raw: Sequence[dict[str, Any]], memory: Sequence[dict[str, Any]], rows: Rows, out: Report) -> None:
    labels: dict[int, set[float]] = defaultdict(set)
    for query, truth in zip(rows.query, rows.truth, strict=True):
        labels[int(query)].add(float(truth))
    table = Counter(zip(rows.case_good.tolist(), rows.truth.tolist(), strict=True))
    shares = [table[good, 1.0] / (table[good, 1.0] + table[good, 0.0]) for good in (1.0, 0.0)]
    out.table(
        "Structure",
        ["", "figure"],
        [
            ["rows", len(raw)],
            ["queries", len(labels)],
            ["queries whose label differs between their cases", sum(len(found) > 1 for found in labels.values())],
            ["label true where the case succeeded", shares[0]],
            ["label true where the case failed", shares[1]],
            ["cases in the memory, and those that succeeded", f"{len(memory)}, {_good(memory).mean():.3f}"],
            ["cases that are also queries", len({row["case"] for row in memory} & {row["query"] for row in raw})],
        ],
    )
    out.say(
        "No query has a case that led to success beside one that led to failure, and the label does not depend on"
        " whether the case itself succeeded. What the rows can teach is which queries are easy: b(s), not A(s, c)."
    )


def _leak(rows: Rows, out: Report) -> None:
    by_row = np.random.default_rng(0).integers(_FOLDS, size=len(rows.truth))
    table: list[list[str]] = []
    grouped: dict[str, tuple[float, float, float]] = {}
    for name, fit in _LEARNERS.items():
        cells = [name]
        for split in ("row", "query"):
            scores = _held_out(rows, fit, by_row if split == "row" else _query_folds(rows.query))
            found = auc_interval(scores, rows.truth, rows.query)
            cells.append(interval(found.mean, found.low, found.high, sign=False))
            if split == "query":
                grouped[name] = found.mean, log_loss(scores, rows.truth), calibration_error(_chance(scores), rows.truth)
        table.append([*cells, *map(number, grouped[name][1:])])
    base = log_loss(np.full(len(rows.truth), _logit(float(rows.truth.mean()))), rows.truth)
    table.append(["the base rate", "0.500", "0.500", number(base), "0.000"])
    out.table(
        "AUC, five folds, intervals over queries",
        ["learner", "rows split at random", "whole queries split", "log-loss, whole queries", "calibration error"],
        table,
    )
    out.say(
        "Split by rows, whatever can tell queries apart looks perfect, even where it sees nothing of the case; split by"
        " whole queries, little is left, and a network on concatenated embeddings says it so surely that its log-loss"
        " is worse than the base rate's. Within a query there is nothing to rank, so no learner, ours included, can be"
        " shown to choose better cases from these rows."
    )
    out.target("the reference's rows split at random: AUC of its form (the leak)", _first(table[0][1]), at_least=0.99)


def _difficulty(memory: Sequence[dict[str, Any]], out: Report) -> None:
    good, vectors = _good(memory), _vectors([row["case"] for row in memory])
    plans = _vectors([plan_text(row["plan"]) for row in memory])
    folds = np.random.default_rng(0).integers(_FOLDS, size=len(good))
    inputs = np.concatenate([vectors, plans], axis=1)
    scores = {"last layer on task and plan": np.zeros(len(good)), "last layer on the task": np.zeros(len(good))}
    scores["neighbours' outcomes (eq. 9)"] = np.zeros(len(good))
    for fold in range(_FOLDS):
        test = folds == fold
        scores["last layer on task and plan"][test] = _layer(inputs[~test], good[~test], inputs[test])
        scores["last layer on the task"][test] = _layer(vectors[~test], good[~test], vectors[test])
        near = vectors[test] @ vectors[~test].T
        scores["neighbours' outcomes (eq. 9)"][test] = [_neighbours(row, good[~test]) for row in near]
    rows: list[list[Cell]] = []
    for name, found in scores.items():
        area = auc_interval(found, good, np.arange(len(good)))
        chances = calibration_error(_chance(found), good)
        rows.append([name, interval(area.mean, area.low, area.high, sign=False), log_loss(found, good), chances])
    base = log_loss(np.full(len(good), _logit(float(good.mean()))), good)
    out.table(
        "Our honest figure: will a task of the memory succeed, tasks not seen before (five folds)",
        ["learner", "AUC", "log-loss", "calibration error"],
        [*rows, ["the base rate", "0.500", base, 0.0]],
    )


def auc(scores: Floats, labels: Floats) -> float:
    """The chance that a positive scores above a negative, ties counting half."""
    ranks = _ranks(scores)
    positive = labels > 0.5
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m)) if n and m else 0.5


def auc_interval(scores: Floats, labels: Floats, owner: Indices) -> Interval:
    """AUC and its 95 % interval, resampling whole owners (queries)."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(owner == one) for one in np.unique(owner)]
    found = []
    for _ in range(_RESAMPLES):
        chosen = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        found.append(auc(scores[chosen], labels[chosen]))
    low, high = np.percentile(found, [2.5, 97.5])
    return Interval(auc(scores, labels), float(low), float(high))


def log_loss(logits: Floats, labels: Floats) -> float:
    """Mean cross-entropy in nats."""
    return float((np.logaddexp(0, logits) - labels * logits).mean())


def _held_out(rows: Rows, fit: Any, folds: Indices) -> Floats:
    scores = np.zeros(len(rows.truth))
    for fold in range(_FOLDS):
        test = folds == fold
        scores[test] = fit(rows, ~test, test)
    return scores


def _query_folds(query: Indices) -> Indices:
    of_query = np.random.default_rng(1).integers(_FOLDS, size=int(query.max()) + 1)
    return np.asarray(of_query[query], np.int64)


def _concatenated(rows: Rows, train: Any, test: Any) -> Floats:
    inputs = np.concatenate([rows.query_vectors, rows.case_vectors, rows.plan_vectors], axis=1)
    net = perceptron(inputs[train], rows.truth[train], hidden=256, epochs=12, seed=0)
    return logits_of(net, inputs[test])


def _query_alone(rows: Rows, train: Any, test: Any) -> Floats:
    net = perceptron(rows.query_vectors[train], rows.truth[train], hidden=256, epochs=12, seed=0)
    return logits_of(net, rows.query_vectors[test])


def _case_alone(rows: Rows, train: Any, test: Any) -> Floats:
    inputs = np.concatenate([rows.case_vectors, rows.plan_vectors], axis=1)
    return logits_of(perceptron(inputs[train], rows.truth[train], hidden=256, epochs=12, seed=0), inputs[test])


def _ours(rows: Rows, train: Any, test: Any) -> Floats:
    """A Bayesian last layer on pair features: similarity, both ways, and how the embeddings differ."""
    return _fitted(_pairs(rows, train), rows.truth, train, test)


def _pairs(rows: Rows, train: Any) -> Floats:
    centre = rows.query_vectors[train].mean(0)
    directions = np.linalg.svd(rows.query_vectors[train] - centre, full_matrices=False)[2][:_DIRECTIONS].T
    query, case = ((vectors - centre) @ directions for vectors in (rows.query_vectors, rows.case_vectors))
    near = (rows.query_vectors * rows.case_vectors).sum(1)
    fits = (rows.query_vectors * rows.plan_vectors).sum(1)
    return np.column_stack([near, fits, rows.case_good, np.abs(query - case), query]).astype(np.float64)


def _layer(train: Vectors, labels: Floats, test: Vectors) -> Floats:
    """Held-out logits of the last layer on the main directions of some embeddings."""
    centre = train.mean(0)
    directions = np.linalg.svd(train - centre, full_matrices=False)[2][:_DIRECTIONS].T
    both = np.concatenate([(train - centre) @ directions, (test - centre) @ directions]).astype(np.float64)
    known = np.arange(len(both)) < len(train)
    return _fitted(both, np.concatenate([labels, np.zeros(len(test))]), known, ~known)


def _fitted(inputs: Floats, labels: Floats, train: Any, test: Any) -> Floats:
    scaled = (inputs - inputs[train].mean(0)) / (inputs[train].std(0) + 1e-6)
    design = np.column_stack([np.ones(len(scaled)), scaled])
    sd = np.concatenate([[3.0], np.full(scaled.shape[1], 0.15)])
    layer = LastLayer.fresh(np.zeros(len(sd)), sd**2).fitted(design[train], labels[train], np.ones(int(train.sum())))
    return layer.logits(design[test])[0]


def _neighbours(near: Floats, labels: Floats) -> float:
    none = np.zeros(len(near), np.int64)
    history = History(none, near.astype(np.float64), labels, np.ones(len(near)))
    found = episodic(history, np.full(1, 2 * labels.mean()), np.full(1, 2 * (1 - labels.mean())))
    return _logit(float(found.mean[0]))


_LEARNERS = {
    "network on concatenated embeddings (the reference's form)": _concatenated,
    "the same network, the query alone": _query_alone,
    "the same network, case and plan alone": _case_alone,
    "ours: last layer on similarities and differences": _ours,
}

_INTRODUCTION = (
    "`memento/training_data` is what the reference implementation trains its value network on: 7,000 rows of a query,"
    " a case shown for it, and whether the query then succeeded."
)


def _vectors(texts: Iterable[str]) -> Vectors:
    rows = list(texts)
    distinct = sorted(set(rows))
    place = {text: index for index, text in enumerate(distinct)}
    return embedded(distinct)[[place[text] for text in rows]]


def _good(memory: Sequence[dict[str, Any]]) -> Floats:
    return np.array([row["case_label"] == "positive" for row in memory], np.float64)


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, the mean rank where values are equal."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse], np.float64)


def _chance(logits: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(0.5 * logits))


def _logit(chance: float) -> float:
    return float(np.log(chance / (1 - chance)))


def _first(cell: str) -> float:
    return float(cell.split()[0])
