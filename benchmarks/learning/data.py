"""Reuse tables as the learner sees them: tasks, cases, what became of each pair, and the product's own view of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import log1p
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learning.report import MissingDataError
from numpy.typing import NDArray
from platformdirs import user_cache_path

from memento_memory.case import Case, Evidence, Outcome, Result, Task
from memento_memory.embedding import DEFAULT_MODEL, find_prepared, load
from memento_memory.plan import Plan, Subtask
from memento_memory.selection import fusion
from memento_memory.selection.episodic import History
from memento_memory.selection.expected_plan import ExpectedPlan
from memento_memory.selection.lexical import BankWords, Wording, words
from memento_memory.selection.sight import Sight

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
Indices = NDArray[np.int64]

NO_HISTORY = History(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0))
TOP = 10
_PROBES, _CANDIDATES, _FIRST_WEIGHED = 200, 64, 16


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


@dataclass(frozen=True, slots=True)
class Pool:
    """The candidates of one task, nearest first by cosine, with the outcome of each; arrays of shape (n,)."""

    task: int
    cases: Indices
    success: Floats


def pools(table: Table, *, top: int = TOP, only_successes: bool = True, among: set[int] | None = None) -> list[Pool]:
    """The nearest candidates of every query that has any; the query's own cases are never among them.

    Args:
        among: only these cases; all by default.
    """
    return [p for q in table.queries if len((p := pool(table, q, top, only_successes, among)).cases)]


def pool(table: Table, task: int, top: int = TOP, only_successes: bool = True, among: set[int] | None = None) -> Pool:
    """The nearest candidates of one query."""
    cases, success = table.rows[task]
    keep = table.owner[cases] != task
    if only_successes:
        keep &= table.reward[cases] >= 1
    if among is not None:
        keep &= np.array([int(case) in among for case in cases], bool)
    cases, success = cases[keep], success[keep]
    order = np.argsort(-table.cosines(task, cases), kind="stable")[:top]
    return Pool(task, cases[order], success[order])


class Bank:
    """The cases of a table that are in a bank so far, and what retrieval knows from them.

    Only its successes teach which plan to expect, as in the product.
    """

    def __init__(self, table: Table, cases: Iterable[int] = (), *, dense_weight: float | None = None) -> None:
        self.table = table
        self.held: set[int] = set()
        self.expected = ExpectedPlan.empty(table.vectors.shape[1])
        self.dense_weight = fusion.DEFAULT_DENSE_WEIGHT if dense_weight is None else dense_weight
        self._finds_weight = dense_weight is None
        self._weighed_at = 0
        self._frequency: Counter[str] = Counter()
        self._length = 0
        given = sorted(set(cases))
        if given:
            good = [case for case in given if table.reward[case] >= 1]
            self.expected = ExpectedPlan.fit(table.vectors[table.owner[good]], table.plan_vectors[good])
            self._remember(given)

    def add(self, *cases: int) -> None:
        """Retain cases."""
        new = [case for case in cases if case not in self.held]
        for case in new:
            if self.table.reward[case] >= 1:
                x, y = self.table.vectors[self.table.owner[case]], self.table.plan_vectors[case]
                self.expected = self.expected.added(x, y)
        self._remember(new)

    def sight(self, task: int, cases: Indices, *, history: History = NO_HISTORY, now: float = 0.0) -> Sight:
        """What is known when a case is chosen for a task of the table.

        The bank is taken as it would be without the task's own cases, so that a task's solution never helps it.
        """
        table = self.table
        own = [case for case in self.held if table.owner[case] == task] if self.held else []
        words_of = self.words(own)
        cosine = table.cosines(task, cases)
        lexical = _lexical(table, task, cases, words_of)
        similarity = fusion.fuse(cosine, lexical, dense_weight=self.dense_weight)
        expected = self.expected
        for case in own:
            if table.reward[case] >= 1:
                expected = expected.removed(table.vectors[task], table.plan_vectors[case])
        return Sight(
            task=table.tasks[task],
            cases=[table.cases[case] for case in cases],
            similarity=similarity,
            threshold=fusion.USEFUL_FROM,
            cosine=cosine,
            vector=table.vectors[task],
            vectors=table.vectors[table.owner[cases]],
            plan_vectors=table.plan_vectors[cases],
            expected=expected.predict(table.vectors[task]),
            history=history,
            rarity=rarity(words_of),
            now=now,
        )

    def words(self, without: Sequence[int] = ()) -> BankWords:
        """The bank's word counts, less those of some of its cases."""
        less: Counter[str] = Counter()
        length = self._length
        for case in without:
            found = _words(self.table.cases[case].task.state)
            less.update(set(found))
            length -= len(found)
        n = len(self.held) - len(without)
        return BankWords(n, length / n if n else 1.0, lambda word: self._frequency[word] - less[word])

    def _remember(self, cases: Sequence[int]) -> None:
        for case in cases:
            found = _words(self.table.cases[case].task.state)
            self._frequency.update(set(found))
            self._length += len(found)
            self.held.add(case)
        if self._finds_weight and len(self.held) >= max(_FIRST_WEIGHED, 2 * self._weighed_at):
            self._weighed_at = len(self.held)
            self.dense_weight = found_weight(self)


def found_weight(bank: Bank) -> float:
    """The weight of the dense leg that the product would find for this bank."""
    table, held = bank.table, np.array(sorted(bank.held))
    vectors, words_of = table.vectors[table.owner[held]], bank.words()
    probes = []
    for case in np.random.default_rng(0).permutation(held)[:_PROBES]:
        task = int(table.owner[case])
        others = held[table.owner[held] != task]
        cosine = (vectors[table.owner[held] != task] @ table.vectors[task]).astype(np.float64)
        near = np.argsort(-cosine, kind="stable")[:_CANDIDATES]
        lexical = _lexical(table, task, others[near], words_of)
        plans = [table.cases[other].plan.text() for other in others[near]]
        probes.append(fusion.Probe(cosine[near], lexical, fusion.plan_agreement(table.cases[case].plan.text(), plans)))
    return fusion.estimate_dense_weight(probes)


def rarity(bank: BankWords) -> Callable[[str], float]:
    """The inverse frequency of a word among the bank's cases, at least 0."""

    def of(word: str) -> float:
        found = min(bank.frequency(word), bank.cases)
        return log1p((bank.cases - found + 0.5) / (found + 0.5))

    return of


def history_of(table: Table, task: int, cases: Indices, shown: Sequence[tuple[int, int, float]]) -> History:
    """What became of the candidates when they were shown before.

    Args:
        shown: (task, case, reward) of earlier episodes; those of this very task count too.
    """
    place = {int(case): index for index, case in enumerate(cases)}
    found = [(place[case], before, reward) for before, case, reward in shown if case in place]
    if not found:
        return NO_HISTORY
    owner, tasks, value = zip(*found, strict=True)
    similarity = (table.vectors[list(tasks)] @ table.vectors[task]).astype(np.float64)
    return History(np.array(owner, np.int64), similarity, np.array(value, np.float64), np.ones(len(owner)))


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


def _lexical(table: Table, task: int, cases: Indices, bank: BankWords) -> Floats:
    wording = Wording(table.tasks[task].state, bank)
    return wording.similarity([table.cases[case].task.state for case in cases])


@lru_cache(maxsize=65_536)
def _words(text: str) -> tuple[str, ...]:
    return tuple(words(text))
