"""Environment files: NAME=value lines, as the `envFile` of a server entry names them."""

from __future__ import annotations

import re
from pathlib import Path

from memento_toolhub.errors import HubError

_LINE = re.compile(
    r"""(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*
        (?:"(?P<double>(?:\\.|[^"\\])*)"\s*(?:\#.*)?
        |'(?P<single>[^']*)'\s*(?:\#.*)?
        |(?P<bare>[^"'\s](?:.*?\S)??)?\s*(?:(?<=\s)\#.*)?)$""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def read_env_file(file: Path, thing: str) -> dict[str, str]:
    """The variables of an environment file.

    A subset that all readers of such files agree on: one NAME=value a line, an optional `export`, comments after "#",
    single quotes (as it stands) and double quotes (with \\n, \\t, \\" and \\\\). Nothing is expanded.

    Raises:
        HubError: about `thing`, if the file cannot be read; it names the line and never shows what is in it.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise HubError(thing, f"the file cannot be read ({error.strerror}); correct the path or create it") from None
    except UnicodeDecodeError:
        raise HubError(thing, "the file is not UTF-8 text; save it as UTF-8") from None
    variables: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = _LINE.match(text)
        if found is None:
            raise HubError(thing, f"line {number} of the file is not NAME=value; correct it or put # before it")
        variables[found["name"]] = _value(found)
    return variables


def _value(found: re.Match[str]) -> str:
    if found["double"] is not None:
        return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), found["double"])
    return found["single"] if found["single"] is not None else (found["bare"] or "")
