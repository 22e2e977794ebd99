"""Reuse tables: tasks, cases, and what became of each pair, read from a folder of data."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learning.report import MissingDataError
from numpy.typing import NDArray
from platformdirs import user_cache_path

from memento_memory.case import Case, Evidence, Outcome, Result, Task
from memento_memory.embedding import DEFAULT_MODEL, find_prepared, load
from memento_memory.plan import Plan, Subtask

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Table:
    """Tasks, cases and the outcome of every pair that was tried.

    Attributes:
        name: of the data set.
        tasks: T tasks; `group` names the environment of each (a database, a kind of task).
        cases: C cases; `owner` is the index of a case's task, shape (C,), and `reward` what it earned there.
        rows: for a task's index, the indices of the cases tried on it and whether they succeeded (0 or 1).
        vectors, plan_vectors: unit embeddings of the tasks' states and the cases' plans, (T, d) and (C, d).
    """

    name: str
    tasks: tuple[Task, ...]
    group: tuple[str, ...]
    cases: tuple[Case, ...]
    owner: Indices
    reward: Floats
    rows: dict[int, tuple[Indices, Floats]]
    vectors: Vectors
    plan_vectors: Vectors

    @property
    def queries(self) -> list[int]:
        """Indices of the tasks on which cases were tried, in order."""
        return sorted(self.rows)

    @property
    def successes(self) -> Indices:
        """Indices of the cases that earned 1."""
        return np.flatnonzero(self.reward >= 1)

    def cosines(self, task: int, cases: Indices) -> Floats:
        """Of the tasks' embeddings, shape (n,)."""
        return np.asarray(self.vectors[self.owner[cases]] @ self.vectors[task], np.float64)


def intercode(data: Path) -> Table:
    """The SQL tasks: a database each, and cases adapted and run within the database.

    Raises:
        MissingDataError: if they are not in the folder.
    """
    folder = data / "intercode-sql"
    tasks = {row["id"]: row for row in read(folder / "tasks.jsonl.gz")}
    plans = list(read(folder / "cases.jsonl.gz"))
    place = {task: index for index, task in enumerate(sorted(tasks))}
    found: dict[int, list[tuple[int, float]]] = defaultdict(list)
    number = {row["case"]: index for index, row in enumerate(plans)}
    for row in read(folder / "reuse.jsonl.gz"):
        found[place[row["query"]]].append((number[row["case"]], float(row["success"])))
    stated = [Task(tasks[key]["query"], f"{tasks[key]['db']} database") for key in place]
    return _table(
        "intercode-sql",
        stated,
        [tasks[key]["db"] for key in place],
        [(place[row["task"]], [row["sql"]], float(row["reward"])) for row in plans],
        found,
    )


def scienceworld(data: Path, *, pairs: Path | None = None) -> Table:
    """The ScienceWorld tasks: a kind each, and gold plans of one variation carried out on another.

    Args:
        pairs: a file of more pairs, of the same form as the shipped `reuse`.

    Raises:
        MissingDataError: if they are not in the folder.
    """
    folder = data / "scienceworld"
    gold = {(row["task"], row["var"]): row for row in read(folder / "gold.jsonl.gz")}
    place = {key: index for index, key in enumerate(sorted(gold))}
    found: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for file in [folder / "reuse.jsonl.gz", *([pairs] if pairs else [])]:
        for row in read(file):
            query, case = tuple(row["q"]), tuple(row["c"])
            if query in place and case in place and query != case:
                found[place[query]].append((place[case], float(row["score"] >= 100)))
    return _table(
        "scienceworld",
        [Task(gold[key]["desc"]) for key in place],
        [key[0] for key in place],
        [(place[key], list(gold[key]["gold"]), 1.0) for key in place],
        found,
    )


def read(path: Path) -> Iterable[dict[str, Any]]:
    """The rows of a gzip'd file of JSON lines.

    Raises:
        MissingDataError: if there is none.
    """
    if not path.exists():
        raise MissingDataError(f"{path} is not there; give the folder of the data sets with --data DIR")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def embedded(texts: Sequence[str]) -> Vectors:
    """Unit vectors of the product's embedder, kept in the cache directory, shape (n, d)."""
    prepared = find_prepared(DEFAULT_MODEL)
    if prepared is None:
        raise MissingDataError("the embedding model is not prepared; run `memento doctor` once")
    digest = hashlib.blake2b(json.dumps([prepared.name, *texts]).encode(), digest_size=12).hexdigest()
    home = Path(os.environ.get("MEMENTO_BENCH_CACHE") or user_cache_path("memento-bench", appauthor=False))
    path = home / "learning" / f"{digest}.npy"
    if path.exists():
        return np.asarray(np.load(path), np.float32)
    embedder = load(prepared)
    parts = [embedder.embed(texts[i : i + 64]) for i in range(0, len(texts), 64)]
    vectors = np.concatenate(parts).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npy")
    np.save(partial, vectors)
    partial.replace(path)
    return vectors


def _table(
    name: str,
    tasks: Sequence[Task],
    group: Sequence[str],
    plans: Sequence[tuple[int, list[str], float]],
    found: dict[int, list[tuple[int, float]]],
) -> Table:
    cases = []
    for index, (owner, steps, reward) in enumerate(plans):
        plan = Plan(tuple(Subtask(i, step) for i, step in enumerate(steps, start=1)))
        outcome = Outcome.SUCCESS if reward >= 1 else Outcome.FAILURE
        result = Result.graded(outcome, reward, Evidence.TEST_PASSED)
        made = Case(f"case{index}", "default", tasks[owner], plan, result)
        won, lost = result.counts
        cases.append(replace(made, successes=won, failures=lost))
    rows = {}
    for query, pairs in sorted(found.items()):
        rows[query] = (np.array([case for case, _ in pairs], np.int64), np.array([won for _, won in pairs], np.float64))
    return Table(
        name,
        tuple(tasks),
        tuple(group),
        tuple(cases),
        np.array([owner for owner, _, _ in plans], np.int64),
        np.array([reward for _, _, reward in plans], np.float64),
        rows,
        embedded([task.state for task in tasks]),
        embedded([case.plan.text() for case in cases]),
    )
