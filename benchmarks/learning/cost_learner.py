"""Train the slow learner on real pairs, in this process, and say what it took: `... cost_learner DATA PAIRS FILE`."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.learning.data import Bank
from benchmarks.learning.tables import Table, intercode

from memento_memory.case import Evidence, Outcome, Result
from memento_memory.dataset import Episodes, gather, with_vectors
from memento_memory.decision import Arm, Candidates, Decision
from memento_memory.learning.learner import build
from memento_memory.learning.recipe import Recipe
from memento_memory.selection.value import SCHEMA, QFunction, fresh_layer
from memento_memory.store import versions
from memento_memory.store.decisions import Logged

_SHOWN_OF = 16


def main() -> None:
    """Print one line of JSON."""
    data, pairs, target = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    table = intercode(data)
    episodes = _episodes(table, pairs)
    before, began, clock = _peak_gb(), time.perf_counter(), time.process_time()
    made = build(episodes, versions.prior(), Recipe())
    took, processor = time.perf_counter() - began, time.process_time() - clock
    if made.network is not None:
        target.write_bytes(made.network.to_bytes())
    training = made.report["training"]
    said = {
        "seconds": took,
        "processor": processor,
        "peak_gb": _peak_gb(),
        "before_gb": before,
        "passes": len(training["losses"]) - 1,
        "ended": training["ended"],
        "reason": made.verdict.reason,
    }
    print(json.dumps(said))


def _episodes(table: Table, pairs: int) -> Episodes:
    """So many pairs of the table as episodes that showed one case each, in random order of the tasks."""
    found = gather(_log(table, pairs), SCHEMA, pairs)
    number = {case.id: i for i, case in enumerate(table.cases)}
    places = [number[name] for name in found.case_ids]
    return with_vectors(found, table.vectors[table.owner[places]], table.plan_vectors[places])


def _log(table: Table, pairs: int) -> Iterator[Logged]:
    rng = np.random.default_rng(0)
    bank, q = Bank(table, range(len(table.cases))), QFunction(0, fresh_layer())
    each, key = -(-pairs // len(table.queries)), 0
    for task in rng.permutation(table.queries).tolist():
        cases, success = table.rows[task]
        near = np.argsort(-table.cosines(task, cases), kind="stable")[: max(_SHOWN_OF, each)]
        sight = bank.sight(task, cases[near])
        values = q.values(sight)
        names = tuple(case.id for case in sight.cases)
        apart = np.arange(len(names))
        candidates = Candidates(
            SCHEMA, names, sight.similarity, values.mean, apart, apart, values.pair, values.task, values.weights
        )
        for place in range(min(each, len(near))):
            if key == pairs:
                return
            won = Outcome.SUCCESS if success[near[place]] else Outcome.FAILURE
            result = Result.graded(won, float(won is Outcome.SUCCESS), Evidence.TEST_PASSED)
            decision = Decision(
                *(0, Arm.DRAWN, 1, 0.5, 1.0, 0.0, -1.0, sight.threshold, values.void, (place,), (0,), 0),
                candidates,
                table.vectors[task],
            )
            key += 1
            yield Logged(key, f"p{key}", "default", sight.task, decision, result, (None,), None, float(key), float(key))


def _peak_gb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9


if __name__ == "__main__":
    main()
