"""plan_with_memory and retrieve_cases on a warm server, against embedding the text and an exact search, bare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from banks import copied
from bare import Bare
from measure import Figure, Setup, alternate, median, milliseconds, spread
from wire import Server, memento

from memento_memory.case import Task

_BOUNDS = {1_000: (2.0, 1.6), 10_000: (2.0, 1.6), 100_000: (1.0, 0.8)}
_AGAINST = "embedding + exact search"
_WARM_UP = 10


def run(setup: Setup) -> list[Figure]:
    """The median over calls with a new task each, for each size of bank."""
    sizes = setup.sizes(*_BOUNDS)
    files = setup.banks.build(sizes)
    figures: list[Figure] = []
    for size, bounds in zip(sizes, _BOUNDS.values(), strict=True):
        figures += _of_size(setup, files[size], size, bounds)
    return figures


def _of_size(setup: Setup, bank: Path, size: int, bounds: tuple[float, float]) -> list[Figure]:
    own = copied(bank, setup.folder)
    rounds = setup.rounds(150)
    tasks = iter(setup.banks.corpus.held_out)
    with Server(memento(own)) as server, Bare(own, setup.folder) as bare:
        server.initialize()
        for _ in range(_WARM_UP):
            plan(server, next(tasks)), bare.search(next(tasks).state)
        # Each round has two new tasks: a plan and a search for the same one would share what SQLite has just read.
        drawn = [(next(tasks), next(tasks)) for _ in range(rounds)]
        measures: dict[str, Callable[[int], float]] = {
            "plan": lambda i: milliseconds(lambda: plan(server, drawn[i][0])),
            "bare": lambda i: (bare.search(drawn[i][0].state) + bare.search(drawn[i][1].state)) / 2,
            "retrieve": lambda i: milliseconds(lambda: server.call("retrieve_cases", query=drawn[i][1].state)),
        }
        found = alternate(rounds, measures)
    own.unlink()
    baseline, calls = median(found["bare"]), (("plan_with_memory", "plan"), ("retrieve_cases", "retrieve"))
    return [
        Figure(f"{tool}, {size:,} cases", median(found[key]), "ms", baseline, _AGAINST, bound, note=spread(found[key]))
        for (tool, key), bound in zip(calls, bounds, strict=True)
    ]


def plan(server: Server, task: Task) -> str:
    """Plan a task; returns the plan_id."""
    answer = server.call("plan_with_memory", task=task.text, context=task.context)
    return str(answer["structuredContent"]["plan_id"])
