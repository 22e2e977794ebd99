"""Ends the child processes of a Memento that is gone, and what a closed connection leaves behind.

Run as `python -I -S guard.py PARENT PACKAGES`, in a session of its own; imports nothing of ours, to start at once.
Each line on stdin is the whole set of children: {"marker": pid or null}. The end of stdin means that the parent ended,
for whatever reason. A child's processes are those that carry its marker in their environment, those of its process
group, and the descendants of both.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

VARIABLE = "MEMENTO_CHILD"
GRACE_SECONDS = 2.0
KILL_SECONDS = 5.0
START_SECONDS = 1.0
_IDLE_SECONDS = 1.0
_BUSY_SECONDS = 0.1


@dataclass(frozen=True)
class Seen:
    """A process at one moment; pid and start together name it for good."""

    pid: int
    parent: int
    group: int
    start: float
    marker: str


@dataclass
class Target:
    """A child that is or was watched; its group is known once its pid was told and until the group is empty."""

    marker: str
    told: bool = False
    group: int | None = None
    start: float = 0.0
    deadline: float = 0.0
    asked: set[tuple[int, float]] = field(default_factory=set)


class ProcFiles:
    """The processes as Linux shows them in /proc."""

    def pids(self) -> list[int]:
        """All processes."""
        return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]

    def see(self, pid: int) -> Seen | None:
        """One process; None if it ended, a zombie included."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as stream:
                # The name before the last ")" may hold anything.
                fields = stream.read().rpartition(b")")[2].split()
        except OSError:
            return None
        if fields[0] in (b"Z", b"X"):
            return None
        return Seen(pid, int(fields[1]), int(fields[2]), float(fields[19]), self._marker(pid))

    def _marker(self, pid: int) -> str:
        with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as stream:
            for entry in stream.read().split(b"\0"):
                name, _, value = entry.partition(b"=")
                if name == VARIABLE.encode():
                    return value.decode(errors="replace")
        return ""


class PsutilProcesses:
    """The processes of a system without /proc, by psutil."""

    def __init__(self, packages: str) -> None:
        if packages not in sys.path:
            sys.path.append(packages)
        import psutil

        self._psutil = psutil

    def pids(self) -> list[int]:
        """All processes."""
        return self._psutil.pids()

    def see(self, pid: int) -> Seen | None:
        """One process; None if it ended, a zombie included."""
        with suppress(self._psutil.Error, OSError):
            process = self._psutil.Process(pid)
            if process.status() != self._psutil.STATUS_ZOMBIE:
                marker = ""
                with suppress(self._psutil.Error, OSError):
                    marker = process.environ().get(VARIABLE, "")
                return Seen(pid, process.ppid(), os.getpgid(pid), process.create_time(), marker)
        return None


class Guard:
    """The children that are watched and those being ended."""

    def __init__(self, parent: int, system: ProcFiles | PsutilProcesses) -> None:
        self._parent = parent
        self._system = system
        self._watched: dict[str, Target] = {}
        self._ending: list[Target] = []

    @property
    def busy(self) -> bool:
        """Whether something is still being ended."""
        return bool(self._ending)

    def replace(self, children: Mapping[str, int | None]) -> None:
        """Watch these children from now on and end what is left of the others."""
        for marker in self._watched.keys() - children.keys():
            target = self._watched.pop(marker)
            target.deadline = time.monotonic() + GRACE_SECONDS
            self._ending.append(target)
        for marker, pid in children.items():
            target = self._watched.setdefault(marker, Target(marker))
            if pid is not None and not target.told:
                target.told = True
                seen = self._system.see(pid)
                # Only a living child of the parent is sure to be the process that was meant.
                if seen is not None and seen.parent == self._parent and seen.group == pid:
                    target.group, target.start = pid, seen.start

    def step(self) -> None:
        """Go on with ending; drop what has ended and, after a while, what cannot be ended."""
        for target in (*self._watched.values(), *self._ending):
            _forget_empty_group(target)
        if not self._ending:
            return
        alive = {pid: seen for pid in self._system.pids() if (seen := self._system.see(pid)) is not None}
        now = time.monotonic()
        for target in list(self._ending):
            victims = self._victims(target, alive)
            for victim in victims:
                self._end(victim, target, force=now >= target.deadline)
            # A child that was never named may be about to start: its environment shows a little after its pid.
            quiet_from = target.deadline - GRACE_SECONDS + (0.0 if target.told else START_SECONDS)
            if now >= (target.deadline + KILL_SECONDS if victims else quiet_from):
                self._ending.remove(target)

    def _victims(self, target: Target, alive: Mapping[int, Seen]) -> list[Seen]:
        """The processes of a child: marked, of its group or asked before, and the descendants of all these."""
        leader = alive.get(target.group or 0)
        if leader is not None and leader.start != target.start:
            target.group = None
        others = [seen for seen in alive.values() if seen.pid not in (os.getpid(), self._parent)]
        chosen = {
            seen.pid
            for seen in others
            if target.marker in seen.marker or seen.group == target.group or (seen.pid, seen.start) in target.asked
        }
        while more := {seen.pid for seen in others if seen.parent in chosen} - chosen:
            chosen |= more
        return [alive[pid] for pid in chosen]

    def _end(self, victim: Seen, target: Target, *, force: bool) -> None:
        name = (victim.pid, victim.start)
        if not force and name in target.asked:
            return
        target.asked.add(name)
        now = self._system.see(victim.pid)
        # Its pid may belong to another process by now.
        if now is not None and now.start == victim.start:
            with suppress(OSError):
                os.kill(victim.pid, signal.SIGKILL if force else signal.SIGTERM)


def _forget_empty_group(target: Target) -> None:
    """Drop a group nobody is in any more, before its number can be given to others."""
    if target.group is not None:
        try:
            os.killpg(target.group, 0)
        except ProcessLookupError:
            target.group = None
        except PermissionError:
            return


def run(parent: int, guard: Guard) -> None:
    """Follow stdin until it ends or the parent is gone, then end every child that is left."""
    stdin = sys.stdin.fileno()
    rest = b""
    while True:
        ready, _, _ = select.select([stdin], [], [], _BUSY_SECONDS if guard.busy else _IDLE_SECONDS)
        data = os.read(stdin, 65_536) if ready else b""
        # A fork of the parent could hold its end of the pipe open, hence the second question.
        if (ready and not data) or os.getppid() != parent:
            break
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            guard.replace(json.loads(line))
        guard.step()
    guard.replace({})
    guard.step()
    while guard.busy:
        time.sleep(_BUSY_SECONDS)
        guard.step()


def main() -> None:
    """Guard the parent named on the command line."""
    # Whoever ends everything, as a service manager does, would end the guard first; it ends with its stdin.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parent, packages = int(sys.argv[1]), sys.argv[2]
    run(parent, Guard(parent, ProcFiles() if os.path.exists("/proc/self/stat") else PsutilProcesses(packages)))


if __name__ == "__main__":
    main()
