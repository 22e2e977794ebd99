"""Recorded attempts of one language model at real SQL tasks, and what becomes of a solved task's plan on another task.

A plan is adapted by one fixed rule and carried out in SQLite: the rows decide, so every pair of plan and task has an
outcome, also those that the shipped table of reuse does not hold.
"""

from __future__ import annotations

import gzip
import re
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learning.report import MissingDataError
from benchmarks.learning.tables import Table, embedded, read

from memento_memory.case import Case, Evidence, Outcome, Result, Task
from memento_memory.embedding import DEFAULT_MODEL, Embedder, find_prepared, load
from memento_memory.plan import Plan, Subtask

ALONE = "multiturn_gpt-3.5_10_turns"
FRESH = (
    "multiturn_gpt-3.5-1_turns",
    "multiturn_gpt-3.5-1_turns_handicap",
    ALONE,
    "multiturn_gpt-3.5_10_turns_handicap",
    "plan_solve",
    "react_10_turns",
)

_STEPS, _PATIENCE, _MOST_ROWS = 50_000, 60, 20_000
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_NUMBER = re.compile(r"(?<![\w.'])\d+(?:\.\d+)?(?![\w'])")
_NAME = re.compile(r"(?<!^)(?<![.?] )\b([A-Z]\w*(?: [A-Z]\w*)*)")


@dataclass(frozen=True, slots=True)
class Carried:
    """A plan as adapted to a task, whether it ran, and whether its rows were those of the reference."""

    plan: str
    ran: bool
    succeeded: bool


class Attempts:
    """Tasks with their recorded attempts.

    Attributes:
        table: all tasks; its cases are the distinct recorded plans of a task, and those that were retained since.
        tasks: indices of the tasks to be solved.
        fresh: for every one of them, the cases that are its attempts without memory, one for each run of FRESH.
    """

    def __init__(self, data: Path) -> None:
        folder = data / "intercode-sql"
        self._rows = sorted(read(folder / "tasks.jsonl.gz"), key=lambda row: row["id"])
        place = {row["id"]: index for index, row in enumerate(self._rows)}
        wanted = {place[row["query"]] for row in read(folder / "reuse.jsonl.gz")}
        number: dict[tuple[int, str], int] = {}
        rewards: list[float] = []
        found: dict[int, dict[str, int]] = defaultdict(dict)
        for row in read(folder / "recorded_plans.jsonl.gz"):
            task = place[row["task"]]
            if row["run"] in FRESH and task in wanted:
                key = (task, row["sql"] or "")
                if key not in number:
                    number[key] = len(number)
                    rewards.append(float(row["reward"]))
                found[task][row["run"]] = number[key]
        self.tasks = sorted(task for task, runs in found.items() if len(runs) == len(FRESH))
        if not self.tasks:
            raise MissingDataError(f"recorded_plans has no task with all of {', '.join(FRESH)}")
        self.fresh = {task: [found[task][run] for run in FRESH] for task in self.tasks}
        self.table = _table(self._rows, list(number), rewards)
        self._number = number
        self._bases = _databases(folder / "databases.sqlite.sql.gz")
        self._without_vector: set[int] = set()
        self._embedder: Embedder | None = None
        self._answers: dict[tuple[str, str], Any] = {}
        self._carried: dict[tuple[int, int], Carried] = {}

    def carried_out(self, case: int, task: int) -> Carried:
        """What becomes of a case's plan on a task of the same database; on its own task, what is recorded."""
        if (case, task) not in self._carried:
            owner = int(self.table.owner[case])
            tried = self._tried(self.plan(case), owner, task)
            recorded = bool(self.table.reward[case] >= 1)
            self._carried[case, task] = replace(tried, succeeded=recorded) if owner == task else tried
        return self._carried[case, task]

    def retained(self, task: int, carried: Carried) -> int:
        """The case of a task's plan as it was carried out, a new one if the plan is new for the task."""
        key = (task, carried.plan)
        if key not in self._number:
            self._number[key] = len(self._number)
            made = _case(self._number[key], self.table.tasks[task], carried.plan, float(carried.succeeded))
            self.table = replace(
                self.table,
                cases=(*self.table.cases, made),
                owner=np.append(self.table.owner, task),
                reward=np.append(self.table.reward, float(carried.succeeded)),
                plan_vectors=np.pad(self.table.plan_vectors, ((0, 1), (0, 0))),
            )
            self._without_vector.add(self._number[key])
        return self._number[key]

    def embed(self, case: int) -> None:
        """Give a retained case the embedding of its plan; the recorded ones have theirs."""
        if case not in self._without_vector:
            return
        if self._embedder is None:
            prepared = find_prepared(DEFAULT_MODEL)
            if prepared is None:
                raise MissingDataError("the embedding model is not prepared; run `memento doctor` once")
            self._embedder = load(prepared)
        self.table.plan_vectors[case] = self._embedder.embed([self.table.cases[case].plan.text()])[0]
        self._without_vector.remove(case)

    def plan(self, case: int) -> str:
        """The SQL of a case."""
        return self.table.cases[case].plan.subtasks[0].description

    def _tried(self, plan: str, owner: int, task: int) -> Carried:
        old, new = self._rows[owner], self._rows[task]
        made = adapted(plan, old["query"], new["query"], {c for cs in new["db_tables"].values() for c in cs})
        got, wanted = self._answer(new["db"], made), self._answer(new["db"], new["gold"])
        if got is None or wanted is None:
            return Carried(made, got is not None, False)
        same = got == wanted if "order by" in new["gold"].lower() else Counter(got) == Counter(wanted)
        return Carried(made, True, bool(same))

    def _answer(self, base: str, statement: str) -> Any:
        if (base, statement) not in self._answers:
            self._answers[base, statement] = _answer(self._bases[base], statement)
        return self._answers[base, statement]


def adapted(plan: str, old: str, new: str, columns: set[str]) -> str:
    """The plan of one question for another: literals change places in their order, and a column if just one differs.

    Literals are exchanged kind by kind (quoted, numbers, names) and only where both questions have as many of a kind.
    """
    exchanged: dict[str, str] = {}
    for ours, theirs in zip(_literals(old), _literals(new), strict=True):
        if len(ours) == len(theirs):
            exchanged |= {a.lower(): b for a, b in zip(ours, theirs, strict=True)}

    def put(match: re.Match[str]) -> str:
        text = match[0][1:-1]
        return match[0][0] + exchanged.get(text.lower(), text) + match[0][0]

    made = _NUMBER.sub(lambda match: exchanged.get(match[0], match[0]), _QUOTED.sub(put, plan))
    left = [c for c in columns if _mentions(old, c) and not _mentions(new, c)]
    came = [c for c in columns if _mentions(new, c) and not _mentions(old, c)]
    if len(left) == len(came) == 1:
        made = re.sub(rf"\b{re.escape(left[0])}\b", lambda _: came[0], made, flags=re.IGNORECASE)
    return made


def normal(plan: str) -> str:
    """Equal for plans that differ in case and white space only."""
    return " ".join(plan.lower().split())


def _literals(question: str) -> tuple[list[str], list[str], list[str]]:
    rest = _QUOTED.sub(" ", question)
    return [a or b for a, b in _QUOTED.findall(question)], _NUMBER.findall(rest), _NAME.findall(rest)


@lru_cache(maxsize=100_000)
def _mentions(question: str, column: str) -> bool:
    words = re.escape(column.lower().replace("_", " "))
    return re.search(rf"\b{words}s?\b", question.lower()) is not None


def _table(rows: list[dict[str, Any]], plans: list[tuple[int, str]], rewards: list[float]) -> Table:
    tasks = tuple(Task(row["query"], f"{row['db']} database") for row in rows)
    cases = [
        _case(index, tasks[owner], plan, reward)
        for index, ((owner, plan), reward) in enumerate(zip(plans, rewards, strict=True))
    ]
    return Table(
        "intercode-sql attempts",
        tasks,
        tuple(row["db"] for row in rows),
        tuple(cases),
        np.array([owner for owner, _ in plans], np.int64),
        np.array(rewards, np.float64),
        {},
        embedded([task.state for task in tasks]),
        embedded([case.plan.text() for case in cases]),
    )


def _case(index: int, task: Task, plan: str, reward: float) -> Case:
    outcome = Outcome.SUCCESS if reward >= 1 else Outcome.FAILURE
    result = Result.graded(outcome, reward, Evidence.TEST_PASSED)
    won, lost = result.counts
    return Case(f"case{index}", "default", task, Plan((Subtask(1, plan),)), result, successes=won, failures=lost)


def _databases(path: Path) -> dict[str, sqlite3.Connection]:
    if not path.exists():
        raise MissingDataError(f"{path.name} is not there, so no plan can be carried out")
    bases = {}
    text = gzip.decompress(path.read_bytes()).decode()
    for part in re.split(r"^-- database: ", text, flags=re.MULTILINE)[1:]:
        name, script = part.split("\n", 1)
        bases[name.strip()] = sqlite3.connect(":memory:")
        bases[name.strip()].executescript(script)
    return bases


def _answer(base: sqlite3.Connection, statement: str) -> Any:
    """The rows of a query; None if it does not run or takes too many steps."""
    left = iter(range(_PATIENCE))
    base.set_progress_handler(lambda: next(left, None) is None, _STEPS)
    try:
        return base.execute(statement).fetchmany(_MOST_ROWS)
    except (sqlite3.Error, sqlite3.Warning):
        return None
