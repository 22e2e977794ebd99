"""A stream of SQL tasks that repeats and drifts, and a bank that learns from it under a bound.

Every step asks for one task. A success of the very task is followed and succeeds; otherwise the nearest success from a
cosine of 0.9 on is adapted, with the recorded outcome of doing so; otherwise, and in a tenth of all steps, where no
memory is shown, the task is tried afresh, with the plan and the outcome of one of the 15 recorded runs of seven models.
An adapted plan that failed on this very task, and a fresh one that the bank warns of, are not tried again as long as
the bank knows it. Whatever was tried goes into the bank, a plan of a task once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from benchmarks.learning.tables import Table, intercode, read
from numpy.typing import NDArray

from memento_memory.curation.bounds import Bounds, evict
from memento_memory.curation.usefulness import HALF_LIFE, Holding, demand

Indices = NDArray[np.int64]
Vectors = NDArray[np.float32]

GATE = 0.9  # cosine from which a success of another task is adapted
WITHOUT_MEMORY = 0.1  # share of steps in which nothing is shown
WARNINGS = 2  # shown of one task
SLACK = 0.02


@dataclass(frozen=True, slots=True)
class World:
    """What can be asked and what comes of it.

    Attributes:
        attempts: for each task, the (success, plan) of each recorded run; plans are numbers.
        reused: for each task, whether a plan of another task succeeds when it is adapted to it.
    """

    table: Table
    tasks: list[int]
    attempts: dict[int, list[tuple[bool, int]]]
    reused: dict[int, dict[int, bool]]


@dataclass(frozen=True, slots=True)
class Drift:
    """How unequal the tasks of a database and the databases are (Zipf exponents), and how often that changes.

    Attributes:
        every: steps after which a database from the less popular half becomes the most popular.
    """

    tasks: float = 1.0
    databases: float = 1.2
    every: int = 300


def load(data: Path) -> World:
    """The SQL tasks with every recorded attempt."""
    table = intercode(data)
    rows = sorted(read(data / "intercode-sql" / "tasks.jsonl.gz"), key=lambda row: int(row["id"]))
    place = {row["id"]: index for index, row in enumerate(rows)}
    names: dict[tuple[int, str], int] = {}
    for index, case in enumerate(table.cases):
        names.setdefault((int(table.owner[index]), _plain(case.plan.subtasks[0].description)), index)
    attempts: dict[int, list[tuple[bool, int]]] = defaultdict(list)
    for row in read(data / "intercode-sql" / "recorded_plans.jsonl.gz"):
        key = place[row["task"]], _plain(row["sql"])
        attempts[key[0]].append((row["reward"] == 1, names.setdefault(key, len(table.cases) + len(names))))
    reused = {
        task: {int(case): bool(won) for case, won in zip(cases, success, strict=True) if table.owner[case] != task}
        for task, (cases, success) in table.rows.items()
    }
    return World(table, table.queries, dict(attempts), reused)


def _plain(sql: str) -> str:
    return " ".join(sql.lower().replace(";", " ").split())


def stream(world: World, steps: int, drift: Drift, seed: int) -> list[int]:
    """The tasks that are asked for, in order."""
    rng = np.random.default_rng(seed)
    groups: dict[str, list[int]] = defaultdict(list)
    for task in world.tasks:
        groups[world.table.group[task]].append(task)
    ranked = [rng.permutation(groups[name]) for name in sorted(groups)]
    order = rng.permutation(len(ranked))
    found = []
    for step in range(steps):
        if step and step % drift.every == 0:
            risen = int(rng.integers(len(order) // 2, len(order)))
            order = np.concatenate([order[risen : risen + 1], np.delete(order, risen)])
        tasks = ranked[order[_zipf(rng, len(order), drift.databases)]]
        found.append(int(tasks[_zipf(rng, len(tasks), drift.tasks)]))
    return found


def _zipf(rng: np.random.Generator, n: int, exponent: float) -> int:
    weight = np.arange(1, n + 1) ** -exponent
    return int(rng.choice(n, p=weight / weight.sum()))


@dataclass
class Memory:
    """The bank of a run: one row for each plan of each task, kept or not, and the log of their uses."""

    world: World
    task: list[int] = field(default_factory=list)
    plan: list[int] = field(default_factory=list)  # below the number of cases: reuse of it is recorded
    source: list[int] = field(default_factory=list)  # the case it was adapted from, or -1
    won: list[bool] = field(default_factory=list)
    successes: list[float] = field(default_factory=list)
    failures: list[float] = field(default_factory=list)
    made: list[int] = field(default_factory=list)
    touched: list[int] = field(default_factory=list)
    count: list[int] = field(default_factory=list)
    kept: set[int] = field(default_factory=set)
    log: list[tuple[int, int, bool]] = field(default_factory=list)  # step, row, whether it was shown
    _known: dict[tuple[int, int, int], int] = field(default_factory=dict)
    _of_task: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def use(self, row: int, step: int, *, shown: bool) -> None:
        self.log.append((step, row, shown))
        self.touched[row] = step
        self.count[row] += 1

    def retain(self, task: int, plan: int, source: int, won: bool, step: int) -> None:
        key = task, plan, source
        row = self._known.get(key, -1)
        if row not in self.kept:
            row = self._known[key] = len(self.task)
            for column, value in (
                (self.task, task),
                (self.plan, plan),
                (self.source, source),
                (self.won, won),
                (self.successes, 0.0),
                (self.failures, 0.0),
                (self.made, step),
                (self.touched, step),
                (self.count, 0),
            ):
                column.append(value)  # type: ignore[attr-defined]
            self.kept.add(row)
            self._of_task[task].add(row)
        (self.successes if won else self.failures)[row] += 1
        self.use(row, step, shown=False)

    def drop(self, row: int) -> None:
        self.kept.discard(row)
        self._of_task[self.task[row]].discard(row)

    def own(self, task: int, *, won: bool) -> list[int]:
        """Rows of this very task, latest first."""
        return sorted((row for row in self._of_task[task] if self.won[row] is won), reverse=True)


Evict = Callable[[Memory, int, int, np.random.Generator], None]


def run(
    world: World, asked: Sequence[int], bound: int | None, policy: Evict, seed: int
) -> tuple[NDArray[np.bool_], Memory]:
    """Whether each step succeeded, shape (steps,), and the memory at the end.

    Chance falls the same way for every policy, step by step.
    """
    memory = Memory(world)
    draws = np.random.default_rng([seed, 1]).random((len(asked), 3))
    rng = np.random.default_rng([seed, 2])
    success = np.zeros(len(asked), np.bool_)
    for step, task in enumerate(asked):
        success[step] = _step(world, memory, task, step, draws[step])
        if bound is not None and len(memory.kept) > bound:
            policy(memory, bound, step, rng)
    return success, memory


def _step(world: World, memory: Memory, task: int, step: int, draw: NDArray[np.float64]) -> bool:
    shows = draw[0] >= WITHOUT_MEMORY
    if shows and (own := memory.own(task, won=True)):
        memory.use(own[0], step, shown=True)
        memory.successes[own[0]] += 1
        return True
    failed = memory.own(task, won=False) if shows else []
    if shows and (row := _nearest(world, memory, task, {memory.source[f] for f in failed})) >= 0:
        memory.use(row, step, shown=True)
        won = world.reused[task][memory.plan[row]]
        memory.retain(task, -1 - memory.plan[row], memory.plan[row], won, step)
        return won
    warned = failed[:WARNINGS]
    for row in warned:
        memory.use(row, step, shown=True)
    tries = world.attempts[task]
    won, plan = tries[int(draw[1] * len(tries))]
    if plan in {memory.plan[row] for row in warned}:
        won, plan = tries[int(draw[2] * len(tries))]
    memory.retain(task, plan, -1, won, step)
    return won


def _nearest(world: World, memory: Memory, task: int, failed: set[int]) -> int:
    """The nearest success of another task whose reuse here is recorded and did not fail before, or -1."""
    known = world.reused[task]
    rows = [
        row for row in memory.kept if memory.won[row] and memory.plan[row] in known and memory.plan[row] not in failed
    ]
    if not rows:
        return -1
    rows.sort()
    cosine = world.table.vectors[[memory.task[row] for row in rows]] @ world.table.vectors[task]
    best = int(np.argmax(cosine))
    return rows[best] if cosine[best] >= GATE else -1


def first_in(memory: Memory, bound: int, step: int, rng: np.random.Generator) -> None:
    """FIFO: the oldest goes."""
    memory.drop(min(memory.kept, key=lambda row: memory.made[row]))


def least_recent(memory: Memory, bound: int, step: int, rng: np.random.Generator) -> None:
    """LRU: what was used longest ago goes."""
    memory.drop(min(memory.kept, key=lambda row: memory.touched[row]))


def least_frequent(memory: Memory, bound: int, step: int, rng: np.random.Generator) -> None:
    """LFU: what was used least goes, of those the least recent."""
    memory.drop(min(memory.kept, key=lambda row: (memory.count[row], memory.touched[row])))


def at_random(memory: Memory, bound: int, step: int, rng: np.random.Generator) -> None:
    """Any goes."""
    memory.drop(int(rng.choice(sorted(memory.kept))))


def clairvoyant(asked: Sequence[int]) -> Evict:
    """Knows the stream: failures go first, then the success whose task is asked for last (after Belady)."""
    coming: dict[int, list[int]] = defaultdict(list)
    for step in range(len(asked) - 1, -1, -1):
        coming[asked[step]].append(step)

    def policy(memory: Memory, bound: int, step: int, rng: np.random.Generator) -> None:
        def waits(row: int) -> tuple[bool, bool, float]:
            left = coming[memory.task[row]]
            while left and left[-1] <= step:
                left.pop()
            spare = memory.won[row] and any(other > row for other in memory.own(memory.task[row], won=True))
            return not memory.won[row], spare, float(left[-1]) if left else np.inf

        memory.drop(max(memory.kept, key=waits))

    return policy


def least_useful(memory: Memory, bound: int, step: int, rng: np.random.Generator) -> None:
    """The product's: usefulness, evicted a little below the bound."""
    rows = np.array(sorted(memory.kept), np.int64)
    recent = [entry for entry in memory.log if entry[0] >= step - 6 * HALF_LIFE * bound]
    memory.log[:] = recent
    used = np.array([(at, row, shown) for at, row, shown in recent if row in memory.kept], np.int64)
    warns = ~np.array(memory.won)[rows]
    asked = demand(
        (step - used[:, 0]).astype(np.float64),
        np.searchsorted(rows, used[:, 1]),
        used[:, 2] > 0,
        warns,
        HALF_LIFE * bound,
    )
    holding = Holding(
        np.array(memory.successes)[rows],
        np.array(memory.failures)[rows],
        warns,
        asked,
        np.zeros(len(rows), np.bool_),
        np.ones(len(rows), np.int64),
    )
    vectors = memory.world.table.vectors[np.array(memory.task)[rows]]

    def near(of: Indices, k: int) -> tuple[Indices, Vectors]:
        cosine = vectors[of] @ vectors.T
        cosine[np.arange(len(of)), of] = -1
        others = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        return others, np.take_along_axis(cosine, others, 1)

    for eviction in evict(holding, near, Bounds(int(bound * (1 - SLACK)))):
        memory.drop(int(rows[eviction.row]))
