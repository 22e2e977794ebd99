"""What a bundled server was told on the command line, checked, and as a tools file says it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from memento_memory.errors import InputError
from memento_toolhub.servers.bundled import Bundled, Flag

_NONE = "none"
_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[?[0-9A-Fa-f:]+\]?(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Given:
    """What a bundled server was told.

    Attributes:
        roots: folders as real paths.
        allowed_hosts: as they were written.
        settings: all other flags that were given, by their environment variables.
    """

    roots: tuple[Path, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    settings: Mapping[Flag, str] = field(default_factory=dict)

    @classmethod
    def of(cls, server: Bundled, flags: Mapping[Flag, Any]) -> Given:
        """The flags as the command line had them, checked.

        Raises:
            InputError: if one cannot be used; it says what to give instead.
        """
        roots = _roots(flags[Flag.ROOT] or ()) if Flag.ROOT in server.flags else ()
        hosts = tuple(
            dict.fromkeys(host for text in flags.get(Flag.ALLOW_HOST) or () for host in text.replace(",", " ").split())
        )
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise InputError("--allow-host", f"{host!r} is no host; give a name or an address, without http://")
        others = {flag: value for flag, value in flags.items() if value and flag not in (Flag.ROOT, Flag.ALLOW_HOST)}
        return cls(roots, hosts, {flag: _CHECKS[flag](value) for flag, value in others.items()})

    def arguments(self) -> list[str]:
        """The flags as arguments of `memento tool NAME` in a tools file.

        Raises:
            InputError: if a value would be taken for a reference to a variable there.
        """
        arguments = [word for root in self.roots for word in ("--root", str(root))]
        arguments += [word for host in self.allowed_hosts for word in ("--allow-host", host)]
        for flag, value in self.settings.items():
            arguments += [_WRITTEN[flag]] if flag is Flag.NETWORK else [_WRITTEN[flag], value]
        if unusable := next((word for word in arguments if "${" in word), ""):
            raise InputError(unusable, 'holds "${", which a tools file takes for a variable; give another path')
        return arguments


_WRITTEN: Mapping[Flag, str] = {
    Flag.SEARXNG: "--searxng",
    Flag.BROWSER: "--browser",
    Flag.NETWORK: "--network",
    Flag.VISION_MODEL: "--vision-model",
    Flag.SPEECH_MODEL: "--speech-model",
}


def settings_in(arguments: Sequence[str]) -> dict[str, str]:
    """What the arguments of a tools file's entry set, by environment variable; roots and hosts are left out."""
    flags = {written: flag for flag, written in _WRITTEN.items()}
    return {
        str(flags[word]): "on" if flags[word] is Flag.NETWORK else following
        for word, following in zip_longest(arguments, arguments[1:], fillvalue="")
        if word in flags
    }


def _roots(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    """The folders as real paths; without any, the current one, unless everything a person has lies in it."""
    from memento_toolhub.servers.kit.roots import Roots

    if not folders:
        here = Path.cwd().resolve()
        if Path.home().resolve().is_relative_to(here):
            raise InputError("--root", f"the current folder, {here}, is too much; name the folders: --root DIR")
        folders = (here,)
    try:
        return Roots.of(folders).folders
    except ValueError as error:
        raise InputError("--root", f"{error}; give existing folders") from error


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise InputError("--searxng", "is not an address that starts with http:// or https://; correct it")
    return url.rstrip("/")


def _program(written: str) -> str:
    if written.lower() == _NONE:
        return _NONE
    program = Path(written).expanduser().absolute()
    if not program.is_file() or not os.access(program, os.X_OK):
        raise InputError("--browser", f"{written} is no program; give the path of a Chromium or 'none'")
    return str(program)


def _vision(written: str) -> str:
    from memento_planner.models.spec import parse_spec

    if written.partition(":")[0].strip().lower() not in ("anthropic", "openai", _NONE):
        forms = "anthropic:<model>, openai:<model>, openai:<model>@<base url> or none"
        raise InputError("--vision-model", f"names no model that sees pictures; give one of {forms}")
    return str(parse_spec(written, field="--vision-model") or _NONE)


def _speech(written: str) -> str:
    from memento_toolhub.servers.media.ears import ears_of

    try:
        # Keys are no part of a flag, and need not be there where a tools file is written.
        ears_of(written, {"OPENAI_API_KEY": "any", "MEMENTO_MODEL_KEY": "any"})
    except ValueError as error:
        raise InputError("--speech-model", str(error).partition(": ")[2]) from error
    kind, _, name = written.strip().partition(":")
    is_folder = kind.lower() == "whisper" and name.startswith((".", "~"))
    return f"{kind}:{Path(name).expanduser().absolute()}" if is_folder else written.strip()


_CHECKS: Mapping[Flag, Any] = {
    Flag.SEARXNG: _address,
    Flag.BROWSER: _program,
    Flag.NETWORK: lambda on: "on",
    Flag.VISION_MODEL: _vision,
    Flag.SPEECH_MODEL: _speech,
}
