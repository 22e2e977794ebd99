"""What was too large to pass on whole, kept for a while in a folder and read back by its URI."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import time
from pathlib import Path

PREFIX = "memento://results/"
_URI = re.compile(re.escape(PREFIX) + r"([0-9a-f]{24})")
_OURS = re.compile(r"[0-9a-f]{24}|\.keep-.*")
_MIME = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}(?:; ?[A-Za-z0-9=\"_.+-]{1,64}){0,4}")
_UNKNOWN = "application/octet-stream"
_DAY = 86_400.0
_UNFINISHED = 3_600.0  # seconds after which a file half written was left by a process that died


class ResultStore:
    """Contents under the digest of what they are; several processes may share the folder.

    Args:
        most_bytes: what the folder may hold; the oldest go first, the one just kept never.
        keep_days: how long a content stays after it was last kept.
    """

    def __init__(self, folder: Path, most_bytes: int = 200_000_000, keep_days: float = 7.0) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._keep_seconds = keep_days * _DAY
        if folder.is_dir():
            self._prune(spare="")

    def keep(self, mime: str, data: bytes) -> str:
        """Write a content and give its URI, `memento://results/<24 hex digits>`; the same content has the same URI.

        Raises:
            OSError: the folder cannot be written.
        """
        mime = mime if _MIME.fullmatch(mime) else _UNKNOWN
        name = hashlib.sha256(mime.encode() + b"\n" + data).hexdigest()[:24]
        try:
            os.utime(self._folder / name)
        except FileNotFoundError:
            self._write(name, mime, data)
        self._prune(spare=name)
        return PREFIX + name

    def read(self, uri: str) -> tuple[str, bytes] | None:
        """The MIME type and content behind a URI; None where the URI is none of ours or its content is gone."""
        found = _URI.fullmatch(uri)
        if found is None:
            return None
        try:
            mime, _, data = (self._folder / found[1]).read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        return mime.decode("ascii"), data

    def _write(self, name: str, mime: str, data: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".keep-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(mime.encode("ascii") + b"\n" + data)
            os.replace(temporary, self._folder / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _prune(self, *, spare: str) -> None:
        now = time.time()
        held: list[tuple[float, int, str]] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if not _OURS.fullmatch(entry.name):
                    continue
                with contextlib.suppress(FileNotFoundError):  # another process may prune at the same time
                    found = entry.stat(follow_symlinks=False)
                    held.append((found.st_mtime, found.st_size, entry.name))
        room = self._most_bytes
        for written, size, name in sorted(held, key=lambda one: (one[2] != spare, -one[0])):
            unfinished = name.startswith(".")
            old = now - written > (_UNFINISHED if unfinished else self._keep_seconds)
            if not unfinished:
                room -= size
            if name != spare and (old or (room < 0 and not unfinished)):
                (self._folder / name).unlink(missing_ok=True)
