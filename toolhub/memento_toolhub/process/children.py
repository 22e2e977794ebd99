"""The child processes of this process: marked, found, and named to the guard that ends them if we are gone."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from pathlib import Path

import anyio
import anyio.to_thread
import psutil

logger = logging.getLogger(__name__)

# A child's environment carries this, and with it everything the child starts. Behind another Memento the marker is
# appended to the one found, so that each of them finds its own.
MARKER_VARIABLE = "MEMENTO_CHILD"

_GUARD = Path(__file__).with_name("guard.py")
# The guard needs at most two seconds for SIGTERM and five for SIGKILL.
_GUARD_SECONDS = 8.0


class Child:
    """One child process, from before it is started until nothing of it is left to look after.

    Attributes:
        marker: its mark, found in the environment of the child and of its descendants.
        pid: the process; None before it was started and where it could not be found.
    """

    def __init__(self, children: Children) -> None:
        self._children = children
        self.marker = uuid.uuid4().hex
        self.pid: int | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What the child's environment must hold in addition."""
        outer = os.environ.get(MARKER_VARIABLE)
        return {MARKER_VARIABLE: f"{outer}/{self.marker}" if outer else self.marker}

    @asynccontextmanager
    async def spawning(self) -> AsyncGenerator[None]:
        """The time in which the process is started; afterwards its pid is known."""
        async with self._children.spawning:
            before = await anyio.to_thread.run_sync(_own_children)
            yield
            after = await anyio.to_thread.run_sync(_own_children)
            self.pid = _newcomer(self.marker, before, after)
            self._children.changed()


class Children:
    """All stdio children of this process. They are started one at a time, so that each is told from the others."""

    def __init__(self) -> None:
        self._watched: dict[str, Child] = {}
        self._guard: subprocess.Popen[bytes] | None = None
        self.spawning = anyio.Lock()

    @contextmanager
    def watch(self) -> Generator[Child]:
        """Look after a child that is about to be started; what is left of it at the end is ended."""
        child = Child(self)
        self._watched[child.marker] = child
        # Told before the start: a process that is there already when we are killed is then found by its marker.
        self.changed()
        try:
            yield child
        finally:
            del self._watched[child.marker]
            self.changed()

    @property
    def pids(self) -> list[int]:
        """The children that are looked after."""
        return [child.pid for child in self._watched.values() if child.pid is not None]

    @property
    def guard_pid(self) -> int | None:
        """The guard's process while there is one."""
        return self._guard.pid if self._guard is not None and self._guard.poll() is None else None

    def changed(self) -> None:
        """Tell the guard whom it watches; start it if it is not there."""
        if os.name == "nt":
            return  # a job object ends the child and its descendants with us
        line = json.dumps({child.marker: child.pid for child in self._watched.values()}).encode() + b"\n"
        for _ in range(2):
            if self.guard_pid is None:
                if not self._watched:
                    return
                self._forget_guard()
                self._guard = _start_guard()
            if self._guard is None or self._guard.stdin is None:
                return
            with suppress(BrokenPipeError):
                self._guard.stdin.write(line)
                return
            # It has just ended; the next one is told the same.
            self._guard.wait(timeout=_GUARD_SECONDS)
        logger.warning("The guard of the child processes ends at once; they may stay if Memento is killed")

    def close(self) -> None:
        """Let the guard end what is left and itself, and wait for it."""
        self._forget_guard()

    def _forget_guard(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait(timeout=_GUARD_SECONDS)
        self._guard = None


@cache
def of_this_process() -> Children:
    """The children of this process."""
    return Children()


def _start_guard() -> subprocess.Popen[bytes] | None:
    """Start the guard without waiting until it is ready: it reads what it was told when it is."""
    if not sys.executable:
        logger.warning("No Python interpreter to run the guard with; child processes may stay if Memento is killed")
        return None
    packages = str(Path(psutil.__file__).parents[1])
    # Without the marker, the guard of an outer Memento leaves ours the time to do its work.
    environment = {name: value for name, value in os.environ.items() if name != MARKER_VARIABLE}
    # Inherited by the guard, which is so deaf to them from its first moment.
    ours = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), packages],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, ours)


def _own_children() -> Mapping[int, psutil.Process]:
    return {process.pid: process for process in psutil.Process().children()}


def _newcomer(marker: str, before: Mapping[int, psutil.Process], after: Mapping[int, psutil.Process]) -> int | None:
    """The process that carries the marker; of one that cleared its environment, the only new session leader."""
    new = [process for pid, process in after.items() if before.get(pid) != process]
    for process in new:
        with suppress(psutil.Error):
            if marker in process.environ().get(MARKER_VARIABLE, ""):
                return process.pid
    leaders = [process.pid for process in new if _leads_session(process.pid)]
    return leaders[0] if len(leaders) == 1 else None


def _leads_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except (AttributeError, OSError):
        return False
