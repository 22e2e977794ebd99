"""What a bundled server is started with, and what it needs of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from memento_toolhub.servers.kit.roots import Roots


@dataclass(frozen=True, slots=True)
class Options:
    """What every bundled server is started with.

    Attributes:
        roots: the folders whose files may be read.
        allowed_hosts: names or addresses that may be fetched although they are private, each with or without a port.
        environment: the settings of a single server, such as MEMENTO_SEARXNG_URL.
        scratch: a folder for what has to outlive a call (caches, workspaces); made when it is first needed.
    """

    roots: Roots
    scratch: Path
    allowed_hosts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Need:
    """Something a server needs of the machine, and whether it is there.

    Attributes:
        name: what is needed.
        ok: whether it is there.
        found: what was found: a version or a path, or what is missing.
        fix: what to do where it is missing.
        tools: the tools that are not offered, or say so, without it; none means the whole server.
    """

    name: str
    ok: bool
    found: str
    fix: str = ""
    tools: tuple[str, ...] = ()


def package_need(module: str, extra: str, tools: tuple[str, ...] = ()) -> Need:
    """Whether an importable package of one of our extras is installed; nothing is imported to find out."""
    from importlib.util import find_spec

    ok = find_spec(module) is not None
    fix = f"install it with: pip install 'memento-cbr[{extra}]'"
    return Need(module, ok, "installed" if ok else "not installed", fix, tools)
