"""The file the pins are kept in: read without a lock, changed under one, replaced whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memento_toolhub.errors import HubError

_LOCK_SECONDS = 10.0


class Pin(BaseModel):
    """One tool: the digest and text of the approved definition and, while it differs, of the one seen last."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    approved: str
    seen: str
    definition_approved: dict[str, Any]
    definition_seen: dict[str, Any] | None = None


class Book(BaseModel):
    """The whole file: backend name, then identity, then tool."""

    model_config = ConfigDict(extra="forbid")
    version: Literal[1] = 1
    backends: dict[str, dict[str, dict[str, Pin]]] = Field(default_factory=dict)


class PinFile:
    """A book on disk; the same object may be used by several threads, the same file by several processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cached: tuple[tuple[int, int, int] | None, Book] = (None, Book())

    def read(self) -> Book:
        """The book as it is on disk now, not to be changed by the caller; empty where there is no file yet.

        Raises:
            HubError: the file is damaged or cannot be read; it is left as it is.
        """
        with self._in_words("read"):
            stamp = self._stamp()
            known, book = self._cached
            if stamp != known:
                book = self._parse()
                self._cached = (stamp, book)
            return book

    @contextmanager
    def changing(self) -> Iterator[Book]:
        """A book to change; it is written when the block ends well and the book differs.

        Raises:
            HubError: the file is damaged, cannot be written or stays locked.
        """
        with self._in_words("written"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._path}.lock", timeout=_LOCK_SECONDS):
                book = self._parse()
                before = book.model_dump()
                yield book
                after = book.model_dump()
                if after != before:
                    self._replace(json.dumps(after))

    @contextmanager
    def _in_words(self, doing: str) -> Iterator[None]:
        try:
            yield
        except Timeout as error:
            raise HubError(
                str(self._path), f"is locked by another process; end it or remove {error.lock_file}"
            ) from error
        except OSError as error:
            problem = f"cannot be {doing} ({error.strerror}); see to its folder and who may write there"
            raise HubError(str(self._path), problem) from error

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _parse(self) -> Book:
        try:
            return Book.model_validate(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return Book()
        except ValueError as error:
            fix = "put back a copy of it, or move it away: every tool is then trusted anew as first seen"
            raise HubError(str(self._path), f"holds no tool pins that can be read ({_reason(error)}); {fix}") from error

    def _replace(self, text: str) -> None:
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'the whole'}: {first['msg']}"
