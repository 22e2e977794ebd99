"""Reuse tables as the learner sees them: the product's own view of a task and its candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log1p

import numpy as np
from benchmarks.learning.tables import Table
from numpy.typing import NDArray

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


def _lexical(table: Table, task: int, cases: Indices, bank: BankWords) -> Floats:
    wording = Wording(table.tasks[task].state, bank)
    return wording.similarity([table.cases[case].task.state for case in cases])


@lru_cache(maxsize=65_536)
def _words(text: str) -> tuple[str, ...]:
    return tuple(words(text))
