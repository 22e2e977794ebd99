"""The folders a server may touch, and the way from what a model writes to a file inside them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mcp.server.mcpserver.exceptions import ToolError


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
            ToolError: if there is none, it is no plain file, or it is outside of the roots.
        """
        path = self._inside(written, field)
        if not path.is_file():
            kind = "is a folder" if path.is_dir() else "is no plain file" if path.exists() else "does not exist"
            raise ToolError(f"{field}: {written} {kind}; {self.shown}")
        if not os.access(path, os.R_OK):
            raise ToolError(f"{field}: {written} may not be read by this user")
        return path

    def _inside(self, written: str, field: str) -> Path:
        if not written or "\0" in written:
            raise ToolError(f"{field}: give the path of a file; {self.shown}")
        try:
            given = Path(written).expanduser()
            tried = [given] if given.is_absolute() else [folder / given for folder in self.folders]
            inside = [path for path in map(Path.resolve, tried) if any(path.is_relative_to(f) for f in self.folders)]
            found = next((path for path in inside if path.exists()), inside[0] if inside else None)
        except (OSError, RuntimeError, ValueError) as error:  # a half character has no bytes
            raise ToolError(f"{field}: {written[:200]} cannot be a path ({error}); {self.shown}") from error
        if found is None:
            raise ToolError(f"{field}: {written} is outside of what may be read; {self.shown}")
        return found

    @property
    def shown(self) -> str:
        """The roots, for an error message."""
        return f"allowed: {', '.join(map(str, self.folders))}" if self.folders else "no folder is allowed (--root DIR)"
