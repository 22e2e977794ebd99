"""Checking everything Memento needs, one line a check, with the fix where something is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from memento_memory.errors import MementoError
from memento_server.settings import Settings
from memento_toolhub.errors import HubError
from memento_toolhub.servers.bundled import BUNDLED, Bundled

_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def examine(settings: Settings) -> list[Check]:
    """Python, SQLite, sqlite-vec, the embedding model, permissions, the bank itself, the tools file, bundled tools."""
    checks = [
        _python(),
        _guarded("SQLite", _sqlite),
        _guarded("sqlite-vec", _vec),
        _guarded("embedding model", lambda: _model(settings)),
    ]
    checks.append(_folder(settings))
    checks.append(_guarded("bank", lambda: _bank(settings)))
    checks.append(_guarded("tools file", _tools))
    checks += [_guarded(f"tool {server.name}", partial(_bundled, server)) for server in BUNDLED.values()]
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


def _bundled(server: Bundled) -> Check:
    """What a bundled server needs; one that is off needs nothing, so that nothing of it can fail."""
    from memento_server.bundled import described
    from memento_server.bundled_flags import settings_in
    from memento_toolhub.config.hub import Stdio

    name, started = f"tool {server.name}", _started(server)
    if not isinstance(started, Stdio):
        lacking = described(server.missing(os.environ))
        found = f"off (would need {lacking})" if lacking else f"off; memento tools enable {server.name}"
        return Check(name, True, found)
    environment = {**os.environ, **started.env, **settings_in(started.args)}
    if missing := server.missing(environment):
        return Check(name, False, described(missing), f"see above, or: memento tools disable {server.name}")
    partly = [need for need in server.needs(environment) if not need.ok]
    without = "".join(f"; without {need.name} no {', '.join(need.tools)} ({need.fix})" for need in partly)
    return Check(name, True, f"on{without}")


def _started(server: Bundled) -> object:
    """How the tools file starts a bundled server; None where it does not, or the file cannot be read."""
    from memento_server.tools_file import tools_file
    from memento_toolhub.config.hub import Stdio, load
    from memento_toolhub.config.portable import bundled_server_of

    file = tools_file(None)
    try:
        backends = load(file).backends if file else ()
    except HubError:
        return None  # the check of the file says so
    starts = (backend.transport for backend in backends if backend.enabled)
    return next(
        (
            start
            for start in starts
            if isinstance(start, Stdio)
            and bundled_server_of({"command": start.command, "args": list(start.args)}) == server.name
        ),
        None,
    )
