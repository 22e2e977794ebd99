"""Make more outcomes for the ScienceWorld part: gold plans of some tasks, adapted to other tasks and carried out there.

    pip install scienceworld        # Java 8 or newer must be there too
    python -m benchmarks.learning.scienceworld_pairs --data DIR

A plan is adapted by aligning the two descriptions and exchanging the phrases that differ; then each action is carried
out in the simulator with its simplifications on, whatever cannot be done being left out. What is done is kept in the
cache directory, so the script can be stopped and started again. `--check N` repeats N outcomes of the data folder and
says how many come out the same.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learning.report import MissingDataError
from benchmarks.learning.tables import embedded, read
from platformdirs import user_cache_path

from memento_memory.case import Task

Key = tuple[str, int]

NEAREST, OF_OTHER_KINDS = 11, 3
_SLOW = "mendelian"  # kinds that take 5 to 16 seconds to load
_MOST_ACTIONS = 200
_FREE = ("open door", "close door", "look around", "read ")
_TOKEN = re.compile(r"[a-z0-9'\-]+(?:\.\d+)?|[^\sa-z0-9]")


@dataclass(frozen=True, slots=True)
class Gold:
    """A task with the plan that solves it; the plan is empty where only the task is known."""

    key: Key
    description: str
    plan: tuple[str, ...] = ()


class Simulator:
    """One Java process that plays tasks."""

    def __init__(self) -> None:
        try:
            from scienceworld import ScienceWorldEnv  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            sys.exit("The simulator is not installed: pip install scienceworld")
        if shutil.which("java") is None:
            sys.exit("The simulator needs Java (8 or newer), and there is no `java` on the PATH.")
        self._env = ScienceWorldEnv()

    def played(self, key: Key, actions: Sequence[str]) -> tuple[int, int]:
        """The final score in [0, 100], 0 after an irreparable mistake, and how many actions were tried."""
        server = self._env.server
        server.load(*key, "easy", False)
        server.step("look around")
        score = tried = 0
        for action in actions[:_MOST_ACTIONS]:
            if server.step(action).startswith("Ambiguous request"):
                server.step("0")
            score, tried = round(100 * server.getScore()), tried + 1
            if score < 0 or server.getCompleted():
                break
        return max(score, 0), tried

    def variations(self, kind: str) -> list[int]:
        """All training variations of a kind of task."""
        self._env.server.load(kind, 0, "easy", False)
        return sorted(self._env.get_variations_train())

    def description(self, key: Key) -> str:
        """What a task asks."""
        self._env.server.load(*key, "easy", False)
        return str(self._env.server.getTaskDescription())

    def close(self) -> None:
        """End the Java process."""
        self._env.close()


def adapted(case: Gold, task: Gold) -> list[str]:
    """The actions of a case's plan, rewritten for another task.

    Doors stand open under the simplifications and any room is reached at once, so what only finds the way is left out.
    """
    phrases = _exchanges(case.description, task.description)
    plan = list(case.plan)
    if phrases:
        longest_first = sorted(phrases, key=len, reverse=True)
        found = re.compile(r"\b(" + "|".join(map(re.escape, longest_first)) + r")\b", re.IGNORECASE)
        plan = [found.sub(lambda match: phrases[match[0].lower()], action) for action in plan]
    plan = [f"teleport to {action[6:]}" if action.startswith("go to ") else action for action in plan]
    plan = [action for action in plan if action != "0" and not action.startswith(_FREE)]
    return [a for a, b in zip(plan, [*plan[1:], ""], strict=True) if not (_moves(a) and _moves(b))]


def _moves(action: str) -> bool:
    return action.startswith("teleport to ")


def _exchanges(old: str, new: str) -> dict[str, str]:
    """The phrases of one description that another has other phrases for."""
    a, b = _TOKEN.findall(old.lower()), _TOKEN.findall(new.lower())
    found: dict[str, str] = {}
    for change, start, end, new_start, new_end in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if change == "replace":
            found.setdefault(" ".join(a[start:end]), " ".join(b[new_start:new_end]))
    return found


class Done:
    """Outcomes so far, one JSON line each, kept as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines if line.endswith("\n")]
        self.pairs = {(tuple(row["q"]), tuple(row["c"])) for row in self.rows}
        if lines and not lines[-1].endswith("\n"):
            path.write_text("".join(lines[:-1]))

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Append rows."""
        self.rows += rows
        self.pairs |= {(tuple(row["q"]), tuple(row["c"])) for row in rows}
        with self.path.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def packed(self, out: Path) -> None:
        """Write all rows as one gzip'd file, at once."""
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = out.with_name(f"{out.name}.{os.getpid()}")
        with gzip.open(partial, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in self.rows)
        partial.replace(out)


def default_out() -> Path:
    """Where the benchmark looks for the pairs."""
    home = Path(os.environ.get("MEMENTO_BENCH_CACHE") or user_cache_path("memento-bench", appauthor=False))
    return home / "learning" / "scienceworld-pairs.jsonl.gz"


def gold_of(data: Path) -> list[Gold]:
    """The tasks of the data folder that load fast, one kind after the other."""
    rows = read(data / "scienceworld" / "gold.jsonl.gz")
    found = [Gold((row["task"], row["var"]), row["desc"], tuple(row["gold"])) for row in rows]
    return sorted((gold for gold in found if _SLOW not in gold.key[0]), key=lambda gold: gold.key)


def candidates(task: Gold, vector: Any, cases: Sequence[Gold], vectors: Any) -> list[Gold]:
    """The nearest cases by cosine, and the nearest of other kinds."""
    order = [int(i) for i in np.argsort(-(vectors @ vector), kind="stable") if cases[i].key != task.key]
    chosen = order[:NEAREST]
    strangers = [i for i in order if cases[i].key[0] != task.key[0] and i not in chosen]
    return [cases[i] for i in chosen + strangers[:OF_OTHER_KINDS]]


def more_tasks(simulator: Simulator, gold: Sequence[Gold], per_kind: int) -> Iterator[Gold]:
    """Training variations that the data folder does not have, spread evenly."""
    for kind in sorted({task.key[0] for task in gold}):
        known = {task.key[1] for task in gold if task.key[0] == kind}
        free = [variation for variation in simulator.variations(kind) if variation not in known]
        for place in np.unique(np.linspace(0, len(free) - 1, min(per_kind, len(free))).astype(int)) if free else []:
            key = (kind, free[place])
            yield Gold(key, simulator.description(key))


def interleaved(tasks: Sequence[Gold]) -> list[Gold]:
    """The first task of every kind, then the second, and so on: whenever one stops, all kinds have their share."""
    rank: dict[str, int] = {}
    placed = []
    for task in tasks:
        rank[task.key[0]] = rank.get(task.key[0], -1) + 1
        placed.append((rank[task.key[0]], task))
    return [task for _, task in sorted(placed, key=lambda pair: pair[0])]


def make(
    simulator: Simulator,
    tasks: Sequence[Gold],
    cases: Sequence[Gold],
    known: set[tuple[Key, Key]],
    done: Done,
    end: float,
) -> None:
    """Carry out what is not known yet, task by task, until all is done or the time is up."""
    vectors = embedded([Task(case.description).state for case in cases])
    asked = embedded([Task(task.description).state for task in tasks])
    for number, (task, vector) in enumerate(zip(tasks, asked, strict=True), start=1):
        if time.monotonic() > end:
            print(f"time is up at task {number} of {len(tasks)}; start again to go on")
            return
        played: dict[tuple[str, ...], tuple[int, int]] = {}
        rows = []
        for case in candidates(task, vector, cases, vectors):
            if (task.key, case.key) in known or (task.key, case.key) in done.pairs:
                continue
            actions = tuple(adapted(case, task))
            if actions not in played:
                played[actions] = simulator.played(task.key, actions)
            score, steps = played[actions]
            extra = {} if task.plan else {"desc": task.description}
            rows.append({"q": list(task.key), "c": list(case.key), "score": score, "steps": steps, **extra})
        done.add(rows)
        if number % 20 == 0:
            print(f"{number} of {len(tasks)} tasks, {len(done.rows)} pairs", flush=True)


def check(simulator: Simulator, gold: Sequence[Gold], rows: Sequence[dict[str, Any]], n: int) -> None:
    """Say how many of some known outcomes come out the same."""
    tasks = {task.key: task for task in gold}
    score = success = steps = 0
    sample = random.Random(0).sample(list(rows), min(n, len(rows)))
    for row in sample:
        task, case = tasks[_key(row["q"])], tasks[_key(row["c"])]
        found, tried = simulator.played(task.key, adapted(case, task))
        score, steps = score + (found == row["score"]), steps + (tried == row["steps"])
        success += (found >= 100) == (row["score"] >= 100)
    print(f"{len(sample)} known outcomes again: same success {success}, same score {score}, same actions {steps}")


def main() -> None:
    """Make pairs, or check known ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with scienceworld/gold.jsonl.gz")
    parser.add_argument("--out", type=Path, default=default_out(), help="file of the pairs (default: in the cache)")
    parser.add_argument("--minutes", type=float, default=30, help="stop after so long (default 30)")
    parser.add_argument("--more", type=int, default=8, help="further tasks of each kind (default 8)")
    parser.add_argument("--check", type=int, metavar="N", help="only repeat N known outcomes")
    options = parser.parse_args()
    try:
        gold = gold_of(options.data)
        shipped = list(read(options.data / "scienceworld" / "reuse.jsonl.gz"))
    except MissingDataError as missing:
        sys.exit(str(missing))
    end = time.monotonic() + 60 * options.minutes
    simulator = Simulator()
    try:
        if options.check:
            check(simulator, gold, shipped, options.check)
            return
        done = Done(options.out.with_suffix("").with_suffix(".progress.jsonl"))
        known = {(_key(row["q"]), _key(row["c"])) for row in shipped}
        make(simulator, interleaved(gold), gold, known, done, end)
        make(simulator, interleaved(list(more_tasks(simulator, gold, options.more))), gold, known, done, end)
        done.packed(options.out)
        print(f"{len(done.rows)} pairs in {options.out}")
    finally:
        simulator.close()


def _key(pair: Sequence[Any]) -> Key:
    return str(pair[0]), int(pair[1])


if __name__ == "__main__":
    main()
