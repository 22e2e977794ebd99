"""One bare process that does what a memory cannot do without, and says how long it took: for comparison.

    python bare_process.py BANK FOLDER

Reads lines {"do": "search" or "commit", "text": …} and answers each with the milliseconds. A search is embedding the
text and an exact search for the ten nearest over the bank's vectors, held in memory as one matrix. A commit is
embedding the text and one row written to an SQLite file with write-ahead log and synchronous = FULL.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.embedding import DEFAULT_MODEL, find_prepared, load

TOP = 10


def vectors_of(bank: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Row keys, shape (n,), and vectors, shape (n, dimension), of a bank."""
    connection = apsw.Connection(str(bank), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute("SELECT case_key, embedding FROM case_vectors ORDER BY case_key").fetchall()
    keys = np.array([key for key, _ in rows], np.int64)
    return keys, np.frombuffer(b"".join(vector for _, vector in rows), np.float32).reshape(len(rows), -1)  # type: ignore[misc]


def exact(vectors: NDArray[np.float32], query: NDArray[np.float32], top: int = TOP) -> NDArray[np.intp]:
    """Rows with the largest cosine, best first."""
    cosine = vectors @ query
    best = np.argpartition(-cosine, min(top, len(cosine) - 1))[:top]
    return best[np.argsort(-cosine[best])]


def main() -> None:
    prepared = find_prepared(DEFAULT_MODEL)
    if prepared is None:
        raise SystemExit("the model is not prepared; run: memento prepare")
    embedder = load(prepared)
    _, vectors = vectors_of(Path(sys.argv[1]))
    log = apsw.Connection(str(Path(sys.argv[2]) / "bare.sqlite3"))
    setting_up = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS log (text, vector)"
    log.execute(setting_up).fetchall()  # without fetching, nothing after the first row is carried out
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.perf_counter()
        vector = embedder.embed([asked["text"]])[0]
        if asked["do"] == "search":
            exact(vectors, vector)
        else:
            log.execute("INSERT INTO log VALUES (?, ?)", (asked["text"], vector.tobytes()))
        print((time.perf_counter() - began) * 1e3, flush=True)


if __name__ == "__main__":
    main()
