"""Which tasks are of one kind: each joins the earlier task it is most like, or starts a kind of its own.

Two tasks are of one kind where they say the same, names and numbers aside, so that one question about two things is one
kind; or where they mean much the same by their embeddings (in a namespace without any: where they share most words).
One pass over the tasks in the order in which they came (leader clustering, Hartigan 1975, ch. 3), so one that comes
later never moves an earlier one. Only the leaders are held in memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memento_memory.store import meta
from memento_memory.store.query import fetch_all, fetch_number
from memento_planner.distill.pattern import telling

if TYPE_CHECKING:
    from memento_memory.store.database import Database

    Matrix = NDArray[np.float32]

ALIKE = 0.85  # cosine of embeddings, from where on tasks are of one kind
ALIKE_BY_WORDS = 0.8  # the same for sets of words
_BLOCK = 250
_WORDS = 512  # places that words are hashed to
_FEWEST_WORDS = 2
_READ = 600  # characters of a task


def kinds(database: Database, namespace: str) -> list[list[int]]:
    """Row keys of the active cases of a namespace whose outcome is known, by kind of task."""
    with database.reading() as db:
        sql = "SELECT EXISTS (SELECT 1 FROM case_vectors WHERE namespace = ?)"
        by_words = not fetch_number(db, sql, (namespace,))
    leaders = Leaders(ALIKE_BY_WORDS if by_words else ALIKE)
    found: list[list[int]] = []
    for keys, tasks, matrix in _blocks(database, namespace):
        vectors = np.stack([hashed(task) for task in tasks]) if by_words else matrix
        for key, kind in zip(keys, leaders.assign(tasks, vectors), strict=True):
            if kind == len(found):
                found.append([])
            found[kind].append(key)
    return found


class Leaders:
    """The first task of every kind so far.

    Args:
        alike: cosine from where on tasks are of one kind.
    """

    def __init__(self, alike: float) -> None:
        self._alike = alike
        self._said: dict[frozenset[str], int] = {}
        self._held: Matrix = np.empty((0, 0), np.float32)
        self._count = 0

    def assign(self, tasks: Sequence[str], vectors: Matrix) -> list[int]:
        """The kind of each of n tasks, counted from 0 in the order in which kinds come up.

        Args:
            vectors: shape (n, d), unit length, or zeros where there is none.
        """
        before = self._count
        near, which = self._nearest(vectors)
        among = vectors @ vectors.T
        fresh: list[int] = []
        found: list[int] = []
        for row, task in enumerate(tasks):
            said = _said(task)
            kind = self._said.get(said) if said else None
            if kind is None:
                best, kind = float(near[row]), int(which[row])
                if fresh and (here := among[row, fresh]).max() > best:
                    best, kind = float(here.max()), before + int(here.argmax())
                if best < self._alike:
                    kind = before + len(fresh)
                    fresh.append(row)
                if said:
                    self._said[said] = kind
            found.append(kind)
        self._add(vectors[fresh])
        return found

    def _nearest(self, vectors: Matrix) -> tuple[Matrix, NDArray[np.int64]]:
        """Cosine of each task to the leader it is most like, and which that is."""
        if not self._count:
            return np.full(len(vectors), -1.0, np.float32), np.zeros(len(vectors), np.int64)
        cosine = vectors @ self._held[: self._count].T
        which = cosine.argmax(axis=1)
        return cosine[np.arange(len(vectors)), which], which

    def _add(self, rows: Matrix) -> None:
        needed = self._count + len(rows)
        if needed > len(self._held):
            grown = np.empty((max(needed, 2 * len(self._held)), rows.shape[1]), np.float32)
            if self._count:
                grown[: self._count] = self._held[: self._count]
            self._held = grown
        self._held[self._count : needed] = rows
        self._count = needed


def hashed(task: str) -> NDArray[np.float32]:
    """The words of a task, names and numbers aside, as a vector of unit length; zeros where they are too few.

    Each word has a place of its own, but for rare clashes.
    """
    vector = np.zeros(_WORDS, np.float32)
    for word in (said := _said(task)):
        vector[zlib.crc32(word.encode()) % _WORDS] = 1.0
    return vector / np.float32(np.linalg.norm(vector)) if said else vector


def _said(task: str) -> frozenset[str]:
    """The words of a task, names and numbers aside; none where they are too few to tell a kind."""
    found = telling(task[:_READ])
    return found if len(found) >= _FEWEST_WORDS else frozenset()


def _blocks(database: Database, namespace: str) -> Iterator[tuple[list[int], list[str], Matrix]]:
    """Row keys, tasks and embeddings (zeros where there is none), each block in a short read transaction of its own."""
    after = 0
    sql = (
        "SELECT key, task, embedding FROM cases LEFT JOIN case_vectors ON case_key = key"
        " WHERE forgotten_at IS NULL AND cases.namespace = ? AND outcome <> 'unknown' AND key > ? ORDER BY key LIMIT ?"
    )
    while True:
        with database.reading() as db:
            rows = fetch_all(db, sql, (namespace, after, _BLOCK))
            nothing = bytes(4 * int(meta.get(db, "dimension") or 1))
        if not rows:
            return
        after = rows[-1][0]
        matrix = np.frombuffer(b"".join(row[2] or nothing for row in rows), np.float32).reshape(len(rows), -1)
        yield [row[0] for row in rows], [row[1] for row in rows], matrix
