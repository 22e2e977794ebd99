"""The same tasks again and again: what a memory adds to a model whose attempts were recorded.

The attempts of a task are those of six recorded runs of one model, in an order of their own for every task. The six
orders of a seed are rotations of one another, so that each run comes first once: without memory every pass succeeds
equally often on average, and what differs is due to the memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.learning.attempts import FRESH, Attempts
from benchmarks.learning.bootstrap import over_groups, over_tasks
from benchmarks.learning.hosts import Learned, Memory, Nearest, NearestOfAny, OwnSuccess, Settings, attempted
from benchmarks.learning.report import Report
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Make = Callable[[Attempts], Memory]

PASSES = 5
MEMORIES: dict[str, Make] = {
    "no memory": Memory,
    "own success only": OwnSuccess,
    "nearest success above cosine 0.9": lambda attempts: Nearest(attempts, 0.9),
    "nearest success above cosine 0.95": lambda attempts: Nearest(attempts, 0.95),
    "nearest case of any outcome": lambda attempts: NearestOfAny(attempts, 0.9),
    "learned": lambda attempts: Learned(attempts, Settings()),
}
ALTERNATIVES: dict[str, Make] = {
    "the mean decides, not the lower bound": lambda attempts: Learned(attempts, Settings(caution=0.0)),
    "failures on the very task not counted": lambda attempts: Learned(attempts, Settings(counts=False)),
    "no hindsight": lambda attempts: Learned(attempts, Settings(hindsight=0.0)),
}

_PROSE = (
    "Each of the tasks is met five times. An attempt is one of the model's own recorded ones, or the plan of a case,"
    " adapted by a fixed rule and carried out unread; a plan that does not run is dropped for an own attempt. The rows"
    " in the database decide."
)


def run(data: Path, out: Report) -> None:
    """Success at each pass, for the learned memory, its parts and the baselines."""
    attempts = Attempts(data)
    out.section("Iterations", _PROSE)
    found = {name: passes(attempts, make) for name, make in {**MEMORIES, **ALTERNATIVES}.items()}
    columns = ("memory", *map(str, range(1, PASSES + 1)), "offered", "right")
    rows = [
        [name, *runs.mean((0, 2)).tolist(), usage["offered"] / len(runs), usage["right"] / len(runs)]
        for name, (runs, usage) in found.items()
    ]
    out.table(f"Success at each pass, {len(attempts.tasks)} tasks, six orders", columns, rows)
    learned, own = found["learned"][0], found["own success only"][0]
    gain = learned[:, -1].mean(0) - own[:, -1].mean(0)
    groups = [attempts.table.group[task] for task in attempts.tasks]
    out.say(
        f"Learned against own success only, fifth pass: {over_tasks(gain)} over tasks, {over_groups(gain, groups)} over"
        " databases."
    )
    _halves(learned - own, groups, out)
    out.target("first pass", learned[:, 0].mean(), at_least=0.52)
    out.target("fifth pass", learned[:, -1].mean(), at_least=0.84)


def passes(attempts: Attempts, make: Make, *, orders: int = len(FRESH)) -> tuple[Floats, Counter[str]]:
    """Successes, shape (orders, passes, tasks), and how often cases were offered."""
    usage: Counter[str] = Counter()
    runs = [
        attempted(attempts, make(attempts), rotated(attempts, order), seed=order, usage=usage)
        for order in range(orders)
    ]
    return np.stack(runs), usage


def rotated(attempts: Attempts, order: int) -> dict[int, list[int]]:
    """For every task its own attempts in the order in which they are made."""
    rng = np.random.default_rng(order // len(FRESH))
    turn = order % len(FRESH)
    return {
        task: [attempts.fresh[task][run] for run in np.roll(rng.permutation(len(FRESH)), turn)[:PASSES]]
        for task in attempts.tasks
    }


def _halves(gain: Floats, groups: list[str], out: Report) -> None:
    """The gain of every pass on two halves of the databases, by alphabet."""
    names = sorted(set(groups))
    rows = []
    for title, half in (("odd databases", names[::2]), ("even databases", names[1::2])):
        mask = np.isin(groups, half)
        rows.append([title, int(mask.sum()), *gain[:, :, mask].mean((0, 2)).tolist()])
    out.table("Gain over own success only", ("half", "tasks", *map(str, range(1, PASSES + 1))), rows)
