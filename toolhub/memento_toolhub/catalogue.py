"""The tools of all downstream servers: their names here, which of them are listed, and finding the others."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import anyio.to_thread
from mcp import types

from memento_toolhub.backend import Backend
from memento_toolhub.config.hub import BackendConfig, Expose, Pin
from memento_toolhub.errors import HubError
from memento_toolhub.names import Names
from memento_toolhub.trust.pins import Pins, Status, mark
from memento_toolhub.wire.connection import Connection

logger = logging.getLogger(__name__)

Rank = Callable[[str, Sequence[str]], Awaitable[Sequence[float]]]
"""Scores texts by how well each fits a query, higher is better."""

_LEGAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_CHARS_PER_TOKEN = 4
_LONGEST_CHOSEN = 128  # the protocol's limit: who sets a prefix wants the server's own names


@dataclass(frozen=True, slots=True)
class Entry:
    """One relayed tool.

    Attributes:
        name: its name here.
        tool: its definition, as the server gave it.
        status: whether the definition is the approved one.
    """

    name: str
    backend: Backend
    tool: types.Tool
    status: Status

    @property
    def refused(self) -> bool:
        """Whether calls to it are refused until it is approved."""
        return self.status is Status.CHANGED and self.backend.config.pin is Pin.STRICT

    @property
    def shown(self) -> types.Tool:
        """The definition as it is listed: the server's own, but for the name, and marked where it changed."""
        named = self.tool.model_copy(update={"name": self.name})
        return mark(named, withhold=self.refused) if self.status is Status.CHANGED else named

    @property
    def text(self) -> str:
        """What a search looks at."""
        properties = self.tool.input_schema.get("properties")
        words = " ".join(properties) if isinstance(properties, dict) else ""
        name = self.tool.name.replace("_", " ").replace("-", " ")
        return f"{name}. {self.tool.title or ''} {self.tool.description or ''} {words} {self.backend.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """What a connected server lists; the same object as long as that stays as it is.

    Attributes:
        tools: its tools by its own names, also those that are not relayed.
        names: what the relayed ones are called here, by its own names.
    """

    config: BackendConfig
    tools: Mapping[str, types.Tool]
    names: Mapping[str, str]


class Catalogue:
    """Knows every tool that was seen, by its name here."""

    def __init__(self, own_names: Sequence[str], pins: Pins, *, budget: int) -> None:
        self._reserved = frozenset(own_names)
        self._pins = pins
        self._budget = budget
        self._names = Names()
        self._listings: dict[str, tuple[list[list[types.Tool]], Listing | None]] = {}
        self._seen: dict[Connection, tuple[list[types.Tool], list[Entry]]] = {}

    async def entries(self, backend: Backend, connection: Connection) -> list[Entry]:
        """The relayed tools of a connection, in the server's order."""
        known = self._seen.get(connection)
        if known is not None and known[0] is connection.tools and all(e.status is Status.PINNED for e in known[1]):
            return known[1]
        for gone in [other for other in self._seen if other.ended.is_set()]:
            del self._seen[gone]
        listing = connection.tools
        tools = [tool for tool in listing if backend.config.relays(tool.name)]
        statuses = await anyio.to_thread.run_sync(self._statuses, backend, tools)
        found = [Entry(self.name(backend, tool.name), backend, tool, statuses[tool.name]) for tool in tools]
        self._seen[connection] = (listing, found)
        return found

    def listing(self, backend: Backend) -> Listing | None:
        """What a server lists now, over all its connections; None while it is not connected or lists nothing."""
        lists = [connection.tools for connection in backend.connections()]
        known = self._listings.get(backend.name)
        if known is not None and [id(tools) for tools in known[0]] == [id(tools) for tools in lists]:
            return known[1]
        tools = {tool.name: tool for listed in lists for tool in listed}
        names = {tool: self.name(backend, tool) for tool in tools if backend.config.relays(tool)}
        found = Listing(backend.config, tools, names) if tools else None
        self._listings[backend.name] = lists, found
        return found

    def name(self, backend: Backend, tool: str) -> str:
        """The name of a tool or prompt here: `server__tool`, or what the configuration wants before it."""
        prefix = backend.config.prefix
        if prefix is None:
            return self._names.give(backend.name, tool)
        bare = f"{prefix}{tool}"
        legal = bare not in self._reserved and 0 < len(bare) <= _LONGEST_CHOSEN and _LEGAL.issuperset(bare)
        if legal and self._names.claim(bare, backend.name, tool):
            return bare
        return self._names.give(backend.name, tool)

    def owner(self, name: str) -> tuple[str, str] | None:
        """The server and its own name for the tool behind a name here."""
        return self._names.owner(name)

    def listed(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those that tools/list shows: by each server's `expose`, and `auto` ones only while they fit the budget."""
        auto = [entry for entry in entries if entry.backend.config.expose is Expose.AUTO]
        fits = sum(tokens(entry.tool) for entry in auto) <= self._budget
        return [entry for entry in entries if _is_listed(entry, auto_fits=fits)]

    def _statuses(self, backend: Backend, tools: Sequence[types.Tool]) -> dict[str, Status]:
        pinned = dict.fromkeys((tool.name for tool in tools), Status.PINNED)
        if backend.config.pin is Pin.OFF or not tools:
            return pinned
        try:
            where = backend.config.transport
            return self._pins.check(backend.name, tools, identity=where.shown if where else "")
        except HubError as error:
            logger.error("%s: tool definitions cannot be compared with the approved ones: %s", backend.name, error)
            return pinned if backend.config.pin is Pin.FLAG else dict.fromkeys(pinned, Status.CHANGED)


def _is_listed(entry: Entry, *, auto_fits: bool) -> bool:
    config = entry.backend.config
    if config.expose is Expose.LISTED:
        return any(fnmatchcase(entry.tool.name, glob) for glob in config.listed)
    return config.expose is Expose.ALL or (config.expose is Expose.AUTO and auto_fits)


async def search(query: str, entries: Sequence[Entry], k: int, rank: Rank) -> list[Entry]:
    """The k entries that fit a query best."""
    scores = await rank(query, [entry.text for entry in entries])
    order = sorted(range(len(entries)), key=lambda index: (-scores[index], index))
    return [entries[index] for index in order[:k]]


def tokens(tool: types.Tool) -> int:
    """About how many tokens a definition costs its reader."""
    return len(json.dumps(tool.model_dump(mode="json", by_alias=True, exclude_none=True))) // _CHARS_PER_TOKEN
