"""The folders a server may touch, and the way from what a model writes to a file inside them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from memento_toolhub.servers.kit.call_error import CallError

_MOST_NAMES = 50


@dataclass(frozen=True, slots=True)
class Roots:
    """Folders a person allowed, as real paths; a file is inside where its own real path is."""

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, folders: Iterable[Path]) -> Roots:
        """The roots of some folders.

        Raises:
            ValueError: if one is no folder, or is the top of the file system.
        """
        real = []
        for folder in folders:
            path = folder.expanduser().resolve()
            if not path.is_dir():
                raise ValueError(f"{folder} is no folder")
            if path == Path(path.anchor):
                raise ValueError(f"{folder} is the top of the file system; name the folders that may be read")
            real.append(path)
        return cls(tuple(dict.fromkeys(real)))

    def file(self, written: str, *, field: str = "path") -> Path:
        """The existing file that a path names; a relative one is looked for in each root.

        Raises:
            CallError: if there is none, it is no plain file, or it is outside of the roots.
        """
        path = self._inside(written, field)
        if not path.is_file():
            raise CallError(f"{field}: {written} {_kind(path)}; {self.shown}")
        if not os.access(path, os.R_OK):
            raise CallError(f"{field}: {written} may not be read by this user")
        return path

    def _inside(self, written: str, field: str) -> Path:
        if not written or "\0" in written:
            raise CallError(f"{field}: give the path of a file; {self.shown}")
        try:
            given = Path(written).expanduser()
            tried = [given] if given.is_absolute() else [folder / given for folder in self.folders]
            inside = [path for path in map(Path.resolve, tried) if any(path.is_relative_to(f) for f in self.folders)]
            found = next((path for path in inside if path.exists()), inside[0] if inside else None)
        except (OSError, RuntimeError, ValueError) as error:  # a half character has no bytes
            raise CallError(f"{field}: {written[:200]} cannot be a path ({error}); {self.shown}") from error
        if found is None:
            raise CallError(f"{field}: {written} is outside of what may be read; {self.shown}")
        return found

    @property
    def shown(self) -> str:
        """The roots, for an error message."""
        return f"allowed: {', '.join(map(str, self.folders))}" if self.folders else "no folder is allowed (--root DIR)"


def _kind(path: Path) -> str:
    """What a path is that names no plain file, and which names may have been meant."""
    if path.is_dir():
        return f"is a folder; {_names(path)}"
    if path.exists():
        return "is no plain file"
    if not path.parent.is_dir():
        return "does not exist"
    near = get_close_matches(path.name, _listed(path.parent), n=3)
    return (
        f"does not exist; near it: {', '.join(near)}" if near else f"does not exist; its folder {_names(path.parent)}"
    )


def _names(folder: Path) -> str:
    names = _listed(folder)
    more = " and more" if len(names) == _MOST_NAMES else ""
    return f"holds {', '.join(names)}{more}" if names else "is empty"


def _listed(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in islice(entries, _MOST_NAMES))


def opened(path: Path) -> BinaryIO:
    """A file at just this real path, as `Roots.file` gives it.

    Raises:
        CallError: if something on the way to it has become a link since; Linux only.
        OSError: if it cannot be opened.
    """
    file = open(path, "rb")  # noqa: SIM115 - the caller's
    if sys.platform == "linux" and os.readlink(f"/proc/self/fd/{file.fileno()}") != str(path):
        file.close()
        raise CallError(f"{path} became another file while it was opened; call again")
    return file
