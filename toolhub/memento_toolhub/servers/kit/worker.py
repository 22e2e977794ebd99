"""The inside of a process that works apart: bounded, quiet, and gone with its server."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from memento_toolhub.servers.kit.call_error import CallError

_LOOK_SECONDS = 1.0
_STANDARD = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one piece of work may take.

    Attributes:
        seconds: of wall time, from when it starts.
        memory_mb: of address space, beside what the process has from earlier work; Linux only.
    """

    seconds: float = 60.0
    memory_mb: int = 4096


def work(bounds: Bounds, server: int, request: bytes) -> object:
    """What a pickled function returns for the arguments it was pickled with.

    Raises:
        Exception: what the function raises, as a CallError where it cannot travel or would end the server.
    """
    try:
        with _quiet():
            _settle(server)
            _bound(bounds)
            function, args = pickle.loads(request)
            return function(*args)
    except BaseException as error:
        raise _sendable(error) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the standard streams from libraries: on two of them the server listens, and nobody reads the third."""
    kept = [os.dup(stream) for stream in _STANDARD]
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        for stream in _STANDARD:
            os.dup2(nothing, stream)
        yield
    finally:
        for stream, copy in zip(_STANDARD, kept, strict=True):
            os.dup2(copy, stream)
            os.close(copy)
        os.close(nothing)


@cache
def _settle(server: int) -> None:
    """Once in each process, before anything heavy is imported."""
    # There is none where the server's own has no file, and some extension modules break without.
    sys.modules.setdefault("__main__", ModuleType("__main__"))
    for library in ("OMP", "OPENBLAS"):  # each thread of theirs takes address space, which is bounded
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    if sys.platform != "win32":
        threading.Thread(target=_end_with, args=(server,), daemon=True).start()


def _end_with(server: int) -> None:
    """End this process when its server did, who could not stop it."""
    while os.getppid() == server:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _bound(bounds: Bounds) -> None:
    if sys.platform != "linux":
        return
    import resource

    with open("/proc/self/statm", encoding="ascii") as sizes:
        taken = int(sizes.read().split()[0]) * resource.getpagesize()
    size = taken + (bounds.memory_mb << 20)
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))
    # A library that never lets go of the interpreter lets nobody see that the server is gone.
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + bounds.seconds * 4) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _sendable(error: BaseException) -> Exception:
    """An error as the server can take it: what is no Exception would end it, and some cannot be pickled and back."""
    try:
        if isinstance(error, Exception) and pickle.loads(pickle.dumps(error)) is not None:
            return error
    except Exception:  # its own class decides what is raised here
        pass
    said = f"{type(error).__name__}: {error}"[:500]
    return CallError(f"it cannot be worked on ({said}); the data may be damaged")
