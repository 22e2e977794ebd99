"""Setting single members of a JSON file that a person keeps, with all else, comments too, as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from memento_toolhub.config import jsonc

_SPACE = re.compile(r"\s*")
_INDENT = "  "
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    key_start: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Object:
    """Where an object of a text is, from its opening bracket to its closing one, and its members."""

    start: int
    close: int
    members: tuple[_Member, ...]


def with_member(text: str, path: Sequence[str], value: object) -> str:
    """A JSON text with one member set; objects that are missing on the way to it are made.

    Args:
        text: valid JSON with an object on top; comments and commas too many are allowed.
        path: the keys that lead to the member, at least one.

    Raises:
        ValueError: if what lies on the way is no object.
    """
    plain = jsonc.plain(text)
    place = _object(plain, _after_space(plain, 0))
    for depth, key in enumerate(path):
        # Of a key written twice, readers take the last.
        found = next((member for member in reversed(place.members) if member.key == key), None)
        rest = path[depth + 1 :]
        if found is None:
            for outer in reversed(rest):
                value = {outer: value}
            return _inserted(text, place, key, value)
        if not rest:
            written = _written(value, _indent_at(text, found.key_start))
            return text[: found.start] + written + text[found.end :]
        place = _object(plain, found.start)
    raise ValueError("no path was given")


def _object(plain: str, start: int) -> _Object:
    if plain[start : start + 1] != "{":
        raise ValueError(f"no object at character {start}")
    decoder, members = json.JSONDecoder(), []
    at = _after_space(plain, start + 1)
    while plain[at] != "}":
        key, key_end = decoder.raw_decode(plain, at)
        value_start = _after_space(plain, _after_space(plain, key_end) + 1)
        _, end = decoder.raw_decode(plain, value_start)
        members.append(_Member(key, at, value_start, end))
        at = _after_space(plain, end)
        if plain[at] == ",":
            at = _after_space(plain, at + 1)
    return _Object(start, at, tuple(members))


def _inserted(text: str, place: _Object, key: str, value: object) -> str:
    """The text with a member behind the last one, and behind the comments that follow that."""
    outer = _indent_at(text, place.start)
    indent = _indent_at(text, place.members[-1].key_start) if place.members else outer + _INDENT
    if place.members and len(indent) <= len(outer):
        indent = outer + _INDENT
    end = place.members[-1].end if place.members else place.start + 1
    between = text[end : place.close].rstrip()
    has_comma = not place.members or jsonc.without_comments(text)[end : place.close].strip().startswith(",")
    member = f"{indent}{_written(key, indent)}: {_written(value, indent)}"
    return f"{text[:end]}{'' if has_comma else ','}{between}\n{member}\n{outer}{text[place.close :]}"


def _written(value: object, indent: str) -> str:
    lines = json.dumps(value, ensure_ascii=False, indent=len(_INDENT)).replace("\n", f"\n{indent}")
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", lines)  # of a path that is not UTF-8


def _indent_at(text: str, position: int) -> str:
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip())]


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
