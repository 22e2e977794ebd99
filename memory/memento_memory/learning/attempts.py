"""When the learner last tried, noted in the bank, so that it neither gives up after a power cut nor tries for ever."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import apsw

from memento_memory.store import meta
from memento_memory.store.query import fetch_number

TRIES = 3
_NAME = "learner_attempt"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run of the learner, or several that were interrupted.

    Attributes:
        known: how many outcomes were known when it began.
        tries: how often it was begun.
        done: whether it came to an end, whatever that was.
    """

    known: int = 0
    tries: int = 0
    done: bool = True

    @property
    def may_go_on(self) -> bool:
        """Whether it was interrupted and is worth another try."""
        return not self.done and self.tries < TRIES


def last(db: apsw.Connection) -> Attempt:
    """The last attempt; one of nothing where there was none."""
    text = meta.get(db, _NAME)
    return Attempt(**json.loads(text)) if text else Attempt()


def begin(db: apsw.Connection) -> None:
    """Note that a run begins."""
    before = last(db)
    _put(db, Attempt(known(db), 1 if before.done else before.tries + 1, False))


def finish(db: apsw.Connection) -> None:
    """Note that the run came to an end."""
    before = last(db)
    _put(db, Attempt(before.known, before.tries, True))


def known(db: apsw.Connection, limit: int = -1) -> int:
    """How many episodes with a decision have a known outcome; stops counting at `limit`."""
    sql = (
        "SELECT count(*) FROM (SELECT 1 FROM decisions JOIN episodes ON key = episode_key"
        " WHERE reward IS NOT NULL LIMIT ?)"
    )
    return fetch_number(db, sql, (limit,))


def _put(db: apsw.Connection, attempt: Attempt) -> None:
    meta.put(db, _NAME, json.dumps(asdict(attempt)))
