"""A server entry made independent of the host and the folder it was written for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import urlsplit

from memento_toolhub.config.expand import REFERENCE, variable_of_input
from memento_toolhub.secrecy import is_secret_name, secret_spans

_INPUT = re.compile(r"\$\{input:([\w.-]+)\}")
_LEAVES_THE_FOLDER = ("~", "${")
_MEMENTO_PORT = 7411
_MILLISECONDS_FROM = 1000


def portable(values: Mapping[str, object], folder: Path) -> tuple[dict[str, object], tuple[str, ...]]:
    """An entry's values as they mean the same in any file and host, and what was changed that a person must act on.

    An editor's `${input:x}` becomes `${X}`, `${workspaceFolder}` and relative folders become absolute, and `type` is
    in the words of the protocol. Other references stay.
    """
    inputs: dict[str, str] = {}

    def asked(found: re.Match[str]) -> str:
        inputs[found[1]] = variable_of_input(found[1])
        return f"${{{inputs[found[1]]}}}"

    def rewritten(text: str) -> str:
        return _INPUT.sub(asked, text.replace("${workspaceFolder}", str(folder)))

    kept = {key: _mapped(value, rewritten) for key, value in values.items()}
    for key in ("cwd", "envFile"):
        place = kept.get(key)
        if isinstance(place, str) and place.strip() and not place.startswith(_LEAVES_THE_FOLDER):
            kept[key] = str(folder / place)
    if isinstance(kept.get("type"), str):
        kept["type"] = "http" if kept.get("url") is not None else "stdio"
    timeout = kept.get("timeout")
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and _MILLISECONDS_FROM <= timeout < 1e9:
        kept["timeout"] = round(timeout * 1000)  # a number this large is read as milliseconds
    notes = tuple(
        f"${{input:{name}}} became ${{{variable}}}; set it where Memento is started"
        for name, variable in inputs.items()
    )
    return kept, notes


def _mapped(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    return value


def is_memento(values: Mapping[str, object]) -> bool:
    """Whether an entry starts Memento's server, or reaches it at its usual port on this machine."""
    if isinstance(url := values.get("url"), str):
        try:
            parts = urlsplit(url)
            return parts.hostname in ("127.0.0.1", "localhost", "::1") and parts.port == _MEMENTO_PORT
        except ValueError:
            return False
    return "serve" in _words_to_memento(values)


def bundled_server_of(values: Mapping[str, object]) -> str:
    """The bundled server that an entry starts, as `memento tool NAME` does; "" for any other entry."""
    words = _words_to_memento(values)
    return next((name for word, name in pairwise(words) if word == "tool"), "")


def _words_to_memento(values: Mapping[str, object]) -> list[str]:
    """The words of a command that starts Memento, none of any other."""
    args = values.get("args")
    words = [
        word for word in (values.get("command"), *(args if isinstance(args, list) else ())) if isinstance(word, str)
    ]
    programs = {PurePosixPath(PureWindowsPath(word).as_posix()).name.lower().removesuffix(".exe") for word in words}
    return words if programs & {"memento", "memento_server", "memento-cbr"} else []


def plain_secrets(values: Mapping[str, object]) -> tuple[str, ...]:
    """Where an entry seems to hold a secret as it is, with the variable that should stand there instead."""
    hints = []
    for key in ("env", "headers"):
        table = values.get(key)
        for name, value in table.items() if isinstance(table, dict) else ():
            named = isinstance(value, str) and value and is_secret_name(name) and not REFERENCE.search(value)
            if named or _holds_secret(value):
                variable = variable_of_input(name)
                hints.append(
                    f"{key}.{name} seems to be a secret in plain text; write ${{{variable}}} and set that variable"
                )
    args = values.get("args")
    line = " ".join(arg for arg in args if isinstance(arg, str)) if isinstance(args, list) else ""
    for key, text in (("args", line), ("url", values.get("url"))):
        if _holds_secret(text):
            hints.append(
                f"a secret in plain text seems to be in {key}; write ${{NAME}} in its place and set that variable"
            )
    return tuple(hints)


def _holds_secret(text: object) -> bool:
    """Whether a text has a secret that is neither a reference nor, behind an option's name, the next option."""
    found = [text[first:last] for first, last in secret_spans(text)] if isinstance(text, str) else []
    return any(not REFERENCE.search(part) and not part.startswith("-") for part in found)
