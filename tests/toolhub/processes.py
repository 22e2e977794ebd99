"""Watching real processes end, with a deadline and without guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil

SERVERS = Path(__file__).with_name("servers")
DEADLINE = 90.0


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; fail when it does not for long."""
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def all_gone(processes: list[psutil.Process]) -> None:
    """Wait until none of the processes runs; end them and fail when one does for long."""
    try:
        eventually(lambda: not any(map(alive, processes)), f"still there: {processes}")
    finally:
        for process in filter(alive, processes):
            process.kill()


def read_pids(file: Path) -> list[psutil.Process]:
    """The processes whose pids a server has written, once it has."""
    eventually(file.exists, f"{file.name} was not written")
    return [psutil.Process(int(pid)) for pid in file.read_text().split()]
