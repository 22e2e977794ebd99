"""Work that goes wrong, in a module that another process can import."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from memento_toolhub.servers.kit.call_error import CallError


class OddError(Exception):
    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} in {where}")


class Panic(BaseException):
    pass


def fail(how: str) -> None:
    """Raise what cannot travel, or what would end the server."""
    if how == "unpicklable":
        error = ValueError("a fault")
        error.part = lambda: None  # type: ignore[attr-defined]
        raise error
    raise {
        "not unpicklable": OddError("a fault", "a page"),
        "no exception": Panic("a fault"),
        "exit": SystemExit("a fault"),
        "told": CallError("a fault"),
    }[how]


def time_out() -> None:
    raise TimeoutError("the engine is slow")


def imported(package: str) -> set[str]:
    """What is imported of a package."""
    return {name for name in sys.modules if name.partition(".")[0] == package}


def wait(written: str) -> None:
    """Say where it runs, and go on for ever."""
    Path(f"{written}.new").write_text(str(os.getpid()))
    Path(f"{written}.new").rename(written)
    time.sleep(600)
