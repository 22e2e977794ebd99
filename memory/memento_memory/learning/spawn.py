"""Starting the slow learner as a process of its own, and knowing when that is worth while."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import apsw

from memento_memory.learning.attempts import known, last
from memento_memory.learning.lease import holding
from memento_memory.learning.recipe import DEFAULT

_MODULE = "memento_memory.learning"
_NEW_AT_LEAST = 100
_NEW_SHARE = 0.25
_log = logging.getLogger(__name__)


def is_due(db: apsw.Connection) -> bool:
    """Whether enough outcomes came in since the last training, or it was interrupted, and none is under way."""
    enough = wanted(db)
    return (last(db).may_go_on or known(db, enough) >= enough) and not holding(db, time.time())


def wanted(db: apsw.Connection) -> int:
    """How many episodes with known outcomes start the next training."""
    before = last(db).known
    return max(DEFAULT.least, before + max(_NEW_AT_LEAST, round(_NEW_SHARE * before))) if before else DEFAULT.least


def start(bank: Path) -> subprocess.Popen[bytes] | None:
    """Start learning from a bank in the background, detached and at the lowest priority.

    What it logs goes into a file beside the bank, whose name ends in `.learn.log`.

    Returns:
        The process; it ends by itself, at once if another learner is at work. None if it could not be started.
    """
    log = bank.with_name(bank.name + ".learn.log")
    try:
        with log.open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", _MODULE, str(bank)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=out,  # not ours: who waits for our stderr to close must not wait for the learner
                start_new_session=True,
                creationflags=getattr(subprocess, "IDLE_PRIORITY_CLASS", 0)
                | getattr(subprocess, "CREATE_NO_WINDOW", 0),
                env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            )
    except OSError as error:
        _log.warning("the learner could not be started: %s", error)
        return None


def lower_priority() -> None:
    """Let every other process go first."""
    import psutil

    try:
        psutil.Process().nice(getattr(psutil, "IDLE_PRIORITY_CLASS", 19))  # a class on Windows, a number elsewhere
    except psutil.AccessDenied:
        _log.info("the priority of this process cannot be lowered")
