"""Vectors in the bank file: which model made them, keeping them, and finding the nearest.

Search is in two stages. The coarse stage compares sign bits (384 bits a vector) by Hamming distance, the fine stage
scores the best of those exactly. A process keeps its own copy of the codes, and in small banks of the vectors; without
one, the coarse stage asks the vec0 table. sqlite-vec picks the best m of n in O(n·m), NumPy in O(n);
`benchmarks/dense_search.py` shows where each way pays.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import apsw

from memento_memory.errors import ModelMismatchError
from memento_memory.store import meta
from memento_memory.store.query import fetch_all, fetch_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from memento_memory.embedding import ModelInfo
    from memento_memory.store.codes import CodeCopy

    Vector = NDArray[np.float32]
    Matrix = NDArray[np.float32]

COARSE_HITS = 400  # recall@10 of 0.99 and more against exact search on real texts, see benchmarks/dense_search.py
_LOG_KEPT = 10_000


def model_of(db: apsw.Connection) -> dict[str, str]:
    """Id, dimension and weights hash of the model that made the bank's vectors; empty when none did yet."""
    sql = "SELECT name, value FROM meta WHERE name IN ('model_id', 'dimension', 'weights_hash')"
    return dict(fetch_all(db, sql))


def is_bound(db: apsw.Connection, model: ModelInfo) -> bool:
    """Whether the bank's vectors are this model's; False when the bank has none yet.

    Raises:
        ModelMismatchError: if another model made them.
    """
    stored = model_of(db)
    if not stored:
        return False
    if not _is_of(stored, model):
        raise ModelMismatchError(
            f"the bank's vectors were made with the embedding model {stored['model_id']} ({stored['dimension']} "
            f"dimensions, weights {stored['weights_hash'][:12]}), but {model.id} ({model.dimension} dimensions, "
            f"weights {model.weights_hash[:12]}) is in use; run `memento reembed`, or set MEMENTO_EMBEDDING_MODEL back"
        )
    return True


def admits(db: apsw.Connection, model: ModelInfo) -> bool:
    """Whether vectors of this model may join the bank's; a bank that has none yet becomes this model's."""
    stored = model_of(db)
    if not stored:
        bind(db, model)
        return True
    return _is_of(stored, model)


def _is_of(stored: dict[str, str], model: ModelInfo) -> bool:
    return stored["weights_hash"] == model.weights_hash and int(stored["dimension"]) == model.dimension


def bind(db: apsw.Connection, model: ModelInfo) -> None:
    """Make this model the bank's: write it down, drop another model's vectors, lay out an index of its dimension.

    What was learned from the other model's vectors goes with them; a version in force goes on without its network.
    """
    from memento_memory.store import versions

    db.execute("DROP TRIGGER IF EXISTS code_of_new_vector; DROP TRIGGER IF EXISTS code_of_removed_vector")
    db.execute("INSERT INTO vector_log (case_key) SELECT case_key FROM case_vectors")
    meta.put(db, "bound_at", str(fetch_number(db, "SELECT coalesce(max(seq), 0) FROM vector_log")))
    db.execute("DELETE FROM expectations; UPDATE decisions SET vector = x'' WHERE length(vector) > 0")
    versions.drop_networks(db)
    db.execute("DELETE FROM case_vectors; DROP TABLE IF EXISTS case_codes")
    db.execute("INSERT OR IGNORE INTO unembedded (case_key) SELECT key FROM cases WHERE forgotten_at IS NULL")
    layout = (importlib.resources.files("memento_memory.store") / "vector_index.sql").read_text(encoding="utf-8")
    db.execute(layout.replace(":dimension", str(model.dimension)))
    for name, value in (
        ("model_id", model.id),
        ("dimension", str(model.dimension)),
        ("weights_hash", model.weights_hash),
    ):
        meta.put(db, name, value)


def trim_log(db: apsw.Connection) -> None:
    """Keep the newest entries of the vector log only."""
    db.execute("DELETE FROM vector_log WHERE seq < (SELECT max(seq) FROM vector_log) - ?", (_LOG_KEPT,))


def put(db: apsw.Connection, case_key: int, vector: Vector, plan: Vector | None = None) -> None:
    """Store the vectors of an active case's task and plan, unless it has them or is gone by now.

    A plan whose vector is not at hand gets it from upkeep.
    """
    db.execute(
        "INSERT OR IGNORE INTO case_vectors (case_key, namespace, embedding)"
        " SELECT key, namespace, ? FROM cases WHERE key = ? AND forgotten_at IS NULL",
        (vector.tobytes(), case_key),
    )
    if plan is not None:
        put_plan(db, case_key, plan)


def put_plan(db: apsw.Connection, case_key: int, plan: Vector) -> None:
    """Store the vector of a plan whose task has one."""
    db.execute(
        "INSERT OR IGNORE INTO plan_vectors (case_key, embedding)"
        " SELECT case_key, ? FROM unembedded_plans WHERE case_key = ?",
        (plan.tobytes(), case_key),
    )
    db.execute("INSERT INTO vector_log (case_key) VALUES (?)", (case_key,))


def without_vector(db: apsw.Connection, limit: int) -> list[tuple[int, str, str]]:
    """Row key, state and plan of active cases that wait for their vectors."""
    return fetch_all(
        db, "SELECT key, state, plan FROM unembedded JOIN cases ON key = case_key ORDER BY key LIMIT ?", (limit,)
    )


def without_plan(db: apsw.Connection, limit: int) -> list[tuple[int, str]]:
    """Row key and plan of cases whose task has a vector and whose plan waits for one."""
    return fetch_all(
        db, "SELECT key, plan FROM unembedded_plans JOIN cases ON key = case_key ORDER BY key LIMIT ?", (limit,)
    )


def count_without(db: apsw.Connection) -> int:
    """How many active cases wait for their vector."""
    return fetch_number(db, "SELECT count(*) FROM unembedded")


def has_more_than(db: apsw.Connection, number: int) -> bool:
    """Whether the bank holds more vectors than this; quick however many there are."""
    sql = "SELECT EXISTS (SELECT 1 FROM case_vectors INDEXED BY vectors_by_namespace LIMIT 1 OFFSET ?)"
    return bool(fetch_number(db, sql, (number,)))


def of_cases(
    db: apsw.Connection, keys: Sequence[int], copy: CodeCopy | None = None
) -> tuple[list[int], NDArray[np.float32]]:
    """The vectors of these cases, as row keys and a matrix of shape (n, dimension); cases without one are left out.

    Args:
        copy: refreshed by `nearest` in the same transaction; it holds the vectors of small banks.
    """
    import numpy as np

    if copy is not None and (held := copy.of_cases(keys)) is not None:
        return held
    sql = "SELECT case_key, embedding FROM case_vectors WHERE case_key IN (SELECT value FROM json_each(?))"
    rows = fetch_all(db, sql, (json.dumps(list(keys)),))
    if not rows:
        return [], np.empty((0, 0), np.float32)
    return [key for key, _ in rows], np.frombuffer(b"".join(v for _, v in rows), np.float32).reshape(len(rows), -1)


def nearest(
    db: apsw.Connection, query: Vector, namespaces: Sequence[str], limit: int, copy: CodeCopy | None
) -> list[tuple[int, float]]:
    """The cases whose vectors have the largest cosine with the query, best first.

    Args:
        query: unit length, shape (dimension,).
        copy: this process's copy of the codes, for large banks; None searches the vec0 table.

    Returns:
        (row key, cosine) pairs, at most `limit`.
    """
    import numpy as np

    if copy is not None:
        copy.refresh(db)
        keys, vectors = of_cases(db, copy.nearest(query, namespaces, COARSE_HITS), copy)
    elif has_more_than(db, COARSE_HITS):
        keys, vectors = of_cases(db, [key for namespace in namespaces for key in _coarse(db, query, namespace)])
    else:
        keys, vectors = of_cases(db, _all(db, namespaces))
    if not keys:
        return []
    cosine = vectors @ query
    best = np.argsort(-cosine, kind="stable")[:limit]
    return [(keys[i], float(cosine[i])) for i in best]


def _all(db: apsw.Connection, namespaces: Sequence[str]) -> list[int]:
    sql = "SELECT case_key FROM case_vectors WHERE namespace IN (SELECT value FROM json_each(?))"
    return [key for (key,) in fetch_all(db, sql, (json.dumps(list(namespaces)),))]


def _coarse(db: apsw.Connection, query: Vector, namespace: str) -> list[int]:
    sql = "SELECT rowid FROM case_codes WHERE code MATCH vec_quantize_binary(?) AND k = ? AND namespace = ?"
    return [key for (key,) in fetch_all(db, sql, (query.tobytes(), COARSE_HITS, namespace))]


def pairs_of(db: apsw.Connection, keys: Sequence[int]) -> tuple[Matrix, Matrix]:
    """The vectors of these cases' tasks and plans in this order, shape (n, dimension) each; nan where there is none."""
    import numpy as np

    sql = (
        "SELECT v.case_key, v.embedding, p.embedding FROM case_vectors v LEFT JOIN plan_vectors p USING (case_key)"
        " WHERE v.case_key IN (SELECT value FROM json_each(?))"
    )
    rows = {key: pair for key, *pair in fetch_all(db, sql, (json.dumps(list(keys)),))}
    dimension = int(meta.get(db, "dimension") or 0)
    missing = np.full(dimension, np.nan, np.float32).tobytes()
    found = [rows.get(key, (None, None)) for key in keys]
    both = [b"".join(pair[side] or missing for pair in found) for side in (0, 1)]
    tasks, plans = (np.frombuffer(blob, np.float32).reshape(len(keys), dimension) for blob in both)
    return tasks, plans


def successes(db: apsw.Connection, namespace: str, limit: int, *, after: int = -1) -> tuple[Matrix, Matrix]:
    """Vectors of the tasks and plans of successes, the newest at most, shape (n, dimension) each.

    Args:
        after: only those whose vectors came later than this entry of the vector log.
    """
    import numpy as np

    newer = "" if after < 0 else " AND case_key IN (SELECT case_key FROM vector_log WHERE seq > ?)"
    sql = (
        "SELECT v.embedding, p.embedding FROM case_vectors v JOIN plan_vectors p USING (case_key) JOIN cases c"
        f" ON c.key = case_key WHERE v.namespace = ? AND c.outcome = 'success'{newer} ORDER BY case_key DESC LIMIT ?"
    )
    values = (namespace, limit) if after < 0 else (namespace, after, limit)
    dimension = int(meta.get(db, "dimension") or 0)
    rows = fetch_all(db, sql, values)
    both = (np.frombuffer(b"".join(row[side] for row in rows), np.float32) for side in (0, 1))
    tasks, plans = (flat.reshape(len(rows), dimension) for flat in both)
    return tasks, plans
