"""Looks at what all processes of a sandbox take together, which no limit on a single one bounds."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from memento_toolhub.servers.code import tree, view
from memento_toolhub.servers.code.limits import MB, Limits

_IN_MEMORY = ("tmp", "dev/shm", view.HOME.removeprefix("/"))
_WALK_SECONDS = 0.2
_WALK_BYTES = 64 * MB
_LEAST_FREE = 256 * MB
_OTHERS = 1024 * MB  # that other programs may well write to the same disk meanwhile


class Watch:
    """What a running sandbox takes; it is made before anything foreign runs inside.

    Bytes and files of the workspace are counted by walking through it. What cannot be found that way (files that were
    deleted but are still open, folders that are locked or very deep) is missing from the disk all the same.

    Attributes:
        tasks: processes and threads, at the last look.
    """

    def __init__(self, first: int, workspace: Path, limits: Limits) -> None:
        self._root = f"/proc/{first}/root"
        self._workspace = workspace
        self._limits = limits
        self._inside: list[int] = []
        self._memory = 0
        self.tasks = 0
        self._bytes, self._files = self._at_first = self._count()
        self._free = self._free_at_last_walk = self._disk()
        self._least_free = min(_LEAST_FREE, _free_memory() // 2)
        self._next_walk = 0.0

    def close(self) -> None:
        """Let go of the sandbox's folders, which stay in memory until then."""
        while self._inside:
            os.close(self._inside.pop())

    def excess(self) -> str | None:
        """What the sandbox takes too much of; None where all is well, or nothing runs yet."""
        if not self._inside and not self._enter():
            return None
        return self._processes() or self._memory_folders() or self._storage()

    def _enter(self) -> bool:
        """Open the sandbox's own folders, once its file system is complete."""
        try:
            if not os.path.exists(self._root + view.START):
                return False
            for folder in ("proc", *_IN_MEMORY):
                self._inside.append(os.open(f"{self._root}/{folder}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except OSError:
            self.close()
            return False
        return True

    def _processes(self) -> str | None:
        numbers = [name for name in os.listdir(self._inside[0]) if name.isdigit()]
        if len(numbers) > self._limits.tasks:
            return "processes"
        seen = [_status(number, self._inside[0]) for number in numbers]
        self.tasks = sum(threads for threads, _ in seen)
        if self.tasks > self._limits.tasks:
            return "processes"
        self._memory = sum(memory for _, memory in seen)
        return None

    def _memory_folders(self) -> str | None:
        stats = [os.fstatvfs(folder) for folder in self._inside[1:]]
        used = self._memory + sum((stat.f_blocks - stat.f_bfree) * stat.f_frsize for stat in stats)
        if used > self._limits.memory or _free_memory() < self._least_free:
            return "memory"
        return "files" if any(stat.f_files - stat.f_ffree > self._limits.files for stat in stats) else None

    def _storage(self) -> str | None:
        free = self._disk()
        if time.monotonic() >= self._next_walk or self._free_at_last_walk[0] - free[0] > _WALK_BYTES:
            began = time.monotonic()
            self._bytes, self._files = self._count()
            self._free_at_last_walk = free
            took = time.monotonic() - began
            self._next_walk = began + took + max(_WALK_SECONDS, took * 5)
        grown = self._bytes - self._at_first[0], self._files - self._at_first[1]
        hidden = self._free[0] - free[0] - grown[0], self._free[1] - free[1] - grown[1]
        # Whoever finds it full may still tidy up; and others use the disk too.
        if self._bytes > max(self._limits.disk, self._at_first[0]) or hidden[0] > self._limits.disk * 2 + _OTHERS:
            return "disk"
        if self._files > max(self._limits.files, self._at_first[1]) or hidden[1] > self._limits.files * 10:
            return "files"
        return None

    def _count(self) -> tuple[int, int]:
        total, count = 0, 0
        for entry in tree.entries(self._workspace):
            total, count = total + entry.on_disk, count + 1
            if count > self._limits.files * 2 or entry.name.count("/") >= tree.MOST_DEPTH:
                return total, self._limits.files * 2
        return total, count

    def _disk(self) -> tuple[int, int]:
        stat = os.statvfs(self._workspace)
        return stat.f_bfree * stat.f_frsize, stat.f_ffree


def _status(number: str, processes: int) -> tuple[int, int]:
    """Threads, and bytes of memory that no file stands behind."""
    threads, memory = 0, 0
    # It may be gone by now.
    with suppress(OSError), open(os.open(f"{number}/status", os.O_RDONLY, dir_fd=processes), "rb") as file:
        for line in file:
            if line.startswith((b"RssAnon:", b"RssShmem:")):
                memory += int(line.split()[1]) << 10
            elif line.startswith(b"Threads:"):
                threads = int(line.split()[1])
    return threads, memory


def _free_memory() -> int:
    with open("/proc/meminfo", "rb") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(b"MemAvailable:"))
