"""Where a downstream server is: a command to run, or a URL to talk to."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from memento_toolhub.config.dotenv import read_env_file
from memento_toolhub.config.expand import Expander, masked
from memento_toolhub.config.fields import Fields
from memento_toolhub.errors import HubError

NOTHING: Mapping[str, str] = MappingProxyType({})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Stdio:
    """A server that is a child process.

    Everything but `shown` may hold secrets and stays out of the representation.

    Attributes:
        shown: the command as it was written, for people.
    """

    command: str = field(repr=False)
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=lambda: NOTHING, repr=False)
    cwd: Path | None = field(default=None, repr=False)
    shown: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Http:
    """A server behind a URL, by streamable HTTP.

    Everything but `shown` may hold secrets and stays out of the representation.

    Attributes:
        shown: the host as it was written, for people.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING, repr=False)
    shown: str = field(default="", compare=False)


def stdio_of(fields: Fields, expander: Expander) -> Stdio:
    """The command of a server entry, with its references replaced.

    Raises:
        HubError: if a value cannot be used.
    """
    written = fields.text("command") or ""
    command = expander.home_in(_expanded(fields, "command", written, expander))
    if not command.strip():
        raise HubError(fields.thing("command"), "is empty; give the program to run")
    args = tuple(_expanded(fields, f"args[{i}]", arg, expander) for i, arg in enumerate(fields.texts("args")))
    return Stdio(command, args, _environment(fields, expander), _folder(fields, expander), shown=masked(written))


def _expanded(fields: Fields, key: str, written: str, expander: Expander) -> str:
    text = expander.text(written, fields.thing(key))
    try:
        passable = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        passable = False
    if not passable:
        raise HubError(fields.thing(key), "holds a character no program can be given; take it out")
    return text


def _environment(fields: Fields, expander: Expander) -> Mapping[str, str]:
    """The variables of `env`, before those of `envFile`."""
    variables: dict[str, str] = {}
    if file := fields.text("envFile"):
        thing = fields.thing("envFile")
        variables = read_env_file(expander.path(file, thing), thing)
    for name, written in fields.table("env").items():
        if not name or "=" in name or "\0" in name:
            raise HubError(fields.thing("env"), f"{name!r} cannot be a variable's name; correct it")
        variables[name] = _expanded(fields, f"env.{name}", written, expander)
    return MappingProxyType(variables)


def _folder(fields: Fields, expander: Expander) -> Path | None:
    written = fields.text("cwd")
    if written is None:
        return None
    folder = expander.path(written, fields.thing("cwd"))
    if not folder.is_dir():
        raise HubError(fields.thing("cwd"), f"{masked(written)!r} is not a folder; create it or correct the path")
    return folder


def http_of(fields: Fields, expander: Expander) -> Http:
    """The URL of a server entry, with its references replaced.

    Raises:
        HubError: if a value cannot be used.
    """
    written = fields.text("url") or ""
    url = expander.text(written, fields.thing("url"))
    if not _is_web_address(url):
        raise HubError(fields.thing("url"), "is not an address that starts with http:// or https://; correct it")
    headers = {name: _header(fields, name, value, expander) for name, value in fields.table("headers").items()}
    return Http(url, MappingProxyType(headers), shown=host_of(written))


def _header(fields: Fields, name: str, written: str, expander: Expander) -> str:
    thing = fields.thing(f"headers.{name}")
    if not _HEADER_NAME.fullmatch(name):
        raise HubError(fields.thing("headers"), f"{name!r} cannot be a header's name; correct it")
    value = expander.text(written, thing).strip()
    if not value.isascii() or not value.isprintable():
        raise HubError(thing, "holds a line break or a character that is not ASCII; correct the value or the variable")
    return value


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for one that is no number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url


def host_of(written: str) -> str:
    """Host and port of a URL as it was written, without anything that may be a secret."""
    text = masked(written)
    try:
        host = urlsplit(text).netloc.rpartition("@")[2]
    except ValueError:
        return ""
    return host or (text if re.fullmatch(r"\$\{[^{}]*\}", text) else "")
