"""Upkeep of a bank: vectors for cases that came in without, fusion weights where it has grown, a short vector log.

Everything here may be interrupted at any time, goes on where it stopped, and may run in several processes at once.
"""

from __future__ import annotations

from collections.abc import Callable

from memento_memory import expectations, retrieval
from memento_memory.embedding import Embedder
from memento_memory.store import cases, vectors
from memento_memory.store.codes import CodeCopy
from memento_memory.store.database import Database

_BATCH = 256

Progress = Callable[[int, int], None]


def run(database: Database, embedder: Embedder, copy: CodeCopy, progress: Progress | None = None) -> int:
    """Do all of it; returns how many cases got their vector.

    Args:
        progress: called with (done, total) cases after each batch.

    Raises:
        ModelMismatchError: if the bank's vectors are another model's.
    """
    done = embed_pending(database, embedder, progress)
    embed_plans(database, embedder)
    fit_expectations(database)
    calibrate(database, copy)
    trim(database)
    return done


def embed_pending(database: Database, embedder: Embedder, progress: Progress | None = None) -> int:
    """Give every case that waits for its vector one, in batches that are each on disk before the next.

    Args:
        progress: called with (done, total) after each batch.

    Returns:
        How many cases got their vector.

    Raises:
        ModelMismatchError: if the bank's vectors are another model's.
    """
    done = 0
    while True:
        with database.reading() as db:
            rows, left = vectors.without_vector(db, _BATCH), vectors.count_without(db)
        if not rows:
            return done
        matrix = embedder.embed([state for _, state, _ in rows])
        plans = embedder.embed([cases.plan_from_text(plan).text() for *_, plan in rows])
        with database.writing() as db:
            if not vectors.is_bound(db, embedder.info):
                vectors.bind(db, embedder.info)
            for (key, *_), vector, plan in zip(rows, matrix, plans, strict=True):
                vectors.put(db, key, vector, plan)
        done += len(rows)
        if progress:
            progress(done, done + left - len(rows))


def embed_plans(database: Database, embedder: Embedder) -> None:
    """Give the plans of cases that were embedded before plans were their vectors."""
    while True:
        with database.reading() as db:
            rows = vectors.without_plan(db, _BATCH) if vectors.model_of(db) else []
        if not rows:
            return
        plans = embedder.embed([cases.plan_from_text(plan).text() for _, plan in rows])
        with database.writing() as db:
            for (key, _), plan in zip(rows, plans, strict=True):
                vectors.put_plan(db, key, plan)


def fit_expectations(database: Database) -> None:
    """Fit anew what plans are to be expected, for namespaces that have grown since the last time."""
    with database.reading() as db:
        stale = expectations.stale(db)
    for namespace in stale:
        with database.reading() as db:
            fitted = expectations.fit(db, namespace)
        if fitted is not None:
            with database.writing() as db:
                expectations.put(db, namespace, *fitted)


def calibrate(database: Database, copy: CodeCopy) -> None:
    """Find anew how far to trust each leg of the search, for namespaces that have doubled since the last time."""
    with database.reading() as db:
        stale = retrieval.stale_weights(db)
    for namespace in stale:
        with database.reading() as db:
            weight, seen = retrieval.find_dense_weight(db, namespace, copy)
        with database.writing() as db:
            retrieval.put_dense_weight(db, namespace, weight, seen)


def rebind(database: Database, embedder: Embedder) -> None:
    """Make this model the bank's, where another one is."""
    with database.writing() as db:
        if not vectors.admits(db, embedder.info):
            vectors.bind(db, embedder.info)


def trim(database: Database) -> None:
    """Drop the part of the vector log that no process needs: one that is further behind reads all codes anew."""
    with database.writing() as db:
        vectors.trim_log(db)


def problems(database: Database) -> list[str]:
    """What a full check of the file and its indexes finds wrong; nothing when they are intact."""
    with database.writing() as db:
        found = [text for (text,) in db.execute("PRAGMA integrity_check") if text != "ok"]
        found += [f"foreign key: {row[0]} row {row[1]}" for row in db.execute("PRAGMA foreign_key_check")]
        if not found:
            db.execute("INSERT INTO case_words (case_words, rank) VALUES ('integrity-check', 1)")
    return found
