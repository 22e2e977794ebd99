"""Variables in configuration values: `${VAR}` and its relatives, and `~`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from memento_toolhub.errors import HubError

REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INPUT = re.compile(r"input:([\w.-]+)")
_HOST_FOLDERS = {".vscode", ".cursor"}


def folder_of(file: Path) -> Path:
    """The folder that relative paths and `${workspaceFolder}` in a configuration file mean.

    The file's own, or the one above where hosts keep a project's file in a folder of theirs (`.vscode`, `.cursor`).
    """
    folder = file.absolute().parent
    return folder.parent if folder.name in _HOST_FOLDERS else folder


def masked(text: str) -> str:
    """A value as it was written, fit to be shown: without the defaults its references carry."""
    return REFERENCE.sub(lambda found: "${" + found[1].partition(":-")[0] + "}", text)


def variable_of_input(name: str) -> str:
    """The environment variable that takes the place of an editor's `${input:name}`."""
    variable = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()
    return f"INPUT_{variable}" if not variable or variable[0].isdigit() else variable


@dataclass(frozen=True, slots=True)
class Expander:
    """Puts values in the place of references.

    `${VAR}` and `${env:VAR}` are the variable's value, `${VAR:-text}` is `text` where the variable is unset or empty,
    `${userHome}` the user's home folder, and `${workspaceFolder}` is `folder`.
    """

    environment: Mapping[str, str] = field(repr=False)
    folder: Path

    def text(self, value: str, thing: str) -> str:
        """A value with its references replaced; what takes their place is not looked at again.

        Raises:
            HubError: about `thing`, if a variable is not set or a reference is not understood.
        """
        return REFERENCE.sub(lambda found: self._referred(found[1], thing), value)

    def path(self, value: str, thing: str) -> Path:
        """A path with its references and a leading `~` replaced; a relative one is taken from `folder`.

        Raises:
            HubError: as `text` does.
        """
        return self.folder / self.home_in(self.text(value, thing))

    def home_in(self, value: str) -> str:
        """A value with the home folder for a leading `~`."""
        starts = value == "~" or value.startswith(("~/", f"~{os.sep}"))
        return self._home() + value[1:] if starts else value

    def _home(self) -> str:
        return self.environment.get("USERPROFILE" if os.name == "nt" else "HOME") or str(Path.home())

    def _referred(self, reference: str, thing: str) -> str:
        if reference == "userHome":
            return self._home()
        if reference == "workspaceFolder":
            return str(self.folder)
        if asked := _INPUT.fullmatch(reference):
            variable = variable_of_input(asked[1])
            raise HubError(
                thing,
                f"${{input:{asked[1]}}} is asked by an editor, which Memento cannot do; "
                f"write ${{{variable}}} and set the environment variable {variable}",
            )
        name, has_default, default = reference.removeprefix("env:").partition(":-")
        if not _VARIABLE.fullmatch(name):
            raise HubError(
                thing, "holds a ${…} that is not understood; write ${NAME} or ${NAME:-default} with a variable's name"
            )
        value = self.environment.get(name)
        if has_default and not value:
            return default
        if value is None:
            raise HubError(
                thing,
                f"the environment variable {name} is not set; "
                f"set it where Memento is started, or write ${{{name}:-default}}",
            )
        return value
