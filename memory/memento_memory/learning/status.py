"""What was learned so far, and going back to an earlier version."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from memento_memory.errors import InputError
from memento_memory.learning.attempts import known, last
from memento_memory.learning.lease import held, holding
from memento_memory.learning.spawn import wanted
from memento_memory.store import decisions, versions
from memento_memory.store.database import Database

if TYPE_CHECKING:
    from memento_memory.store.versions import Version


@dataclass(frozen=True, slots=True)
class Status:
    """Where learning stands.

    Attributes:
        in_force: the version in use; 0 is the prior.
        versions: all that were stored, oldest first.
        known: episodes with known outcomes.
        trained_on: how many there were at the last training.
        wanted: how many start the next one.
        learner: the process that is training now, as host and number, or "".
    """

    in_force: Version
    versions: list[Version]
    known: int
    trained_on: int
    wanted: int
    learner: str


def status(database: Database) -> Status:
    """Where learning stands."""
    with database.reading() as db:
        return Status(
            versions.in_force(db),
            versions.all_(db),
            known(db),
            last(db).known,
            wanted(db),
            holding(db, time.time()),
        )


def rollback(database: Database, version: int | None = None) -> Version:
    """Go back to a version, which first learns the outcomes that came in since.

    Args:
        version: its number; 0 goes back to similarity, with nothing learned. By default the one before the one in
            force.

    Raises:
        NotFoundError: if there is no such version.
        InputError: if it is in force already, or was made with other features.
        LearnerBusyError: if a learner is at work.
    """
    from memento_memory.fitting import refitted

    with held(database) as lease, database.writing() as db:
        lease.confirm(db)
        now = versions.in_force(db)
        number = int(now.report.get("parent", 0)) if version is None else version
        target = versions.of(db, number)
        if number == now.version == versions.mark_in_force(db)[0]:  # a damaged one leaves the prior in its place
            raise InputError("version", f"{number} is in force already; `memento learn --status` lists the others")
        if target.schema != now.schema:
            raise InputError("version", f"{number} was made with other features; train a new one with `memento learn`")
        versions.put_in_force(db, number)
        if number == 0:
            decisions.forget_learned(db)
            return versions.prior()
        return refitted(db, replace(target, status="in_force", watch=versions.unwatched(target)))
