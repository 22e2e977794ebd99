"""What the value model costs: milliseconds a task and an outcome, seconds and bytes a training, and in retrieval.

Times are of this machine, and medians; ratios are of calls made in turn in one run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from benchmarks.learning.data import Bank, history_of
from benchmarks.learning.report import Cell, Report, number
from benchmarks.learning.tables import Table, intercode

from memento_memory.bank import CaseBank
from memento_memory.case import Case, Evidence, Outcome, Result, Task
from memento_memory.embedding import DEFAULT_MODEL, Ready, find_prepared, load
from memento_memory.plan import Plan
from memento_memory.retention import Report as Told
from memento_memory.selection import wordsets
from memento_memory.selection.credit import slate_row
from memento_memory.selection.features import pair_features, task_features
from memento_memory.selection.network import Network
from memento_memory.selection.sight import Sight
from memento_memory.selection.value import QFunction, fresh_layer

_CANDIDATES, _PAST = 64, 256
_TASKS = 200
_OUTCOMES = 150
_PAIRS = 10_000
_LEARNER_LIMIT_S = 900


def run(data: Path, out: Report) -> None:
    """The learner first: its network is then scored with."""
    table = intercode(data)
    out.section("Cost", _words_on_load())
    with tempfile.TemporaryDirectory(prefix="memento-cost-") as folder:
        network = _learner(data, Path(folder), out)
        _scoring(table, network, out)
        _recording(table, Path(folder), out)
        from benchmarks.learning.cost_retrieval import retrieval

        retrieval(data, Path(folder), out)


def _words_on_load() -> str:
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    busy = " **The machine was busy: times are worth little, ratios something.**" if load > 0.3 * cores else ""
    return f"{cores} cores, load average {load:.1f} at the beginning.{busy} Medians; one thread, but two in training."


def sights(table: Table, n: int = _TASKS) -> list[Sight]:
    """Tasks with 64 candidates each, of the whole bank, with 256 past showings spread over the cases."""
    rng = np.random.default_rng(0)
    bank = Bank(table, range(len(table.cases)))
    past = [
        (int(rng.integers(len(table.tasks))), int(case), float(rng.integers(2)))
        for case in rng.permutation(len(table.cases))
    ]
    found = []
    for task in table.queries[:n]:
        others = np.flatnonzero(table.owner != task)
        near = others[np.argsort(-table.cosines(task, others), kind="stable")[:_CANDIDATES]]
        near_past = [(at, case, won) for at, case, won in past if case in set(near.tolist())][:_PAST]
        found.append(bank.sight(task, near, history=history_of(table, task, near, near_past), now=1.8e9))
    return found


def median_ms(
    work: Callable[[int], object], rounds: int, *, before: Callable[[], object] | None = None
) -> tuple[float, float]:
    """Median and 95th percentile of the time of work(0), work(1)...

    Args:
        before: done before each, not timed.
    """
    spent = []
    for i in range(rounds):
        if before is not None:
            before()
        began = time.perf_counter()
        work(i)
        spent.append((time.perf_counter() - began) * 1e3)
    return float(np.median(spent)), float(np.percentile(spent, 95))


def _forget_words() -> None:
    for cached in vars(wordsets).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


def _scoring(table: Table, network: Network | None, out: Report) -> None:
    seen = sights(table)
    plain, trained = QFunction(0, fresh_layer()), QFunction(0, fresh_layer(), network)
    first = median_ms(lambda i: plain.values(seen[i]), 50, before=_forget_words)
    _forget_words()
    stream = median_ms(lambda i: plain.values(seen[i]), len(seen))
    again = median_ms(lambda i: plain.values(seen[i]), len(seen))
    rows: list[Sequence[Cell]] = [
        ["every word of tasks and plans new", *first],
        ["a stream of tasks, words of tasks and plans kept as they come", *stream],
        ["the same tasks again", *again],
        ["of that, pair features", *median_ms(lambda i: pair_features(seen[i]), len(seen))],
    ]
    worst = stream[0]
    if network is not None:
        with_network = median_ms(lambda i: trained.values(seen[i]), len(seen))
        rows.append(["the same tasks again, with a trained network", *with_network])
        worst = max(worst, with_network[0])
    layer = fresh_layer()
    design = [slate_row(task_features(sight), pair_features(sight)[:4], np.full(4, 0.25)) for sight in seen]
    update = median_ms(lambda i: layer.updated(design[i], float(i % 2)), len(seen))
    rows.append(["one online update of the last layer", *update])
    title = f"Scoring {_CANDIDATES} candidates with {layer.mean.shape[0]} features, {_PAST} past showings"
    out.table(title, ["", "median ms", "p95 ms"], [list(row) for row in rows])
    out.target("scoring 64 candidates, median ms", worst, at_most=1.0)
    out.target("an online update, median ms", update[0], at_most=1.0)


def _recording(table: Table, folder: Path, out: Report) -> None:
    """Whole outcomes in a bank, learned from and not, in turn; and the learning alone."""
    from memento_memory import online

    prepared = find_prepared(DEFAULT_MODEL)
    assert prepared is not None  # the table needed it already
    bank = CaseBank(folder / "outcomes.sqlite3", Ready(load(prepared)), seed=0)
    spent: list[float] = []
    learn, times = online.learn, dict[bool, list[float]]({True: [], False: []})

    def timed(*arguments: object) -> object:
        began = time.perf_counter()
        answer = learn(*arguments)  # type: ignore[arg-type]
        spent.append((time.perf_counter() - began) * 1e3)
        return answer

    try:
        for case in table.successes[: 2 * _OUTCOMES]:
            bank.retain(_told(table.cases[case]))
        for i, task in enumerate(table.queries[: 2 * _OUTCOMES]):
            learns = i % 2 == 0
            online.learn = timed if learns else lambda *_: None  # type: ignore[assignment]
            times[learns].append(_outcome(bank, table.tasks[task], table.cases[table.rows[task][0][0]].plan, i))
    finally:
        online.learn = learn
        bank.close()
    both = [float(np.median(times[learns])) for learns in (True, False)]
    out.table(
        "Recording an outcome, new case and its embedding included",
        ["", "median ms"],
        [
            ["record_outcome, learned from", both[0]],
            ["the same without learning", both[1]],
            ["learning inside the transaction", float(np.median(spent))],
        ],
    )
    out.target("learning inside record_outcome, median ms", float(np.median(spent)), at_most=1.0)


def _outcome(bank: CaseBank, task: Task, plan: Plan, i: int) -> float:
    episode = bank.open_episode(task, bank.retrieve(task), None)
    outcome = Outcome.SUCCESS if i % 4 < 2 else Outcome.FAILURE
    result = Result.graded(outcome, float(outcome is Outcome.SUCCESS), Evidence.TEST_PASSED)
    began = time.perf_counter()
    bank.retain(Told(result=result, plan=plan, plan_id=episode.plan_id))
    return (time.perf_counter() - began) * 1e3


def _told(case: Case) -> Told:
    return Told(result=case.result, task=case.task, plan=case.plan)


def _learner(data: Path, folder: Path, out: Report) -> Network | None:
    """Train in a process of its own, and read what it took from that process."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.learning.cost_learner",
        str(data),
        str(_PAIRS),
        str(folder / "network"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LEARNER_LIMIT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"the learner failed: {done.stderr.strip()[-2000:]}")
    took = json.loads(done.stdout.splitlines()[-1])
    out.table(
        f"The slow learner on {_PAIRS:,} pairs, two threads",
        ["", "figure"],
        [
            ["seconds, from the episodes to a judged version", number(took["seconds"])],
            ["of that, seconds of processor time", number(took["processor"])],
            ["peak memory of the process, GB", number(took["peak_gb"])],
            ["of that, before training began, GB", number(took["before_gb"])],
            ["passes over the log", took["passes"]],
            ["ended", took["ended"]],
            ["verdict", took["reason"]],
        ],
    )
    out.target(f"the slow learner on {_PAIRS:,} pairs, seconds", took["seconds"], at_most=60)
    out.target(f"the slow learner on {_PAIRS:,} pairs, peak GB", took["peak_gb"], at_most=2)
    path = folder / "network"
    return Network.from_bytes(path.read_bytes()) if path.exists() else None
