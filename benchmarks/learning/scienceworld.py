"""ScienceWorld: plans reused on variations of their task that were never tried, and on kinds of task never tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learning import bootstrap
from benchmarks.learning.data import Bank, Table, embedded, read
from benchmarks.learning.report import Report
from benchmarks.learning.scienceworld_pairs import default_out
from numpy.typing import NDArray

from memento_memory.case import Case, Evidence, Outcome, Result, Task
from memento_memory.plan import Plan, Subtask
from memento_memory.selection.credit import case_rows
from memento_memory.selection.features import PAIR, TASK, pair_features, task_features
from memento_memory.selection.value import fresh_layer

Floats = NDArray[np.float64]
Ranking = Callable[["Query"], Floats]

FOLDS = 5
TOP = 10
_FULL = 100.0


@dataclass(frozen=True, slots=True)
class Query:
    """A task, its n nearest candidates (nearest first) and what became of each.

    Attributes:
        kinds: of the candidates, n of them.
        cosine, hybrid, expected: what the rankings without outcomes go by, shape (n,).
        rows: features of task and pair, shape (n, d).
        score: in [0, 1], shape (n,).
    """

    kind: str
    fold: int
    kinds: tuple[str, ...]
    cosine: Floats
    hybrid: Floats
    expected: Floats
    rows: Floats
    score: Floats

    @property
    def success(self) -> Floats:
        """1 where the whole score was reached."""
        return (self.score >= 1).astype(np.float64)


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


