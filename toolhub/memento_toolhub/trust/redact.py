"""Secrets taken out of what is recorded: by the names they go under and by what they look like.

When in doubt more is taken out rather than less: a trace is read long after the call, and by others. Only so much of
a text is looked at as can be shown, and a little more so that a secret lying across the cut is still recognised.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from memento_toolhub.secrecy import is_secret_name, secret_spans

REDACTED = "[redacted]"
_DEEPEST = 60
_AHEAD = 8_192
_LONGEST_NUMBER = 4_096  # bits; Python refuses to write out much longer ones
_NAME_KEYS = ("name", "key", "header")
_VALUE_KEYS = ("value", "values")


def redact(value: Any) -> Any:
    """A copy of a JSON-like value with its secrets replaced by `[redacted]`; any other object becomes its text."""
    return _Copy(None).of(value)


def bounded_json(value: Any, limit: int) -> str:
    """The redacted value as JSON of at most `limit` characters; a longer one ends in a note of the original length."""
    copy = _Copy(limit)
    text = json.dumps(copy.of(value), ensure_ascii=False, separators=(",", ":"))
    if len(text) > limit or copy.cut:
        note = f"… [cut; about {_size(value):,} characters in all]"
        text = text[: limit - len(note)] + note if len(note) <= limit else text[:limit]
    return text.encode("utf-8", "replace").decode()  # half of a surrogate pair could not be stored


class _Copy:
    """One pass over a value that stops when `left` characters are written; None for no bound."""

    def __init__(self, left: int | None) -> None:
        self._left = left
        self.cut = False

    def of(self, value: Any, depth: int = 0) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return value if value.bit_length() <= _LONGEST_NUMBER else "[a very long number]"
        if isinstance(value, bytes | bytearray | memoryview):
            return f"[{len(value)} bytes]"
        if not isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._text(str(value))
        if depth == _DEEPEST:
            return self._text("[nested too deeply]")
        return self._mapping(value, depth) if isinstance(value, Mapping) else self._list(value, depth)

    def _text(self, text: str) -> str:
        keep = len(text) if self._left is None else min(len(text), max(0, self._left))
        self.cut |= keep < len(text)
        shown = _without_secrets(text, keep)
        self._spend(len(shown) + 2)
        return shown

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        copied: dict[str, Any] = {}
        named = any(isinstance(value.get(key), str) and is_secret_name(value[key]) for key in _NAME_KEYS)
        for key, held in value.items():
            if self._spent():
                break
            name = self._text(str(key))
            secret = is_secret_name(str(key)) or (named and key in _VALUE_KEYS)
            copied[name] = self._hide(held) if secret else self.of(held, depth + 1)
        return copied

    def _list(self, value: Iterable[Any], depth: int) -> list[Any]:
        copied: list[Any] = []
        after_option = False
        for item in value:
            if self._spent():
                break
            copied.append(self._hide(item) if after_option else self.of(item, depth + 1))
            self._spend(1)
            after_option = isinstance(item, str) and item.startswith("-") and is_secret_name(item)
        return copied

    def _hide(self, held: Any) -> Any:
        if held is None or isinstance(held, bool) or held == "":
            return held
        self._spend(len(REDACTED) + 2)
        return REDACTED

    def _spend(self, characters: int) -> None:
        if self._left is not None:
            self._left -= characters

    def _spent(self) -> bool:
        spent = self._left is not None and self._left <= 0
        self.cut |= spent
        return spent


def _without_secrets(text: str, keep: int) -> str:
    """The first `keep` characters of a text with the secrets that begin in them replaced."""
    parts: list[str] = []
    end = 0
    for first, last in secret_spans(text if keep == len(text) else text[: keep + _AHEAD]):
        if first >= keep:
            break
        parts += (text[end:first], REDACTED)
        end = last
    parts.append(text[end:keep])
    return "".join(parts)


def _size(value: Any) -> int:
    """The length of a value's JSON without its escapes; no recursion, since the value may be nested without end."""
    size = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            size += 2 + sum(len(str(key)) + 4 for key in item)
            waiting.extend(item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            size += 2 + len(item)
            waiting.extend(item)
        elif isinstance(item, int) and not isinstance(item, bool):
            size += 1 + item.bit_length() * 3 // 10
        else:
            size += len(str(item)) + 2 * isinstance(item, str)
    return size
