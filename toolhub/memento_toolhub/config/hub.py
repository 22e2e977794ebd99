"""The downstream servers a person has configured: what each is, how it is reached, and how it is treated."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

from memento_toolhub.config.address import Http, Stdio, http_of, stdio_of
from memento_toolhub.config.dialects import entry_of, read_servers, transport_of
from memento_toolhub.config.expand import Expander, folder_of
from memento_toolhub.config.fields import Fields
from memento_toolhub.config.servernames import server_names
from memento_toolhub.errors import HubError

__all__ = ["BackendConfig", "Expose", "Http", "HubConfig", "Pin", "Start", "Stdio", "backend_of", "load"]


class Pin(StrEnum):
    """What a changed tool definition leads to: nothing, a mark in the list, or a mark and refused calls."""

    OFF = "off"
    FLAG = "flag"
    STRICT = "strict"


class Expose(StrEnum):
    """How a server's tools are shown: by their number, all of them, through a search, or only the listed ones."""

    AUTO = "auto"
    ALL = "all"
    SEARCH = "search"
    LISTED = "listed"


class Start(StrEnum):
    """When a server is connected to: with Memento, or when it is first needed."""

    EAGER = "eager"
    LAZY = "lazy"


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """One downstream server.

    Attributes:
        name: letters, digits, "_" and "-", without "__"; unique in its file.
        transport: how it is reached; None where it cannot be, and `problem` says why.
        enabled: whether it is used at all.
        start: when it is connected to.
        timeout: seconds a call may be silent; progress starts them anew.
        max_time: seconds a call may take at most.
        connect_timeout: seconds a connection may take.
        allow: globs on the server's own tool names; none given allows all.
        deny: globs on the server's own tool names; wins over `allow`.
        concurrency: calls at the same time.
        pin: what a changed tool definition leads to.
        expose: how the tools are shown.
        listed: globs on the server's own tool names, the ones shown with `Expose.LISTED`.
        max_result: characters of text a result may have.
        tool_max_result: the same for single tools.
        prefix: what stands before the names of its tools and prompts instead of `name__`, whatever their length; ""
            for nothing.
        problem: what is wrong with the entry and how to mend it; "" for a good one.
    """

    name: str
    transport: Stdio | Http | None
    enabled: bool = True
    start: Start = Start.EAGER
    timeout: float = 60.0
    max_time: float = 600.0
    connect_timeout: float = 30.0
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    concurrency: int = 16
    pin: Pin = Pin.FLAG
    expose: Expose = Expose.AUTO
    listed: tuple[str, ...] = ()
    max_result: int = 100_000
    tool_max_result: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    prefix: str | None = None
    problem: str = ""

    def relays(self, tool: str) -> bool:
        """Whether a tool, by the server's own name for it, may be seen and called."""
        if any(fnmatchcase(tool, glob) for glob in self.deny):
            return False
        return not self.allow or any(fnmatchcase(tool, glob) for glob in self.allow)

    def result_limit(self, tool: str) -> int:
        """Characters of text a result of this tool may have."""
        return self.tool_max_result.get(tool, self.max_result)


@dataclass(frozen=True, slots=True)
class HubConfig:
    """All downstream servers, in the order of their file.

    Attributes:
        file: where they were read; None for none.
        warnings: what was not understood, in words; the servers work without it.
    """

    file: Path | None
    backends: tuple[BackendConfig, ...]
    warnings: tuple[str, ...] = ()


def load(file: Path, environment: Mapping[str, str] | None = None) -> HubConfig:
    """The servers in a host's configuration file or in Memento's own.

    Raises:
        HubError: if the file cannot be read at all; a bad entry makes only that server unusable.
    """
    section = read_servers(file)
    expander = Expander(os.environ if environment is None else environment, folder_of(file))
    names = server_names(section.entries)
    warnings = [*section.warnings, *names.warnings]
    backends = []
    for written, content in section.entries.items():
        backend, remarks = backend_of(names.given[written], content, expander)
        if written in names.problems:
            backend = replace(backend, transport=None, problem=names.problems[written])
        backends.append(backend)
        warnings += remarks
    return HubConfig(file, tuple(_told_apart(backends)), tuple(warnings))


def _told_apart(backends: list[BackendConfig]) -> Iterator[BackendConfig]:
    """Two servers with one prefix would take each other's names, now one and now the other: only the first may."""
    taken: dict[str, str] = {}
    for backend in backends:
        prefix = f"{backend.name}__" if backend.prefix is None else backend.prefix
        if backend.enabled and taken.setdefault(prefix, backend.name) != backend.name:
            problem = f'{backend.name}.prefix: {taken[prefix]} has the prefix "{prefix}" too; give each its own'
            yield replace(backend, transport=None, problem=backend.problem or problem)
        else:
            yield backend


def backend_of(name: str, written: object, expander: Expander) -> tuple[BackendConfig, tuple[str, ...]]:
    """One server from its entry in any host's words, and what in it was not understood."""
    warnings: tuple[str, ...] = ()
    try:
        entry = entry_of(name, written)
        warnings = entry.warnings
        return _backend(Fields(name, entry.values), expander), warnings
    except HubError as error:
        off = isinstance(written, dict) and (written.get("disabled") is True or written.get("enabled") is False)
        return BackendConfig(name, None, enabled=not off, problem=str(error)), warnings


def _backend(fields: Fields, expander: Expander) -> BackendConfig:
    kind = transport_of(fields.server, fields.values)
    transport = stdio_of(fields, expander) if kind == "stdio" else http_of(fields, expander)
    timeout = fields.seconds("timeout", 60.0)
    is_list = isinstance(fields.values.get("expose"), list)
    return BackendConfig(
        name=fields.server,
        transport=transport,
        enabled=fields.flag("enabled", True),
        start=fields.word("start", Start.EAGER),
        timeout=timeout,
        max_time=fields.seconds("maxTime", max(600.0, timeout)),
        connect_timeout=fields.seconds("connectTimeout", 30.0),
        allow=fields.names("allow"),
        deny=fields.names("deny"),
        concurrency=fields.count("concurrency", 16),
        prefix=fields.prefix("prefix"),
        pin=fields.word("pin", Pin.FLAG),
        expose=Expose.LISTED if is_list else fields.word("expose", Expose.AUTO, without=(Expose.LISTED,)),
        listed=fields.names("expose") if is_list else (),
        max_result=fields.count("maxResult", 100_000),
        tool_max_result=MappingProxyType(fields.limits()),
    )
