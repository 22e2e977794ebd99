"""First sight: every task is met once, so that memory can only offer what it knows from other tasks.

The model's own attempts are those of one recorded run. A memory that offers what is merely alike does great harm here;
one that abstains when it should does none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.learning.attempts import ALONE, FRESH, Attempts
from benchmarks.learning.bootstrap import over_groups, over_tasks
from benchmarks.learning.hosts import Learned, Memory, Nearest, Settings, attempted
from benchmarks.learning.report import Cell, Report

ORDERS = 10
MEMORIES: dict[str, Callable[[Attempts], Memory]] = {
    "no memory": Memory,
    "nearest success above cosine 0.75": lambda attempts: Nearest(attempts, 0.75),
    "nearest success above cosine 0.95": lambda attempts: Nearest(attempts, 0.95),
    "learned": lambda attempts: Learned(attempts, Settings()),
    "learned, the mean decides": lambda attempts: Learned(attempts, Settings(caution=0.0)),
}


def run(data: Path, out: Report) -> None:
    """Success on first sight, and the difference to the model alone."""
    attempts = Attempts(data)
    out.section("Harm", "One pass over all tasks in random order; the plan of an offered case is carried out unread.")
    single = {task: [runs[FRESH.index(ALONE)]] for task, runs in attempts.fresh.items()}
    found = {
        name: np.stack([attempted(attempts, make(attempts), single, seed=order)[0] for order in range(ORDERS)])
        for name, make in MEMORIES.items()
    }
    alone = found["no memory"].mean(0)
    groups = [attempts.table.group[task] for task in attempts.tasks]
    rows: list[list[Cell]] = [
        [
            name,
            float(runs.mean()),
            str(over_tasks(runs.mean(0) - alone)),
            str(over_groups(runs.mean(0) - alone, groups)),
            float(runs.mean(1).min()),
        ]
        for name, runs in found.items()
    ]
    columns = ("memory", "success", "against no memory, over tasks", "over databases", "worst order")
    out.table(f"First sight, {len(attempts.tasks)} tasks, {ORDERS} orders", columns, rows)
    gain = found["learned"].mean(0) - alone
    interval = over_tasks(gain)
    out.target(
        "memory with abstention against the model alone",
        float(gain.mean()),
        at_least=-0.01,
        within=(interval.low, interval.high),
    )
