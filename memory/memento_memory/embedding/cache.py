"""Where prepared models are kept, and how one is found again in milliseconds.

Inside the cache directory, `embedding-v1` holds one folder for each prepared model, named by its weights hash.
Beside them, `index.json` remembers the hash of every source seen so far, because reading 90 MB at each start would
be slow. It only saves work: without it, or when it cannot be read, the weights are hashed again.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from memento_memory.embedding import source as sources
from memento_memory.embedding.manifest import is_complete

if TYPE_CHECKING:
    from memento_memory.embedding.source import Source

_log = logging.getLogger(__name__)
_LAYOUT = "embedding-v1"  # a new number when prepared models of older versions can no longer be used


def home_of(cache: Path | None) -> Path:
    """The folder of all prepared models: in `cache`, else $MEMENTO_CACHE, else the user's cache directory."""
    if cache is None:
        if configured := os.environ.get("MEMENTO_CACHE"):
            cache = Path(configured).expanduser()
        else:
            from platformdirs import user_cache_path

            cache = user_cache_path("memento", appauthor=False)
    return cache / _LAYOUT


def lookup(source: Source, home: Path) -> Path | None:
    """The complete prepared folder of a source, or None."""
    known = hash_of(source, home)
    folder = home / known if known else None
    return folder if folder and is_complete(folder) else None


def hash_of(source: Source, home: Path) -> str | None:
    """The weights hash of a source; None for a name that was never prepared here."""
    if source.folder is None:
        return _read(home).get(_key(source))
    key = _key(source)
    if known := _read(home).get(key):
        return known
    computed = sources.weights_hash(source.folder)
    _remember(home, key, computed)
    return computed


def remember(source: Source, home: Path, weights_hash: str) -> None:
    """Note which hash a source has."""
    _remember(home, _key(source), weights_hash)


def _key(source: Source) -> str:
    return f"{source.folder} {sources.fingerprint(source.folder)}" if source.folder else source.id


def _read(home: Path) -> dict[str, str]:
    try:
        index = json.loads((home / "index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(index, dict):
        return {}
    return {key: known for key, known in index.items() if isinstance(known, str) and known.isalnum()}


def _remember(home: Path, key: str, weights_hash: str) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=home, prefix="index-", delete=False, encoding="utf-8") as file:
            json.dump(_read(home) | {key: weights_hash}, file, indent=2)
        Path(file.name).replace(home / "index.json")
    except OSError as error:
        _log.info(
            "the model index in %s cannot be written (%s); the weights are hashed again next time",
            home,
            error,
        )
