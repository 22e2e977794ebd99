"""The journal of a run: its state on disk after every step, and the right to be the one who works on it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
from filelock import FileLock, Timeout

from memento_memory.errors import InputError
from memento_memory.store.database import Database
from memento_planner import run_state
from memento_planner.events import Spent
from memento_planner.run_state import Cycle, RunState


def held(database: Database, plan_id: str) -> FileLock:
    """Keep other processes away from a run until the lock is released, or this process ends in whatever way.

    Raises:
        InputError: if another one is at work on it.
    """
    digest = hashlib.sha256(plan_id.encode()).hexdigest()[:12]
    lock = FileLock(database.path.with_name(f"{database.path.name}.{digest}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError("plan_id", f"another process is at work on {plan_id}; wait for it, or end it") from None
    return lock


def let_go(lock: FileLock) -> None:
    """Release a lock and leave no file behind."""
    if os.name != "nt":  # where a file that is open cannot be removed
        Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


class Journal:
    """Keeps the state of one run.

    Attributes:
        state: as it is now; on disk up to the last `write` that returned.
    """

    def __init__(self, database: Database, state: RunState, spent: Callable[[], Spent]) -> None:
        self.state = state
        self._database = database
        self._spent = spent
        self._writing = anyio.Lock()
        self._lock: FileLock | None = None

    async def write(self, state: RunState) -> None:
        """Take over a state and write it down, once it has an episode; of several at once the latest is what stays."""
        self.state = state
        async with self._writing:
            self.state = replace(self.state, spent=self._spent())
            if self.state.plan_id:
                await anyio.to_thread.run_sync(run_state.save, self._database, self.state)

    async def put(self, cycle: Cycle) -> None:
        """Write down the cycle that is at work."""
        await self.write(self.state.with_cycle(cycle))

    def hold(self, plan_id: str) -> None:
        """Keep other processes away from the run until `release`.

        Raises:
            InputError: if another one is at work on it.
        """
        self._lock = held(self._database, plan_id)

    def release(self) -> None:
        """Let others work on the run."""
        if self._lock is not None:
            let_go(self._lock)
            self._lock = None
