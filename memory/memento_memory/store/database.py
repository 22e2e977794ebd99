"""The bank's file: opening it safely, migrating it, and lending connections to readers and one writer."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from memento_memory.errors import BankBusyError, BankError
from memento_memory.store.migration import Migration, migrate, shipped

LOCK_WAIT_S = 30.0
_HEADER = b"SQLite format 3\x00"
_PRAGMAS = """
    PRAGMA foreign_keys = ON;
    PRAGMA synchronous = FULL;
    PRAGMA trusted_schema = ON;  -- triggers keep the FTS5 and vec0 tables in step
    PRAGMA mmap_size = 1073741824;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA temp_store = MEMORY;
"""


class Database:
    """A pool of connections to one bank file; safe to share between threads.

    Args:
        path: the bank file; made, with its folder, when there is none.

    Raises:
        BankError: if the file is no bank, is damaged, was made by a newer version or cannot be written.
        BankBusyError: if another process keeps it locked for more than half a minute.
    """

    def __init__(self, path: Path, *, migrations: tuple[Migration, ...] | None = None) -> None:
        self.path = path
        self._idle: queue.LifoQueue[apsw.Connection] = queue.LifoQueue()
        self._writer = threading.Lock()
        self._closed = threading.Event()
        with explained(path):
            self._make_folder()
            self._refuse_foreign_file()
            connection = self._connect()
            try:
                migrate(connection, path, shipped() if migrations is None else migrations)
                _switch_to_wal(connection)
            except BaseException:
                connection.close()
                raise
            self._give_back(connection)

    @contextlib.contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """Lend a connection inside one read transaction: everything read belongs to one state of the bank."""
        with self._lent() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """Lend a connection inside one write transaction; on leaving, it is on disk, or nothing of it is.

        Raises:
            BankBusyError: if the lock was not had within half a minute.
        """
        if not self._writer.acquire(timeout=LOCK_WAIT_S):
            raise _busy(self.path)
        try:
            with self._lent() as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
        finally:
            self._writer.release()

    def close(self) -> None:
        """Close every idle connection; the last one to go checkpoints the write-ahead log."""
        self._closed.set()
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    @contextlib.contextmanager
    def _lent(self) -> Iterator[apsw.Connection]:
        with explained(self.path):
            if self._closed.is_set():
                raise BankError(f"the bank {self.path} was closed; open it again")
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = self._connect()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def _give_back(self, connection: apsw.Connection) -> None:
        # A connection that was opened read-only stays so, even when the file can be written by now.
        if self._closed.is_set() or connection.readonly("main"):
            connection.close()
        else:
            self._idle.put(connection)

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path))
        connection.set_busy_timeout(int(LOCK_WAIT_S * 1000))
        connection.enable_load_extension(True)
        connection.load_extension(vec0_path())
        connection.enable_load_extension(False)
        connection.execute(_PRAGMAS).fetchall()  # it would stop at the first that answers
        return connection

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BankError(
                f"cannot make the bank's folder {self.path.parent} ({error.strerror}); choose another place with --bank"
            ) from error

    def _refuse_foreign_file(self) -> None:
        """Look before SQLite does: it would lay its own tables into any empty or foreign database."""
        if self.path.is_dir():
            raise BankError(f"{self.path} is a folder; give the path of a file with --bank or MEMENTO_BANK")
        if not self.path.exists():
            return
        if not os.access(self.path, os.W_OK):  # SQLite would lay read-only logs beside it, which outlast the mending
            raise BankError(_cannot_be_written(self.path))
        if self.path.stat().st_size == 0:
            return
        with self.path.open("rb") as file:
            header = file.read(100)
        if not header.startswith(_HEADER):
            raise BankError(f"{self.path} is not an SQLite file, so not a Memento bank; give another path with --bank")


def vec0_path() -> str:
    """Where the sqlite-vec extension lies, without importing the package."""
    spec = importlib.util.find_spec("sqlite_vec")  # importing it would import numpy, at start-up's cost
    if spec is None or spec.origin is None:
        raise BankError("the package sqlite-vec is not installed; run: pip install sqlite-vec")
    return str(Path(spec.origin).with_name("vec0"))


def _switch_to_wal(connection: apsw.Connection) -> None:
    """Switch the journal mode, which answers "busy" at once where others wait for the lock."""
    if connection.pragma("journal_mode") == "wal":
        return
    end = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            connection.pragma("journal_mode", "wal")
            return
        except apsw.BusyError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def _cannot_be_written(path: Path) -> str:
    return f"the bank {path} cannot be written; make the file and its folder writable, or give another with --bank"


def _busy(path: Path) -> BankBusyError:
    return BankBusyError(
        f"the bank {path} was locked by another process for {LOCK_WAIT_S:.0f} s; nothing was written, try again"
    )


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's exceptions into ones that say what is wrong with the file and what to do."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as error:
        raise _busy(path) from error
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise BankError(
            f"the bank {path} is damaged ({error}); put a backup in its place (look for {path.name}.*.bak beside it), "
            f"or move it away to start an empty one"
        ) from error
    except (apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise BankError(_cannot_be_written(path)) from error
    except (apsw.CantOpenError, PermissionError) as error:
        raise BankError(
            f"the bank {path} cannot be opened; check that the file and its folder can be read and written, "
            f"or give another path with --bank"
        ) from error
    except apsw.FullError as error:
        raise BankError(f"the disk of the bank {path} is full; nothing was written, free some space") from error
    except apsw.IOError as error:
        raise BankError(
            f"reading or writing the bank {path} failed ({error}); nothing was written, check the disk"
        ) from error
