"""A bundled tool server in a process of its own: made from its flags, and served on stdio."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memento_memory.errors import InputError
from memento_server.bundled_flags import Given
from memento_toolhub.errors import HubError
from memento_toolhub.servers.bundled import Bundled, Flag

if TYPE_CHECKING:
    from memento_toolhub.servers.kit.options import Need, Options


def serve(server: Bundled, given: Given) -> None:
    """Serve until the client goes away. Logs go to stderr only.

    Raises:
        HubError: before the first message, if something the whole server needs is missing.
    """
    import anyio

    from memento_server.stdio import serve as on_stdio

    _settle(server)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="memento: %(levelname)s: %(message)s")
    options = options_of(given)
    check(server, given)
    made = server.build(options, **_parts(server, options.environment))
    if sys.stdin.isatty():
        sys.stderr.write("memento: waiting for an MCP client on stdin; hosts start this command themselves\n")
    # Asyncio would first wait for the read of stdin, which only the host can end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    anyio.run(on_stdio, made)


def check(server: Bundled, given: Given) -> None:
    """See that all is there that the whole server needs.

    Raises:
        HubError: if not; it says what to install or why it cannot work here.
    """
    if missing := server.missing(environment_of(given)):
        raise HubError(f"tool {server.name}", described(missing))


def described(missing: Iterable[Need]) -> str:
    """What is missing and what to do about it, in one line."""
    alike: dict[tuple[str, str], list[str]] = {}
    for need in missing:
        alike.setdefault((need.found, need.fix), []).append(need.name)
    return "; ".join(
        f"{', '.join(names)}: {found}" + (f"; {fix}" if fix else "") for (found, fix), names in alike.items()
    )


def options_of(given: Given) -> Options:
    """What the server is made with."""
    from memento_toolhub.servers.kit.options import Options
    from memento_toolhub.servers.kit.roots import Roots

    return Options(Roots(given.roots), scratch(), given.allowed_hosts, environment_of(given))


def scratch() -> Path:
    """Where bundled servers keep caches and workspaces: in $MEMENTO_CACHE, else the user's cache folder."""
    import platformdirs

    cache = os.environ.get("MEMENTO_CACHE")
    return (
        Path(cache).expanduser().absolute() if cache else platformdirs.user_cache_path("memento", appauthor=False)
    ) / "tools"


def environment_of(given: Given) -> dict[str, str]:
    """The variables a server is made with; what it was told on the command line goes before those that are set."""
    said = {name: value for name, value in os.environ.items() if name not in tuple(Flag)}
    return said | {str(flag): value for flag, value in given.settings.items()}


def _settle(server: Bundled) -> None:
    """Leave out variables that a tools file handed down empty, and keep the current folder off the import path.

    The folder is often one that a model writes to; the processes that the server starts look there otherwise.
    """
    for name in server.variables:
        if os.environ.get(name) == "":
            del os.environ[name]
    os.environ["PYTHONSAFEPATH"] = "1"


def _parts(server: Bundled, environment: Mapping[str, str]) -> dict[str, Any]:
    """What our own packages lend to a server: models to look and to listen with.

    Raises:
        InputError: if a setting names none that can be used.
    """
    if server.name != "media":
        return {}
    from memento_toolhub.servers.media.ears import ears_of

    try:
        ears = ears_of(environment.get(Flag.SPEECH_MODEL, ""), environment)
    except ValueError as error:
        field, _, problem = str(error).partition(": ")
        raise InputError(field, problem) from error
    if not (environment.get(Flag.VISION_MODEL) or environment.get("MEMENTO_MODEL")):
        return {"ears": ears}
    from memento_server.eyes import eyes_of  # brings the planner's models

    return {"ears": ears, "eyes": eyes_of(environment)}
