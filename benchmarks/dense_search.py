"""Which way of finding the nearest vectors pays where, and what it misses: the grounds of COARSE_HITS.

Three ways lead to the same answer: scoring all vectors of the bank exactly; the k nearest by sign bits from the vec0
table, then exact scores; the same with the bits held in memory, and in small banks the vectors too. Times are of
`vectors.nearest` alone, embedding not included. Recall is of the ten nearest, against an exact search over the same
vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import numpy as np
from bare_process import TOP, exact, vectors_of
from measure import Figure, Setup, alternate, median, milliseconds
from numpy.typing import NDArray
from report import table

from memento_memory.store import cases, vectors
from memento_memory.store.codes import CodeCopy
from memento_memory.store.database import Database

Matrix = NDArray[np.float32]

_SPACE = ("default",)
_HITS = (200, 400, 800, 1_600)
_SIZES = (500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 45_000, 100_000)
_RECALL_AT = (10_000, 45_000, 100_000)
_LEAST_RECALL = 0.99
_PAGE = 5_000


def run(setup: Setup) -> list[Figure]:
    """Times over sizes of bank, recall over numbers of coarse hits; the figure is the recall as it is configured."""
    sizes = sorted(set(setup.sizes(*_SIZES)))
    largest = setup.banks.build([max(sizes)])[max(sizes)]
    queries = setup.banks.embedder.embed([task.state for task in setup.banks.corpus.held_out[: setup.rounds(500)]])
    path = setup.folder / "dense.sqlite3"
    database, source = Database(path), Database(largest)
    grown, last = 0, 0
    times: list[list[str]] = []
    recalls: list[list[str]] = []
    figures: list[Figure] = []
    for size in sizes:
        print(f"  {size:,} vectors", flush=True)
        last = _grow(setup, database, source, last, size - grown)
        grown = size
        with database.reading() as db:
            times.append([f"{size:,}", *_times(db, size, queries)])
        if size in setup.sizes(*_RECALL_AT):
            truth = _exact(path, queries)
            with database.reading() as db:
                measured = {hits: _recall(db, queries, truth, hits) for hits in _HITS}
            recalls += [[f"{size:,}", str(hits), f"{got:.4f}", f"{ms:.2f}"] for hits, (got, ms) in measured.items()]
            with database.reading() as db:
                configured, _ = _recall(db, queries, truth, vectors.COARSE_HITS)
            figures.append(
                Figure(f"recall@10 of dense search, {size:,} cases", configured, "", bound=_LEAST_RECALL, at_least=True)
            )
    database.close()
    source.close()
    table(
        "dense search, ms at the median",
        ["vectors", "all exactly", "vec0 bits (a first search)", "bits in memory (all others)"],
        times,
    )
    table("coarse hits, with bits in memory", ["vectors", "hits", "recall@10", "ms"], recalls)
    return figures


@contextmanager
def constants(*, coarse_hits: int) -> Iterator[None]:
    """Make `vectors.nearest` go another way than it would."""
    before = vectors.COARSE_HITS
    vectors.COARSE_HITS = coarse_hits
    try:
        yield
    finally:
        vectors.COARSE_HITS = before


def _times(db: apsw.Connection, size: int, queries: Matrix) -> list[str]:
    copy, hits = CodeCopy(), vectors.COARSE_HITS
    copy.refresh(db)
    rounds = 30 if size <= 20_000 else 10

    def way(coarse_hits: int, held: CodeCopy | None) -> Callable[[int], float]:
        def once(i: int) -> float:
            with constants(coarse_hits=coarse_hits):
                return milliseconds(lambda: vectors.nearest(db, queries[i % len(queries)], _SPACE, 64, held))

        return once

    ways = {"exact": way(size, None), "vec0": way(hits, None), "memory": way(hits, copy)}
    alternate(2, ways)
    return [f"{median(found):.2f}" for found in alternate(rounds, ways).values()]


def _exact(path: Path, queries: Matrix) -> list[set[int]]:
    keys, matrix = vectors_of(path)
    return [set(keys[exact(matrix, query)].tolist()) for query in queries]


def _recall(db: apsw.Connection, queries: Matrix, truth: list[set[int]], hits: int) -> tuple[float, float]:
    """Share of the true ten nearest that are found, and milliseconds a search."""
    copy = CodeCopy()
    copy.refresh(db)
    found: list[set[int]] = []

    def search(query: Matrix) -> None:
        found.append({key for key, _ in vectors.nearest(db, query, _SPACE, TOP, copy)})

    with constants(coarse_hits=hits):
        spent = [milliseconds(lambda query=query: search(query)) for query in queries]  # type: ignore[misc]
    return sum(len(a & b) for a, b in zip(found, truth, strict=True)) / (TOP * len(truth)), median(spent)


def _grow(setup: Setup, database: Database, source: Database, after: int, more: int) -> int:
    """Copy `more` cases and vectors that follow the row key `after` in another bank; return the last row key."""
    while more > 0:
        with source.reading() as db:
            page = cases.page(db, after=after, limit=min(more, _PAGE))
            vector_of = dict(zip(*vectors.of_cases(db, [key for key, _ in page]), strict=True))
        with database.writing() as db:
            if not vectors.model_of(db):
                vectors.bind(db, setup.banks.embedder.info)
            for key, case in page:
                vectors.put(db, cases.insert(db, case), vector_of[key])
        after, more = page[-1][0], more - len(page)
    return after
