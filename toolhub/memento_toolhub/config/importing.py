"""Taking servers over from a host's configuration file into Memento's own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from memento_toolhub.config import jsonc
from memento_toolhub.config.dialects import entry_of, read_servers, read_text, transport_of
from memento_toolhub.config.expand import Expander, folder_of
from memento_toolhub.config.hub import backend_of
from memento_toolhub.config.portable import is_memento, plain_secrets, portable
from memento_toolhub.config.servernames import server_names
from memento_toolhub.config.writing import put
from memento_toolhub.errors import HubError

_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Fate(StrEnum):
    """What an import does with a server."""

    ADD = "add"
    PRESENT = "present"
    CONFLICT = "conflict"
    LOOP = "loop"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Item:
    """One server of the file that is imported.

    Attributes:
        name: its name in our file.
        fate: only `Fate.ADD` is written.
        entry: what is written; may hold secrets and stays out of the representation.
        notes: what a person should know, without any value of `env` or `headers`.
    """

    name: str
    fate: Fate
    entry: Mapping[str, object] = field(repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do.

    Attributes:
        source: the host's file.
        target: Memento's file.
        items: every server of the source, in its order.
        warnings: what in the source was not understood.
        before: the target's text when the plan was made; None for no file.
        after: the text `write` puts there.
    """

    source: Path
    target: Path
    items: tuple[Item, ...]
    warnings: tuple[str, ...]
    before: str | None = field(repr=False)
    after: str = field(repr=False)

    @property
    def added(self) -> tuple[Item, ...]:
        """The servers that would be written."""
        return tuple(item for item in self.items if item.fate is Fate.ADD)


def plan_import(source: Path, target: Path, environment: Mapping[str, str] | None = None) -> ImportPlan:
    """What taking over a host's servers would do; nothing is written.

    Entries of the target stay as they are. `${VAR}` is kept unexpanded; what depends on where the source lies
    (`${workspaceFolder}`, relative folders) is made absolute.

    Raises:
        HubError: if the source cannot be read, or the target could not be written without losing something.
    """
    section = read_servers(source)
    before, document, existing = _target(target)
    names = server_names(section.entries)
    expander = Expander(os.environ if environment is None else environment, folder_of(source))
    items, warnings = [], [*section.warnings, *names.warnings]
    for written, content in section.entries.items():
        name = names.given[written]
        if written in names.problems:
            items.append(Item(name, Fate.UNUSABLE, {}, (names.problems[written],)))
            continue
        item, remarks = _item(name, content, existing, expander)
        items.append(item)
        warnings += remarks
    existing.update({item.name: dict(item.entry) for item in items if item.fate is Fate.ADD})
    after = _text(document)
    return ImportPlan(source, target, tuple(items), tuple(warnings), before, after)


def _target(target: Path) -> tuple[str | None, dict[str, object], dict[str, object]]:
    """The target's text, its document, and the object in it that holds the servers (empty ones for no file)."""
    if target.suffix.lower() == ".toml":
        raise HubError(str(target), "is TOML, and Memento writes JSON; give another file with --to")
    if not target.exists():
        servers: dict[str, object] = {}
        return None, {"mcpServers": servers}, servers
    text = read_text(target)
    if jsonc.without_comments(text) != text:
        raise HubError(str(target), "holds comments, which would be lost; take them out or give another file with --to")
    section = read_servers(target)
    return text, section.document, section.entries


def _text(document: object) -> str:
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n"  # TOML has dates
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _item(
    name: str, written: object, existing: Mapping[str, object], expander: Expander
) -> tuple[Item, tuple[str, ...]]:
    try:
        entry = entry_of(name, written)
        transport_of(name, entry.values)
    except HubError as error:
        return Item(name, Fate.UNUSABLE, {}, (str(error),)), ()
    values, notes = portable(entry.values, expander.folder)
    if is_memento(values):
        note = "is Memento itself, which would call itself; for a chain of two, write the entry by hand"
        return Item(name, Fate.LOOP, values, (note,)), entry.warnings
    if name in server_names(existing).given.values():
        fate = Fate.PRESENT if existing.get(name) == values else Fate.CONFLICT
        note = "is there already" if fate is Fate.PRESENT else "another server has this name there and is kept"
        return Item(name, fate, values, (note,)), entry.warnings
    problem = backend_of(name, values, expander)[0].problem
    return Item(
        name, Fate.ADD, values, (*notes, *plain_secrets(values), *((problem,) if problem else ()))
    ), entry.warnings


def write(plan: ImportPlan) -> None:
    """Put the planned text into the target: at once or not at all, readable by its owner alone.

    Raises:
        HubError: if the target has changed since the plan was made, or cannot be written.
    """
    put(plan.target, plan.before, plan.after)
