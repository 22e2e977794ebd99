"""Checking everything Memento needs, one line a check, with the fix where something is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from memento_memory.errors import MementoError
from memento_server.settings import Settings
from memento_toolhub.errors import HubError

_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def examine(settings: Settings) -> list[Check]:
    """Python, SQLite, sqlite-vec, the embedding model, permissions, the bank itself, and the tools file."""
    checks = [
        _python(),
        _guarded("SQLite", _sqlite),
        _guarded("sqlite-vec", _vec),
        _guarded("embedding model", lambda: _model(settings)),
    ]
    checks.append(_folder(settings))
    checks.append(_guarded("bank", lambda: _bank(settings)))
    checks.append(_guarded("tools file", _tools))
    return checks


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """A check whose own failure is a finding."""
    try:
        return check()
    except (MementoError, HubError) as error:
        return Check(name, False, str(error), "see the message")
    except Exception as error:  # whatever breaks here is what the doctor is asked to find
        return Check(
            name,
            False,
            f"{type(error).__name__}: {error}",
            "reinstall with: pip install --force-reinstall memento-cbr",
        )


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", sys.version_info >= _PYTHON, found, "install Python 3.11 or later")


def _sqlite() -> Check:
    import apsw

    has_words = "ENABLE_FTS5" in apsw.compile_options
    return Check("SQLite", has_words, f"{apsw.sqlite_lib_version()} through apsw", "reinstall apsw: it lacks FTS5")


def _vec() -> Check:
    import apsw

    from memento_memory.store.database import vec0_path

    connection = apsw.Connection(":memory:")
    connection.enable_load_extension(True)
    connection.load_extension(vec0_path())
    return Check("sqlite-vec", True, str(connection.execute("SELECT vec_version()").get))


def _model(settings: Settings) -> Check:
    from memento_memory.embedding import DEFAULT_MODEL, find_prepared, load

    model = settings.embedding_model or DEFAULT_MODEL
    folder = find_prepared(model)
    if folder is None:
        return Check("embedding model", False, f"{model} is not prepared on this machine", "run: memento prepare")
    embedder = load(folder)
    embedder.embed(["a test"])
    return Check(
        "embedding model",
        True,
        f"{embedder.info.id}, {embedder.info.dimension} dimensions, prepared in {folder}",
    )


def _folder(settings: Settings) -> Check:
    folder = settings.bank.parent
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    writable = os.access(existing, os.W_OK | os.X_OK) and (
        not settings.bank.exists() or os.access(settings.bank, os.W_OK)
    )
    return Check(
        "permissions",
        writable,
        str(settings.bank),
        "make the bank and its folder writable, or set MEMENTO_BANK",
    )


def _bank(settings: Settings) -> Check:
    from memento_memory.bank import CaseBank

    if not settings.bank.exists():
        return Check("bank", True, f"none yet at {settings.bank}; it is made when first needed")
    bank = CaseBank(settings.bank)
    try:
        problems = bank.check()
        counts = bank.stats()
    finally:
        bank.close()
    if problems:
        fix = "put a backup in its place, or export what can be read with `memento cases export` into a new bank"
        return Check("bank", False, "; ".join(problems[:3]), fix)
    return Check("bank", True, f"{settings.bank}: intact, {counts.total} cases, {counts.episodes} episodes")


def _tools() -> Check:
    from memento_server.tools_file import tools_file
    from memento_toolhub.config.hub import load

    file = tools_file(None)
    if file is None:
        return Check("tools file", True, "none, so nothing is relayed")
    backends = load(file).backends
    problems = [backend.problem for backend in backends if backend.enabled and backend.problem]
    found = f"{file}, {len(backends)} servers" + "".join(f"; {problem}" for problem in problems)
    return Check("tools file", not problems, found, "correct the file, then try the servers with: memento tools test")
