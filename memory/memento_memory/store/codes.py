"""A process's own copy of the vectors' sign bits, and in small banks of the vectors, for dense search."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.store import meta
from memento_memory.store.query import fetch_all, fetch_number

HELD_UP_TO = 10_000  # vectors that are held whole: 15 MB at 384 dimensions


@dataclass(frozen=True, slots=True)
class _Table:
    """Keys in ascending order, shape (n,); number of each one's namespace; codes (words, n); vectors (n, dimension)."""

    keys: NDArray[np.int64]
    groups: NDArray[np.int32]
    codes: NDArray[np.uint64]
    vectors: NDArray[np.float32] | None

    def taking(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> _Table:
        """These rows only, in this order."""
        vectors = None if self.vectors is None else self.vectors[rows]
        return _Table(self.keys[rows], self.groups[rows], np.ascontiguousarray(self.codes[:, rows]), vectors)

    def joined(self, other: _Table) -> _Table:
        """The rows of both."""
        if not len(self.keys) or not len(other.keys):
            return other if len(other.keys) else self
        few = len(self.keys) + len(other.keys) <= HELD_UP_TO
        both = few and self.vectors is not None and other.vectors is not None
        table = _Table(
            np.concatenate([self.keys, other.keys]),
            np.concatenate([self.groups, other.groups]),
            np.concatenate([self.codes, other.codes], axis=1),
            np.concatenate([self.vectors, other.vectors]) if both else None,
        )
        return table if other.keys[0] > self.keys[-1] else table.taking(np.argsort(table.keys, kind="stable"))


class CodeCopy:
    """48 bytes a case (at 384 dimensions) in memory, brought up to date from the bank's vector log before each search.

    Several servers may write to one bank; the log tells each which vectors came or went since it last looked.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seq = -1  # how far in the vector log; -1: nothing loaded
        self._table: _Table | None = None
        self._namespaces: dict[str, int] = {}

    def refresh(self, db: apsw.Connection) -> None:
        """Take in what changed in the bank since the last call."""
        with self._lock:
            sql = "SELECT (SELECT max(seq) FROM vector_log), (SELECT min(seq) FROM vector_log)"
            seq, oldest = (number or 0 for number in fetch_all(db, sql)[0])
            if seq < self._seq or self._seq < oldest - 1:
                self._load(db, None)
            elif seq > self._seq:
                changed = [
                    k for (k,) in fetch_all(db, "SELECT DISTINCT case_key FROM vector_log WHERE seq > ?", (self._seq,))
                ]
                self._load(db, changed if len(changed) < 5_000 else None)
            self._seq = seq

    def nearest(self, query: NDArray[np.float32], namespaces: Sequence[str], limit: int) -> list[int]:
        """Row keys of the cases with the smallest Hamming distance between sign bits, in no order."""
        with self._lock:
            table, wanted = self._table, [self._namespaces[n] for n in namespaces if n in self._namespaces]
        if table is None or not wanted:
            return []
        keys, codes = table.keys, table.codes
        if len(wanted) < len(self._namespaces):
            inside = np.isin(table.groups, wanted)
            keys, codes = keys[inside], codes[:, inside]
        if len(keys) <= limit:
            found: list[int] = keys.tolist()
            return found
        apart = np.bitwise_count(codes ^ _words(_bits(query[None])))
        return _smallest(keys, apart.sum(axis=0, dtype=np.uint16), limit)

    def of_cases(self, keys: Sequence[int]) -> tuple[list[int], NDArray[np.float32]] | None:
        """The vectors of these cases as `vectors.of_cases` gives them, or None where they are not held."""
        with self._lock:
            table = self._table
        if table is None or table.vectors is None:
            return None
        wanted = np.array(keys, np.int64)
        at = np.minimum(np.searchsorted(table.keys, wanted), max(len(table.keys) - 1, 0))
        known = table.keys[at] == wanted if len(table.keys) else np.zeros(len(wanted), np.bool_)
        return wanted[known].tolist(), table.vectors[at[known]]

    def _load(self, db: apsw.Connection, only: list[int] | None) -> None:
        if only is None:
            many = fetch_number(db, "SELECT count(*) FROM (SELECT 1 FROM case_vectors LIMIT ?)", (HELD_UP_TO + 1,))
            self._table = self._read_codes(db) if many > HELD_UP_TO else self._read_vectors(db, None)
            return
        fresh, held = self._read_vectors(db, only), self._table
        if held is not None and (gone := np.isin(held.keys, only)).any():
            held = held.taking(~gone)
        self._table = fresh if held is None else held.joined(fresh)

    def _read_codes(self, db: apsw.Connection) -> _Table:
        # Reading the codes straight from the vec0 table is 30 times less to read than the vectors.
        rows = fetch_all(db, "SELECT rowid, namespace, code FROM case_codes ORDER BY rowid")
        codes = np.frombuffer(b"".join(code for _, _, code in rows), np.uint8).reshape(len(rows), -1)
        return _Table(*self._named(rows), _words(codes), None)

    def _read_vectors(self, db: apsw.Connection, only: list[int] | None) -> _Table:
        some = "" if only is None else " WHERE case_key IN (SELECT value FROM json_each(?))"
        values = () if only is None else (json.dumps(only),)
        rows = fetch_all(db, f"SELECT case_key, namespace, '' FROM case_vectors{some} ORDER BY case_key", values)
        vectors = np.empty((len(rows), int(meta.get(db, "dimension") or 0)), np.float32)
        # One at a time: a list of them all would take as much memory again, and Python keeps it.
        found = db.execute(f"SELECT embedding FROM case_vectors{some} ORDER BY case_key", values)
        for row, (vector,) in enumerate(found):
            vectors[row] = np.frombuffer(vector, np.float32)
        return _Table(*self._named(rows), _words(_bits(vectors)), vectors)

    def _named(self, rows: Sequence[tuple[int, str, bytes]]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        groups = [self._namespaces.setdefault(name, len(self._namespaces)) for _, name, _ in rows]
        return np.array([key for key, _, _ in rows], np.int64), np.array(groups, np.int32)


def _smallest(keys: NDArray[np.int64], distance: NDArray[np.uint16], limit: int) -> list[int]:
    """The keys with the smallest distances: distances are small numbers, so counting them beats partitioning."""
    last = int(np.searchsorted(np.cumsum(np.bincount(distance)), limit))
    nearer, ties = np.flatnonzero(distance < last), np.flatnonzero(distance == last)
    found: list[int] = keys[np.concatenate([nearer, ties[: limit - len(nearer)]])].tolist()
    return found


def _bits(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Sign bits in the order of sqlite-vec's `vec_quantize_binary`."""
    return np.packbits(vectors > 0, axis=-1, bitorder="little")


def _words(codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Codes, shape (n, bytes), as 64-bit words padded with zeros, shape (words, n): long rows are compared quickly."""
    padded = np.pad(codes, ((0, 0), (0, -codes.shape[1] % 8)))
    return np.ascontiguousarray(np.ascontiguousarray(padded).view(np.uint64).T)
