"""Banks of given sizes, filled through the public interface once and then kept in the user's cache directory."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from corpus import Corpus
from platformdirs import user_cache_path

from memento_memory.bank import CaseBank
from memento_memory.embedding import Embedder, Ready
from memento_memory.store.migration import shipped
from memento_memory.transfer import import_cases


@dataclass(frozen=True, slots=True)
class Banks:
    """Makes banks of the first n pairs of a corpus; each grows out of a copy of the next smaller one."""

    corpus: Corpus
    embedder: Embedder

    @property
    def folder(self) -> Path:
        """Where these banks are kept; another model, corpus or schema has another folder."""
        key = hashlib.sha256(self.embedder.info.weights_hash.encode())
        for line in self.corpus.lines(0, 1_000):
            key.update(line.encode())
        for migration in shipped():
            key.update(migration.sql.encode())
        home = Path(os.environ.get("MEMENTO_BENCH_CACHE") or user_cache_path("memento-bench", appauthor=False))
        return home / key.hexdigest()[:16]

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
