"""The sandbox: what bubblewrap has to be started with so that one process and its children are shut in."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from memento_toolhub.servers.code import inside, view
from memento_toolhub.servers.code.limits import Limits
from memento_toolhub.servers.code.syscalls import seccomp_filter

_GIVEN = {"python": "/run/memento/code.py", "shell": "/run/memento/command.sh", "nothing": "/run/memento/nothing"}


@dataclass(frozen=True, slots=True)
class Started:
    """What to start a run with.

    Attributes:
        command: of bwrap; to be started with an empty environment, which the sandbox could read from its process.
        descriptors: to be handed on to it.
        told: where bwrap tells the process it made; for `first_process`.
    """

    command: list[str]
    descriptors: tuple[int, ...]
    told: int


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A bwrap that works here.

    Attributes:
        bwrap: the program.
        network: whether what runs inside reaches the network, the caller's own machine included.
    """

    bwrap: Path
    network: bool = False
    limits: Limits = field(default_factory=Limits)

    @contextmanager
    def prepared(self, kind: str, text: str, workspace: Path, seconds: float) -> Generator[Started]:
        """What to start in order to run some code or a command; at the end only `told` is left open.

        Args:
            kind: python, shell, or nothing to see whether it works.
            seconds: of wall time it will be given.
        """
        told, tell = os.pipe()
        opened = [tell]
        try:
            arguments = [
                *view.isolation(network=self.network),
                *view.mounts(workspace, self.limits, network=self.network),
                *self._files(_GIVEN[kind], text, opened),
                *("--remount-ro", "/", "--info-fd", str(tell)),
                *("--seccomp", str(_holding(seccomp_filter(platform.machine()) or b"", opened))),
                *(word for name, value in view.environment().items() for word in ("--setenv", name, value)),
            ]
            words = _holding(b"".join(os.fsencode(argument) + b"\0" for argument in arguments), opened)
            bounds = json.dumps(_resource_limits(self.limits, seconds))
            inner = [sys.executable, "-I", "-u", view.START, bounds, kind, _GIVEN[kind]]
            yield Started([str(self.bwrap), "--args", str(words), "--", *inner], tuple(opened), told)
        except BaseException:
            os.close(told)
            raise
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def _files(self, place: str, text: str, opened: list[int]) -> list[str]:
        given = {place: text.encode(errors="replace"), view.START: Path(inside.__file__).read_bytes()}
        given |= {name: own.encode() for name, own in view.files(network=self.network).items()}
        return [word for name in given for word in ("--ro-bind-data", str(_holding(given[name], opened)), name)]


def first_process(told: int) -> int:
    """The sandbox's first process, with whose end all others of it end; 0 where bwrap could not make one.

    bwrap tells it, or ends, before anything foreign runs.
    """
    with open(told, "rb") as pipe:
        said = pipe.read()
    return int(json.loads(said)["child-pid"]) if said else 0


def _holding(data: bytes, opened: list[int]) -> int:
    """A descriptor from which some bytes can be read."""
    descriptor = os.memfd_create("memento")
    opened.append(descriptor)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _resource_limits(limits: Limits, seconds: float) -> dict[str, int]:
    """A second line behind the watch, and what bounds a single process."""
    found = {
        "RLIMIT_CORE": 0,
        "RLIMIT_DATA": limits.memory,
        "RLIMIT_AS": limits.memory * 8,  # address space that is only reserved takes no memory
        "RLIMIT_CPU": int(seconds * (os.cpu_count() or 1)) + 1,
        "RLIMIT_FSIZE": limits.file,
        "RLIMIT_NOFILE": limits.open_files,
    }
    # Before, all processes of the user counted; and for root the kernel does not count at all.
    if tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (5, 14):
        found["RLIMIT_NPROC"] = limits.tasks * 2
    return found
