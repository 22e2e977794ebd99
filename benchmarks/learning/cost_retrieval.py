"""Retrieval from a large bank with the value model and without it, in turn, a new task each call."""

from __future__ import annotations

import importlib
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import apsw
import numpy as np
from benchmarks.learning.report import Report, number
from numpy.typing import NDArray

from memento_memory.bank import CaseBank
from memento_memory.case import Case, Evidence, Outcome, Result, Task
from memento_memory.desk import Desk
from memento_memory.embedding import DEFAULT_MODEL, Embedder, Ready, load, prepare
from memento_memory.plan import Plan, Subtask
from memento_memory.retention import Report as Told
from memento_memory.selection.episodic import History
from memento_memory.selection.policy import Policy
from memento_memory.selection.sight import Sight
from memento_memory.selection.slate import Chooser
from memento_memory.selection.value import QFunction, Values, chance, fresh_layer, sigmoid

Floats = NDArray[np.float64]

_SIZE, _ROUNDS, _WARM_UP, _OUTCOMES = 100_000, 200, 10, 100
_PLAN = Plan((Subtask(1, "ask somebody"),))
_NO_VECTORS = np.zeros((0, 0), np.float32)
_NO_HISTORY = History(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0))


class SimilarityAlone(QFunction):
    """Ranks by similarity and computes nothing else."""

    def values(self, sight: Sight) -> Values:
        """A value that rises with similarity and is the void case's at the threshold."""
        advantage = (sight.similarity - sight.threshold) / 0.1
        mean, none = sigmoid(advantage), np.zeros(len(advantage))
        return Values(
            mean=mean,
            low=mean,
            high=mean,
            advantage=advantage,
            doubt=none,
            at_first=advantage,
            void=chance(0.0),
            pair=np.zeros((len(mean), 0)),
            task=np.zeros(0),
            weights=np.zeros(0),
        )


class PlainDesk:
    """What retrieval chooses with where there is no value model: the cases and their similarity."""

    def __init__(self) -> None:
        self._chooser = Chooser(SimilarityAlone(0, fresh_layer()), Policy(), np.random.default_rng(0))

    def chooser(self, _db: apsw.Connection) -> Chooser:
        """Similarity, greedily."""
        return self._chooser

    def sight(
        self,
        _db: apsw.Connection,
        task: Task,
        found: Sequence[tuple[int, Case]],
        similarity: Floats,
        cosine: Floats,
        *_vector: object,
        threshold: float,
        rarity: Any,
        **_more: object,
    ) -> Sight:
        """No vectors, no expected plan, no history."""
        cases = [case for _, case in found]
        return Sight(
            task, cases, similarity, threshold, cosine, None, _NO_VECTORS, _NO_VECTORS, None, _NO_HISTORY, rarity
        )


def retrieval(data: Path, folder: Path, out: Report) -> None:
    """Build the bank where there is none yet, record some outcomes in a copy of it, and measure."""
    embedder = load(prepare(DEFAULT_MODEL))
    path, tasks = large_bank(data, embedder, folder)
    compared(path, tasks, embedder, out)


def large_bank(data: Path, embedder: Embedder, folder: Path) -> tuple[Path, Sequence[Task]]:
    """A copy of a bank of 100,000 cases, and tasks that are not in it."""
    sys.path.insert(0, str(Path(__file__).parent.parent))  # the modules beside this folder import each other by name
    corpus, banks = importlib.import_module("corpus"), importlib.import_module("banks")
    real = all((data / name).exists() for name in ("tldr/pairs_en.jsonl.gz", "nl2bash/pairs.jsonl.gz"))
    banks.home().mkdir(parents=True, exist_ok=True)
    remembering = banks.Remembering(embedder, banks.home())
    tasks = corpus.load(data if real else None, _SIZE)
    kept = banks.Banks(tasks, remembering).build([1_000, 10_000, _SIZE])[_SIZE]
    return Path(shutil.copyfile(kept, folder / "large.sqlite3")), tasks.held_out


def compared(path: Path, tasks: Sequence[Task], embedder: Embedder, out: Report) -> None:
    """Outcomes first, so that there is a history and a version in force; then both ways in turn."""
    upcoming = iter(tasks)
    full, plain = (CaseBank(path, Ready(embedder), seed=0) for _ in range(2))
    plain._desk = cast(Desk, PlainDesk())
    try:
        for i in range(_OUTCOMES):
            _live(full, next(upcoming), i)
        for _ in range(_WARM_UP):
            for bank in (full, plain):
                bank.retrieve(next(upcoming))
        spent: dict[bool, list[float]] = {True: [], False: []}
        shown: dict[bool, int] = {True: 0, False: 0}
        for i in range(_ROUNDS):
            for learned in (True, False) if i % 2 else (False, True):
                task, bank = next(upcoming), full if learned else plain
                began = time.perf_counter()
                slate = bank.retrieve(task)
                spent[learned].append((time.perf_counter() - began) * 1e3)
                shown[learned] += len(slate.shown)
    finally:
        full.close()
        plain.close()
    with_q, without = (float(np.median(spent[learned])) for learned in (True, False))
    out.table(
        f"Retrieval from {_SIZE:,} cases, embedding of the task included",
        ["", "median ms", "p95 ms", "cases shown"],
        [
            ["with the value model", with_q, float(np.percentile(spent[True], 95)), number(shown[True] / _ROUNDS)],
            ["by similarity alone", without, float(np.percentile(spent[False], 95)), number(shown[False] / _ROUNDS)],
            ["ratio of the medians", with_q / without, None, None],
        ],
    )
    out.target("retrieval at 100,000 cases, with the value model to without", with_q / without, at_most=1.2)


def _live(bank: CaseBank, task: Task, i: int) -> None:
    """One episode with its outcome; cases mostly help, so that they go on being shown."""
    slate = bank.retrieve(task)
    episode = bank.open_episode(task, slate, None)
    outcome = Outcome.SUCCESS if slate.shown and i % 5 else Outcome.FAILURE
    result = Result.graded(outcome, float(outcome is Outcome.SUCCESS), Evidence.TEST_PASSED)
    plan = slate.shown[0].case.plan if slate.shown else _PLAN
    bank.retain(Told(result=result, plan=plan, plan_id=episode.plan_id))
