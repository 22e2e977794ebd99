"""Switching a bundled server on and off in Memento's tools file, with everything else there kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from memento_toolhub.config.dialects import ServerSection, read_servers, read_text
from memento_toolhub.config.jsonedit import with_member
from memento_toolhub.config.portable import bundled_server_of
from memento_toolhub.config.writing import put
from memento_toolhub.errors import HubError


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a tools file that was thought out and not yet made.

    Attributes:
        file: the tools file.
        before: its text; None for no file.
        after: the text it shall have.
    """

    file: Path
    before: str | None = field(repr=False)
    after: str = field(repr=False)

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after

    def write(self) -> None:
        """Make the change.

        Raises:
            HubError: if the file has changed meanwhile, or cannot be written.
        """
        if self.changes:
            put(self.file, self.before, self.after)


def switched_on(file: Path, name: str, entry: Mapping[str, object]) -> Edit:
    """A bundled server's entry put into a file, switched on.

    Of an entry that is there only command, arguments and switch are changed, and variables added: a person's own
    settings stay.

    Raises:
        HubError: if the file cannot be read or written to, or holds another server of that name.
    """
    if not file.exists():
        return Edit(file, None, json.dumps({"mcpServers": {name: entry}}, ensure_ascii=False, indent=2) + "\n")
    text, section = _read(file)
    present = _present(file, section, name)
    if present is None:
        return Edit(file, text, with_member(text, (*section.path, name), entry))
    after, place = text, (*section.path, name)
    for key in ("command", "args"):
        if present.get(key) != entry[key]:
            after = with_member(after, (*place, key), entry[key])
    variables, there = entry.get("env"), present.get("env", {})
    if not isinstance(there, dict):
        raise HubError(f"server {name!r}, env", "must be an object of texts; correct it or leave it out")
    for variable, value in variables.items() if isinstance(variables, dict) else ():
        if variable not in there:
            after = with_member(after, (*place, "env", variable), value)
    return Edit(file, text, _switched(after, place, present, True))


def switched_off(file: Path, name: str) -> Edit | None:
    """A bundled server's entry switched off and otherwise kept; None where the file has none.

    Raises:
        HubError: if the file cannot be read or written to, or holds another server of that name.
    """
    if not file.exists():
        return None
    text, section = _read(file)
    present = _present(file, section, name)
    return None if present is None else Edit(file, text, _switched(text, (*section.path, name), present, False))


def _read(file: Path) -> tuple[str, ServerSection]:
    if file.suffix.lower() == ".toml":
        raise HubError(str(file), "is TOML, and Memento writes JSON; give another file with --to")
    return read_text(file), read_servers(file)


def _present(file: Path, section: ServerSection, name: str) -> Mapping[str, object] | None:
    if name not in section.entries:
        return None
    present = section.entries[name]
    if not isinstance(present, dict) or bundled_server_of(present) != name:
        raise HubError(str(file), f"holds another server named {name!r}; give that one another name there")
    return present


def _switched(text: str, place: tuple[str, ...], present: Mapping[str, object], on: bool) -> str:
    """The text with the switch of an entry set, in the word that is there: `enabled`, or a host's `disabled`."""
    words = {key.lower(): key for key in present if key.lower() in ("enabled", "disabled")}
    if not words and not on:
        words["enabled"] = "enabled"
    for meaning, key in words.items():
        value = on if meaning == "enabled" else not on
        if present.get(key) is not value:
            text = with_member(text, (*place, key), value)
    return text
