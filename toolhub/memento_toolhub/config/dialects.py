"""The ways hosts write down their MCP servers, made into one: which servers a file has, and an entry in our words."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from memento_toolhub.config import jsonc
from memento_toolhub.errors import HubError

SECTIONS = (("mcpServers",), ("mcp_servers",), ("servers",), ("mcp", "servers"))
"""Where the servers are: most hosts' JSON; Codex's TOML; VS Code's mcp.json; VS Code's older settings."""

_OWN = """
    type command args env envFile cwd url headers
    enabled start timeout maxTime connectTimeout allow deny concurrency prefix pin expose maxResult tools
"""
_ALIASES = {
    "httpUrl": "url",
    "serverUrl": "url",
    "http_headers": "headers",
    "transport": "type",
    "transportType": "type",
    "workingDirectory": "cwd",
    "enabled_tools": "allow",
    "includeTools": "allow",
    "disabled_tools": "deny",
    "excludeTools": "deny",
    "startup_timeout_sec": "connectTimeout",
}
_CONVERTED = """
    disabled tool_timeout_sec startup_timeout_ms bearer_token_env_var env_http_headers env_vars
"""
_WITHOUT_EFFECT = """
    alwaysAllow autoApprove trust description gallery dev sandbox sandboxEnabled alwaysLoad required
    name displayName id icon version $schema
"""
_TYPES: dict[str, Literal["stdio", "http", "sse"]] = {
    "stdio": "stdio",
    "local": "stdio",
    "http": "http",
    "streamablehttp": "http",
    "sse": "sse",
}
_MILLISECONDS_FROM = 1000
_LARGEST_NUMBER = 1e12
_TOO_MUCH = "is nested too deeply or has a number of thousands of digits; give a file of MCP servers"


def _squashed(key: str) -> str:
    return re.sub(r"[_-]", "", key).lower()


_OWN_KEYS = {_squashed(key): key for key in _OWN.split()} | {_squashed(key): own for key, own in _ALIASES.items()}
_CONVERTED_KEYS = {_squashed(key) for key in _CONVERTED.split()}
_SILENT_KEYS = {_squashed(key) for key in _WITHOUT_EFFECT.split()}


@dataclass(frozen=True, slots=True)
class ServerSection:
    """The servers of a file as they are written there.

    Attributes:
        entries: by name, in the order of the file.
        path: the keys that lead to them.
        document: the whole file.
        warnings: what is odd about the file.
    """

    entries: dict[str, object]
    path: tuple[str, ...]
    document: dict[str, object]
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return f"ServerSection({', '.join(self.entries)})"


def read_servers(file: Path) -> ServerSection:
    """The section of a host's configuration file that holds the MCP servers.

    Raises:
        HubError: if the file cannot be read, is not JSON or TOML, or has no such section.
    """
    text = read_text(file)
    document, twice = _toml(file, text) if file.suffix.lower() == ".toml" else _json(file, text)
    warnings = [f"the key {key!r} is written twice in one object; the last one counts" for key in twice]
    found = [path for path in SECTIONS if _at(document, path) is not None]
    if not found:
        raise HubError(
            str(file),
            'has no servers; put them under "mcpServers" (most hosts), "servers" (VS Code) or [mcp_servers] (TOML)',
        )
    path, *others = found
    entries = _at(document, path)
    if not isinstance(entries, dict):
        raise HubError(str(file), f'"{".".join(path)}" must be an object with a server for each name; correct it')
    warnings += [
        f'only "{".".join(path)}" was read, not "{".".join(other)}"; move its servers there' for other in others
    ]
    return ServerSection(entries, path, document, tuple(warnings))


def read_text(file: Path) -> str:
    """The text of a configuration file.

    Raises:
        HubError: if it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise HubError(str(file), f"cannot be read ({error.strerror}); give the path of a readable file") from None
    except UnicodeDecodeError:
        raise HubError(str(file), "is not UTF-8 text; save it as UTF-8") from None


def _json(file: Path, text: str) -> tuple[dict[str, object], tuple[str, ...]]:
    try:
        document, twice = jsonc.parse(text)
    except json.JSONDecodeError as error:
        where, what = f"{file}, line {error.lineno}, column {error.colno}", error.msg
        raise HubError(where, f"is not JSON here ({what}); correct it") from None
    except (RecursionError, ValueError):
        raise HubError(str(file), _TOO_MUCH) from None
    if not isinstance(document, dict):
        raise HubError(str(file), 'must hold a JSON object; start with {"mcpServers": {…}}')
    return document, twice


def _toml(file: Path, text: str) -> tuple[dict[str, object], tuple[str, ...]]:
    try:
        return tomllib.loads(text), ()
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        where = f"{file}, line {line[1]}" if line else str(file)
        raise HubError(where, "is not TOML here; correct it") from None
    except (RecursionError, ValueError):
        raise HubError(str(file), _TOO_MUCH) from None


def _at(document: object, path: tuple[str, ...]) -> object:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


@dataclass(frozen=True, slots=True)
class Entry:
    """One server in our words, its values still as they were written.

    Attributes:
        values: by our own keys (camelCase); a `timeout` is in seconds.
        warnings: keys that are not known or given twice.
    """

    values: Mapping[str, object]
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Entry({', '.join(self.values)})"


def entry_of(server: str, written: object) -> Entry:
    """A host's entry with the keys it would have in our own file.

    A `timeout` of 1000 or more is taken for milliseconds, which is how Claude Code and Gemini write it, a smaller one
    for seconds.

    Raises:
        HubError: if it is not an object, or a key that stands for others has a value of the wrong kind.
    """
    if not isinstance(written, dict):
        raise HubError(f"server {server!r}", 'must be an object with a "command" or a "url"; correct it')
    values: dict[str, object] = {}
    warnings = []
    for key, value in written.items():
        squashed = _squashed(key)
        if squashed in _OWN_KEYS:
            additions: Mapping[str, object] = _plain(_OWN_KEYS[squashed], value)
        elif squashed in _CONVERTED_KEYS:
            additions = _converted(f"server {server!r}, {key}", squashed, value)
        else:
            if squashed not in _SILENT_KEYS:
                warnings.append(f"server {server!r}: the key {key!r} is not known and has no effect")
            continue
        for own, addition in additions.items():
            earlier = values.get(own)
            if isinstance(earlier, dict) and isinstance(addition, dict):
                values[own] = {**addition, **earlier}
            elif own in values:
                warnings.append(f"server {server!r}: {key!r} says again what {own!r} says and was left out")
            else:
                values[own] = addition
    return Entry(values, tuple(warnings))


def _plain(own: str, value: object) -> Mapping[str, object]:
    if own == "tools" and isinstance(value, list):
        return {"allow": value}
    if own == "timeout" and _is_number(value) and value >= _MILLISECONDS_FROM:  # type: ignore[operator]
        return {own: _seconds(value)}
    return {own: value}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST_NUMBER


def _seconds(milliseconds: object) -> float:
    assert isinstance(milliseconds, int | float)
    seconds = milliseconds / 1000
    return int(seconds) if seconds.is_integer() else seconds


def _converted(thing: str, squashed: str, value: object) -> Mapping[str, object]:
    """What a key of another host's means in our keys."""
    match squashed:
        case "disabled" if isinstance(value, bool):
            return {"enabled": False} if value else {}
        case "tooltimeoutsec" if _is_number(value):
            return {"timeout": value}
        case "startuptimeoutms" if _is_number(value):
            return {"connectTimeout": _seconds(value)}
        case "bearertokenenvvar" if isinstance(value, str):
            return {"headers": {"Authorization": f"Bearer ${{{value}}}"}}
        case "envhttpheaders" if isinstance(value, dict):
            return {"headers": {name: f"${{{variable}}}" for name, variable in value.items()}}
        case "envvars" if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return {"env": {name: f"${{{name}}}" for name in value}}
    raise HubError(thing, f"has a value of the wrong kind ({type(value).__name__}); correct it or leave it out")


def transport_of(server: str, values: Mapping[str, object]) -> Literal["stdio", "http"]:
    """How an entry's server is reached, by its `type` or by what it has.

    Raises:
        HubError: if that is not clear, or is a transport we do not have.
    """
    thing = f"server {server!r}"
    has = [key for key in ("command", "url") if values.get(key) is not None]
    written = values.get("type")
    if written is None:
        if len(has) != 1:
            said = "both a command and a url" if has else "neither a command nor a url"
            raise HubError(thing, f'has {said}; give a "command" for a local server or a "url" for a remote one')
        return "stdio" if has == ["command"] else "http"
    kind = _TYPES.get(_squashed(written)) if isinstance(written, str) else None
    if kind is None:
        raise HubError(f"{thing}, type", 'is not known; write "stdio" or "http"')
    if kind == "sse":
        raise HubError(
            f"{thing}, type",
            "the old HTTP+SSE transport is not supported; if the server has a streamable HTTP address "
            '(often /mcp in the place of /sse), give that with type "http"',
        )
    needed = "command" if kind == "stdio" else "url"
    if needed not in has:
        raise HubError(thing, f'has no "{needed}", which type "{kind}" needs; add it or correct the type')
    return kind
