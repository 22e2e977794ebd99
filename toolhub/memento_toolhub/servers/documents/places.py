"""What a model writes to name a file on disk, or a file inside of one."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

INSIDE = "!/"
_WITHOUT_SLASH = re.compile(
    r"(\.(?:zip|jar|whl|7z|tar|tgz|gz|bz2|xz|eml|msg|docx|xlsx|pptx|epub))!(?=.)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Place:
    """A file, or a file inside of it.

    Attributes:
        path: the real path of the file on disk.
        inner: names of files inside one another, the outermost first.
    """

    path: Path
    inner: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called."""
        return self.inner[-1].rstrip("/").rsplit("/", 1)[-1] if self.inner else self.path.name


def split(written: str) -> list[str]:
    """A file's place on disk or in the web, and the names of the files inside one another that are meant."""
    written = written.strip()
    if INSIDE not in written:
        written = _WITHOUT_SLASH.sub(rf"\1{INSIDE}", written, count=1)
    return [part for at, part in enumerate(written.split(INSIDE)) if part or not at]


def reopenable(file: BinaryIO, path: Path) -> Path:
    """A path that leads to this open file and to no other, whatever happens to its name; Linux only."""
    return Path(f"/proc/self/fd/{file.fileno()}") if sys.platform == "linux" else path


def size_of(file: BinaryIO) -> int:
    """Bytes of an open file."""
    return os.fstat(file.fileno()).st_size
