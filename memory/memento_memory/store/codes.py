"""A process's own copy of the vectors' sign bits, for the coarse stage of dense search in large banks."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.store.query import fetch_all, fetch_number


class CodeCopy:
    """48 bytes a case (at 384 dimensions) in memory, brought up to date from the bank's vector log before each search.

    Several servers may write to one bank; the log tells each which vectors came or went since it last looked.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seq = -1  # how far in the vector log; -1: nothing loaded
        self._table: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint64]] | None = None
        self._namespaces: dict[str, int] = {}

    def refresh(self, db: apsw.Connection) -> None:
        """Take in what changed in the bank since the last call."""
        with self._lock:
            seq = fetch_number(db, "SELECT coalesce(max(seq), 0) FROM vector_log")
            if seq < self._seq or self._seq < 0:
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
        keys, groups, codes = table
        if len(wanted) < len(self._namespaces):
            inside = np.isin(groups, wanted)
            keys, codes = keys[inside], codes[inside]
        if len(keys) <= limit:
            return list(map(int, keys))
        distance = np.bitwise_count(codes ^ _words(_bits(query).tobytes(), 1)).sum(axis=1, dtype=np.uint16)
        return list(map(int, keys[np.argpartition(distance, limit)[:limit]]))

    def _load(self, db: apsw.Connection, only: list[int] | None) -> None:
        if only is None:
            # Reading the codes straight from the vec0 table is 30 times less to read than the vectors.
            rows = fetch_all(db, "SELECT rowid, namespace, code FROM case_codes")
        else:
            rows = fetch_all(
                db,
                "SELECT case_key, namespace, vec_quantize_binary(embedding) FROM case_vectors"
                " WHERE case_key IN (SELECT value FROM json_each(?))",
                (json.dumps(only),),
            )
        keys = np.array([key for key, _, _ in rows], np.int64)
        groups = np.array([self._namespaces.setdefault(n, len(self._namespaces)) for _, n, _ in rows], np.int32)
        fresh = (keys, groups, _words(b"".join(code for _, _, code in rows), len(rows)))
        if only is None or self._table is None:
            self._table = fresh
            return
        kept = ~np.isin(self._table[0], only)
        old = (self._table[0][kept], self._table[1][kept], self._table[2][kept])
        if not len(keys):
            self._table = old
        elif not len(old[0]):
            self._table = fresh
        else:
            self._table = (
                np.concatenate([old[0], fresh[0]]),
                np.concatenate([old[1], fresh[1]]),
                np.concatenate([old[2], fresh[2]]),
            )


def _bits(vector: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Sign bits in the order of sqlite-vec's `vec_quantize_binary`."""
    return np.packbits(vector > 0, bitorder="little")


def _words(codes: bytes, rows: int) -> NDArray[np.uint64]:
    """Codes laid end to end, as whole 64-bit words padded with zeros, one row each."""
    if not rows:
        return np.empty((0, 0), np.uint64)
    bytes_ = np.frombuffer(codes, np.uint8).reshape(rows, -1)
    return np.ascontiguousarray(np.pad(bytes_, ((0, 0), (0, -bytes_.shape[1] % 8)))).view(np.uint64)
