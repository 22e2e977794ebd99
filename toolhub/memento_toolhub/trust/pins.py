"""Trust on first use: a downstream tool's definition is remembered when first seen, and a later change is noticed.

Pinned are the parts a model reads or a host acts on: name, title, description, both schemas and the annotations.
`_meta` and the icons are not: servers put versions, times and tags there, and a warning that comes with every release
is one that people learn to approve unread.

A pin belongs to a backend's identity, that is its name and what is started or called. The same name with another
command is another backend and starts anew; the pins of the former one are kept for the day it comes back.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mcp.types import Tool

from memento_toolhub.trust.pinbook import Book, Pin, PinFile

META_KEY = "memento/pin"
CHANGED_NOTE = "The definition of this tool has changed since it was approved."
_LINE = 110
_log = logging.getLogger(__name__)

_Found = tuple[str, dict[str, Any], str]  # the tool's name, its definition, the digest of that


class Status(StrEnum):
    """How a definition stands to the approved one."""

    PINNED = "pinned"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """A definition that waits for approval: `seen` is its digest, `diff` what differs from the approved one."""

    backend: str
    identity: str
    tool: str
    seen: str
    diff: tuple[str, ...]


class Pins:
    """The pins of every backend in one JSON file, which several processes may share."""

    def __init__(self, file: Path) -> None:
        self._file = PinFile(file)

    def check(self, backend: str, tools: Sequence[Tool], *, identity: str = "") -> dict[str, Status]:
        """Compare a listing with the pins and pin what is new; a tool that is not listed is left as it is.

        Args:
            identity: what is started or called, without secrets or what an update changes: a command, or a host.

        Raises:
            HubError: the file is damaged, cannot be written or stays locked.
        """
        listed = [(tool.name, found, digest(found)) for tool, found in ((tool, definition(tool)) for tool in tools)]
        pins = _pins(self._file.read(), backend, identity)
        if any(name not in pins or pins[name].seen != seen for name, _, seen in listed):
            with self._file.changing() as book:
                _remember(book, backend, identity, listed)
            pins = _pins(book, backend, identity)
        statuses = {name: Status.PINNED for name, _, _ in listed}
        statuses.update({name: Status.CHANGED for name, _, seen in listed if seen != pins[name].approved})
        return statuses

    def pending(self) -> tuple[Change, ...]:
        """Every definition that differs from the approved one, with what differs.

        Raises:
            HubError: the file is damaged.
        """
        return tuple(_pending(self._file.read()))

    def differing(self, backend: str, tools: Iterable[Tool], *, identity: str = "") -> dict[str, str]:
        """Digests of those definitions that are not the approved ones, by tool; pins nothing and approves nothing.

        Raises:
            HubError: the file is damaged.
        """
        pins = _pins(self._file.read(), backend, identity)
        seen = {tool.name: digest(definition(tool)) for tool in tools if tool.name in pins}
        return {name: found for name, found in seen.items() if found != pins[name].approved}

    def approve(
        self, backend: str, tool: str | None = None, *, shown: Sequence[Change] | None = None
    ) -> tuple[str, ...]:
        """Approve the changed definitions of a backend, or of one tool of it; gives the tools approved, sorted.

        Args:
            shown: the changes a person has looked at; what has changed again since then stays unapproved.

        Raises:
            HubError: the file is damaged, cannot be written or stays locked.
        """
        looked_at = None if shown is None else {(change.identity, change.tool, change.seen) for change in shown}
        approved: set[str] = set()
        with self._file.changing() as book:
            for identity, pins in book.backends.get(backend, {}).items():
                for name, pin in pins.items():
                    chosen = tool in (None, name) and (looked_at is None or (identity, name, pin.seen) in looked_at)
                    if chosen and pin.definition_seen is not None:
                        pins[name] = Pin(approved=pin.seen, seen=pin.seen, definition_approved=pin.definition_seen)
                        approved.add(name)
        return tuple(sorted(approved))


def definition(tool: Tool) -> dict[str, Any]:
    """The pinned parts of a tool in wire form; parts that are absent are left out."""
    parts = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "annotations": tool.annotations and tool.annotations.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    return {key: part for key, part in parts.items() if part is not None}


def digest(found: dict[str, Any]) -> str:
    """The sha256, in hex, of a definition's canonical JSON: sorted keys, no spaces, ASCII."""
    return hashlib.sha256(json.dumps(found, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def mark(tool: Tool, *, withhold: bool = False) -> Tool:
    """A changed tool as tools/list shows it: a plain sentence first, and `memento/pin: changed` in `_meta`.

    The new text is the backend's and nobody has approved it. By default it is shown after the sentence, since a caller
    needs the schema that is now in force. With `withhold`, for tools whose calls are refused, none of it is: the text
    is the sentence alone and the schema an open object, so that a poisoned description never reaches the model.
    """
    meta = {**({} if withhold else tool.meta or {}), META_KEY: Status.CHANGED.value}
    if withhold:
        text = f"{CHANGED_NOTE} Calls are refused until it is approved with `memento tools approve`."
        return Tool(name=tool.name, description=text, input_schema={"type": "object"}, _meta=meta)
    text = f"{CHANGED_NOTE} {tool.description or ''}".rstrip()
    return tool.model_copy(update={"description": text, "meta": meta})


def _pins(book: Book, backend: str, identity: str) -> dict[str, Pin]:
    return book.backends.get(backend, {}).get(identity, {})


def _remember(book: Book, backend: str, identity: str, listed: Sequence[_Found]) -> None:
    identities = book.backends.setdefault(backend, {})
    if identities and identity not in identities:
        _log.warning("%s is now started or called in another way; its tools are trusted anew as first seen", backend)
    pins = identities.setdefault(identity, {})
    for name, found, seen in listed:
        known = pins.get(name)
        if known is None:
            pins[name] = Pin(approved=seen, seen=seen, definition_approved=found)
        else:
            changed = seen != known.approved
            pins[name] = known.model_copy(update={"seen": seen, "definition_seen": found if changed else None})


def _pending(book: Book) -> Iterator[Change]:
    for backend, identities in book.backends.items():
        for identity, pins in identities.items():
            for name, pin in pins.items():
                if pin.definition_seen is not None:
                    diff = _difference(pin.definition_approved, pin.definition_seen)
                    yield Change(backend, identity, name, pin.seen, diff)


def _difference(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    lines = difflib.unified_diff(_lines(before), _lines(after), "approved", "now", n=1, lineterm="")
    return tuple(lines)


def _lines(found: dict[str, Any]) -> list[str]:
    """A definition as text to read: long lines folded, nothing cut off, invisible characters written out."""
    text = json.dumps(found, sort_keys=True, indent=2, ensure_ascii=False)
    visible = "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)
    fold = textwrap.TextWrapper(_LINE, subsequent_indent="    ", replace_whitespace=False, drop_whitespace=False)
    return [part for line in visible.split("\n") for part in fold.wrap(line)]
