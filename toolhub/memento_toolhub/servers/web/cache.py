"""Pages kept on disk between calls and between runs."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memento_toolhub.servers.kit.fetcher import Fetched
from memento_toolhub.servers.web.freshness import fresh_seconds, may_be_kept

_FORM = 1
_SUFFIX = ".page"


@dataclass(frozen=True, slots=True)
class Kept:
    """A page from the cache.

    Attributes:
        page: as it was fetched.
        fresh: whether it may be used without asking.
    """

    page: Fetched
    fresh: bool

    @property
    def validators(self) -> dict[str, str]:
        """The headers that ask for the page only where it changed."""
        names = {"etag": "if-none-match", "last-modified": "if-modified-since"}
        return {names[name]: value for name, value in self.page.headers.items() if name in names}

    def unchanged(self, answer: Fetched) -> Fetched:
        """The page after its server said that it did not change (304), with the headers it said so with.

        Source: RFC 9111, 4.3.4.
        """
        renewed = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        headers = {**self.page.headers, **renewed}
        return replace(self.page, headers=headers, redirects=answer.redirects, at=answer.at)


class PageCache:
    """Answers by the address asked for, one file each; the ones used longest ago go first.

    Args:
        folder: made when the first page is kept; several processes may share it.
        most_bytes: of all files together.
    """

    def __init__(self, folder: Path, most_bytes: int = 200_000_000) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def find(self, asked: str, now: datetime | None = None) -> Kept | None:
        """What is kept for an address."""
        file = self._file(asked)
        try:
            head, _, body = file.read_bytes().partition(b"\n")
            record = json.loads(head)
            if (record["form"], record["asked"]) != (_FORM, asked) or record["bytes"] != len(body):
                return None
            page = _page(record, body)
            os.utime(file)
        except (OSError, ValueError, KeyError, TypeError):
            return None  # it is not there, was let go of just now, or is damaged: all the same to the one who asks
        age = ((now or datetime.now(UTC)) - page.at).total_seconds()
        return Kept(page, fresh=0 <= age < fresh_seconds(page.headers, page.at))

    def keep(self, asked: str, page: Fetched) -> None:
        """Keep an answer with status 200, where its server allows it.

        Raises:
            OSError: if it cannot be written.
        """
        if page.status != 200 or not may_be_kept(page.headers) or len(page.body) > self._most_bytes // 8:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as part:
            try:
                part.write(json.dumps(_record(asked, page)).encode() + b"\n" + page.body)
                part.close()
                os.replace(part.name, self._file(asked))
            except OSError:
                Path(part.name).unlink(missing_ok=True)
                raise
        self._shrink()

    def _file(self, asked: str) -> Path:
        return self._folder / (hashlib.sha256(asked.encode()).hexdigest() + _SUFFIX)

    def _shrink(self) -> None:
        found = []
        for entry in os.scandir(self._folder):
            try:
                status = entry.stat()
            except FileNotFoundError:
                continue
            found.append((status.st_mtime, status.st_size, entry.path))
        size = sum(each for _, each, _ in found)
        for _, each, path in sorted(found):
            if size <= self._most_bytes:
                return
            Path(path).unlink(missing_ok=True)
            size -= each


def _record(asked: str, page: Fetched) -> dict[str, Any]:
    return {
        "form": _FORM,
        "asked": asked,
        "url": page.url,
        "headers": dict(page.headers),
        "media_type": page.media_type,
        "charset": page.charset,
        "redirects": page.redirects,
        "at": page.at.isoformat(),
        "bytes": len(page.body),
    }


def _page(record: dict[str, Any], body: bytes) -> Fetched:
    redirects, at = tuple(record["redirects"]), datetime.fromisoformat(record["at"])
    headers, charset = dict(record["headers"]), record["charset"]
    return Fetched(record["url"], 200, headers, body, record["media_type"], charset, redirects, at, from_cache=True)
