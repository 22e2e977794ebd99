"""record_outcome on a warm server, against embedding one text and one commit that is on disk."""

from __future__ import annotations

from banks import copied
from bare import Bare
from measure import Figure, Setup, alternate, median, milliseconds, percentile, spread
from warm_calls import plan
from wire import Server, memento

_RATIO = 3.0
_WARM_UP = 5


def run(setup: Setup) -> list[Figure]:
    """The median over outcomes of plans made just before, each with a plan of its own as executed."""
    (size,) = setup.sizes(10_000)
    bank = copied(setup.banks.build([size])[size], setup.folder)
    rounds = setup.rounds(100)
    tasks = setup.banks.corpus.held_out[: rounds + _WARM_UP]
    with Server(memento(bank)) as server, Bare(bank, setup.folder) as bare:
        server.initialize()
        plans = [plan(server, task) for task in tasks]

        def record(i: int) -> float:
            steps = f"1. Look at what task {i} needs\n2. Carry it out\n3. Check the result"
            return milliseconds(
                lambda: server.call(
                    "record_outcome", plan_id=plans[i], outcome="success", plan=steps, evidence="tool_result"
                )
            )

        for i in range(rounds, rounds + _WARM_UP):
            record(i), bare.commit(tasks[i].state)
        found = alternate(rounds, {"record": record, "bare": lambda i: bare.commit(tasks[i].state)})
    against = "embedding and one commit, one process"
    ours, bare_ms = found["record"], median(found["bare"])
    return [
        Figure(f"record_outcome, {size:,} cases", median(ours), "ms", bare_ms, against, _RATIO, note=spread(ours)),
        Figure("record_outcome, p95", percentile(ours, 0.95), "ms"),
    ]
