"""Values of a server entry, checked and typed; a wrong one is named, never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn, TypeVar

from memento_toolhub.errors import HubError

Choice = TypeVar("Choice", bound=StrEnum)
_LONGEST = 10_000_000


@dataclass(frozen=True, slots=True)
class Fields:
    """The values of one server entry.

    Every method gives the value of a key, or the default where the key is missing or null, and raises a HubError that
    names server and key where the value cannot be used.
    """

    server: str
    values: Mapping[str, object] = field(repr=False)

    def thing(self, key: str) -> str:
        """How an error names a key."""
        return f"server {self.server!r}, {key if key.isprintable() else ascii(key)}"

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key)
        return default if value is None else value if isinstance(value, bool) else self._wrong(key, "true or false")

    def seconds(self, key: str, default: float) -> float:
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST:
            self._wrong(key, f"a number of seconds above 0 and at most {_LONGEST:,}")
        return float(value)

    def count(self, key: str, default: int) -> int:
        return _count(self.values.get(key), self.thing(key), default)

    def word(self, key: str, default: Choice, without: tuple[str, ...] = ()) -> Choice:
        value = self.values.get(key)
        if value is None:
            return default
        words = {str(choice): choice for choice in type(default) if choice not in without}
        chosen = words.get(value) if isinstance(value, str) else None
        return chosen if chosen is not None else self._wrong(key, f"one of {', '.join(words)}")

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None:
            return None
        return value if isinstance(value, str) and value.strip() else self._wrong(key, "a text")

    def prefix(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None or (isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{0,20}", value)):
            return value
        return self._wrong(key, 'at most 20 letters, digits, "_" and "-"')

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(_is_plain(item) for item in value):
            self._wrong(key, "a list of texts")
        return tuple(_written(item) for item in value)

    def names(self, key: str) -> tuple[str, ...]:
        """A list of names or globs; a single text is a list of one."""
        value = self.values.get(key)
        return (value,) if isinstance(value, str) else self.texts(key)

    def table(self, key: str) -> dict[str, str]:
        """Texts by name; a number or true/false is taken as it is written, null is left out."""
        value = self.values.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._wrong(key, "an object of texts")
        for name, item in value.items():
            if item is not None and not _is_plain(item):
                self._wrong(f"{key}.{name}", "a text")
        return {name: _written(item) for name, item in value.items() if item is not None}

    def limits(self) -> dict[str, int]:
        """`maxResult` of single tools, from `tools`."""
        tools = self.values.get("tools")
        if tools is None:
            return {}
        if not isinstance(tools, dict) or not all(isinstance(settings, dict) for settings in tools.values()):
            self._wrong("tools", 'an object such as {"NAME": {"maxResult": 50000}}')
        given = {}
        for name, settings in tools.items():
            for key, value in settings.items():
                if key.replace("_", "").replace("-", "").lower() != "maxresult":
                    raise HubError(self.thing(f"tools.{name}.{key}"), 'is not known; only "maxResult" can be set here')
                given[name] = _count(value, self.thing(f"tools.{name}.maxResult"), 0)
        return {name: limit for name, limit in given.items() if limit}

    def _wrong(self, key: str, expected: str) -> NoReturn:
        raise HubError(self.thing(key), f"must be {expected}; correct it or leave it out")


def _count(value: object, thing: str, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise HubError(thing, "must be a whole number, 1 or more; correct it or leave it out")
    return value


def _is_plain(value: object) -> bool:
    return isinstance(value, str | bool | int | float)


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
