"""A lease in the bank: only one learner at a time, and one that was killed does not block the next for ever."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import apsw

from memento_memory.learning.errors import LearnerBusyError
from memento_memory.store.database import Database
from memento_memory.store.query import fetch_one

NAME = "learner"
TERM_S = 180.0


@dataclass(slots=True)
class Lease:
    """The right to learn from a bank, for `TERM_S` seconds after each renewal."""

    database: Database
    holder: str
    clock: Callable[[], float]
    renewed: float

    def renew(self) -> None:
        """Go on holding it; costs a write only once a quarter of the term is over.

        Raises:
            LearnerBusyError: if it ran out and another learner took it.
        """
        now = self.clock()
        if now - self.renewed < TERM_S / 4:
            return
        with self.database.writing() as db:
            self.confirm(db)
        self.renewed = now

    def confirm(self, db: apsw.Connection) -> None:
        """Make sure, inside a write transaction, that it is still held.

        Raises:
            LearnerBusyError: if it ran out and another learner took it.
        """
        sql = "UPDATE leases SET expires_at = ? WHERE name = ? AND holder = ?"
        db.execute(sql, (self.clock() + TERM_S, NAME, self.holder))
        if not db.changes():
            raise LearnerBusyError("the lease of this learner ran out and another took over; its work is not stored")


@contextmanager
def held(database: Database, *, holder: str = "", clock: Callable[[], float] = time.time) -> Iterator[Lease]:
    """Hold the bank's lease for learning, and give it back.

    Args:
        holder: who asks; by default this process, by host and number.

    Raises:
        LearnerBusyError: if another learner holds it.
    """
    lease = Lease(database, holder or f"{socket.gethostname()}:{os.getpid()}", clock, clock())
    with database.writing() as db:
        if (other := holding(db, clock())) and other != lease.holder:
            raise LearnerBusyError(f"another learner ({other}) is at work on {database.path}; wait until it is done")
        values = (NAME, lease.holder, clock() + TERM_S)
        db.execute("INSERT OR REPLACE INTO leases (name, holder, expires_at) VALUES (?, ?, ?)", values)
    try:
        yield lease
    finally:
        with database.writing() as db:
            db.execute("DELETE FROM leases WHERE name = ? AND holder = ?", (NAME, lease.holder))


def holding(db: apsw.Connection, now: float) -> str:
    """Who is learning from this bank at the moment, or ""."""
    row = fetch_one(db, "SELECT holder FROM leases WHERE name = ? AND expires_at > ?", (NAME, now))
    return str(row[0]) if row and _may_live(str(row[0])) else ""


def _may_live(holder: str) -> bool:
    """False only where the holder is a process of this machine that has ended."""
    import psutil

    host, _, number = holder.rpartition(":")
    return host != socket.gethostname() or not number.isdigit() or psutil.pid_exists(int(number))
