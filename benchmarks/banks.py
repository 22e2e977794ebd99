"""Banks of given sizes, filled through the public interface once and then kept in the user's cache directory."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from corpus import Corpus
from numpy.typing import NDArray
from platformdirs import user_cache_path

from memento_memory.bank import CaseBank
from memento_memory.embedding import Embedder, Ready
from memento_memory.store.migration import shipped
from memento_memory.transfer import import_cases


class Remembering:
    """An embedder that keeps the vectors it made in a file, so that banks can be built anew in a minute."""

    def __init__(self, embedder: Embedder, home: Path) -> None:
        self.info = embedder.info
        self._embedder = embedder
        self._path = home / f"vectors-{embedder.info.weights_hash[:16]}.npz"
        self._known: dict[bytes, NDArray[np.float32]] = {}
        self._saved = 0
        if self._path.exists():
            with np.load(self._path) as file:
                self._known = dict(zip(map(bytes, file["texts"]), file["vectors"], strict=True))
            self._saved = len(self._known)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector a text, shape (n, dimension)."""
        keys = [_digest(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if new:
            self._known |= dict(zip(new, self._embedder.embed(list(new.values())), strict=True))
        return np.array([self._known[key] for key in keys], np.float32)

    def save(self) -> None:
        """Write what is new."""
        if len(self._known) > self._saved:
            partial = self._path.with_suffix(".partial.npz")
            digests = np.frombuffer(b"".join(self._known), np.uint8).reshape(len(self._known), -1)
            np.savez(partial, texts=digests, vectors=np.array(list(self._known.values())))
            partial.rename(self._path)
            self._saved = len(self._known)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def home() -> Path:
    """The folder for what takes long to make: $MEMENTO_BENCH_CACHE, or one in the user's cache directory."""
    return Path(os.environ.get("MEMENTO_BENCH_CACHE") or user_cache_path("memento-bench", appauthor=False))


@dataclass(frozen=True, slots=True)
class Banks:
    """Makes banks of the first n pairs of a corpus; each grows out of a copy of the next smaller one."""

    corpus: Corpus
    embedder: Remembering

    @property
    def folder(self) -> Path:
        """Where these banks are kept; another model, corpus or schema has another folder."""
        key = hashlib.sha256(self.embedder.info.weights_hash.encode())
        for line in self.corpus.lines(0, 1_000):
            key.update(line.encode())
        for migration in shipped():
            key.update(migration.sql.encode())
        return home() / key.hexdigest()[:16]

    def build(self, sizes: list[int]) -> dict[int, Path]:
        """Bank files by number of cases; do not write to them, copy them first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        found: dict[int, Path] = {}
        grown: tuple[int, Path] | None = None
        for size in sorted(sizes):
            path = self.folder / f"{size}.sqlite3"
            if not path.exists():
                self._grow(grown, size, path)
            found[size] = path
            grown = size, path
        return found

    def _grow(self, smaller: tuple[int, Path] | None, size: int, path: Path) -> None:
        began, partial = time.perf_counter(), path.with_suffix(".partial")
        for leftover in (partial, *(partial.with_name(partial.name + end) for end in ("-wal", "-shm"))):
            leftover.unlink(missing_ok=True)
        if smaller is not None:
            shutil.copyfile(smaller[1], partial)
        bank = CaseBank(partial, Ready(self.embedder))
        try:
            report = import_cases(bank, self.corpus.lines(smaller[0] if smaller else 0, size))
            bank.embed_pending(lambda done, total: _tell(f"  {size:,} cases: {done:,} of {total:,} vectors"))
            if bank.stats().total != size:
                raise RuntimeError(f"the bank has {bank.stats().total:,} cases, not {size:,}: {report}")
        finally:
            bank.close()
        self.embedder.save()
        partial.rename(path)
        print(f"  built a bank of {size:,} cases in {time.perf_counter() - began:.0f} s")


def _tell(progress: str) -> None:
    if sys.stdout.isatty():
        print(progress, end="\r", flush=True)


def copied(bank: Path, folder: Path) -> Path:
    """A copy of a bank that may be written to."""
    target = folder / bank.name
    shutil.copyfile(bank, target)
    return target
