"""The journal of a run: its state on disk after every step, and the right to be the one who works on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import anyio
import anyio.to_thread
import platformdirs
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
    folder = platformdirs.user_cache_path("memento", appauthor=False) / "running"
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(f"{database.path.resolve()}:{plan_id}".encode()).hexdigest()[:24]
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError("plan_id", f"another process is at work on {plan_id}; wait for it, or end it") from None
    return lock


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
            self._lock.release()
            self._lock = None
