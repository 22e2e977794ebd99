"""Values in a text that a tool's argument may stand for: small models need them pointed out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_MAX_LIKELY = 4
_MAX_SEARCHED = 4_000

_QUOTED = re.compile(r"(?<!\w)'([^'\n]+)'(?!\w)|\"([^\"\n]+)\"|“([^”\n]+)”")
_AT_END = re.compile(r".*(?::|\b(?:containing|saying))[ \t]+(\S[^\n]*)$", re.MULTILINE)
_URL = re.compile(r"https?://[^\s'\"<>]+[^\s'\"<>.,;)]")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_FILE = re.compile(r"(?<![\w@.])[\w~./\\-]*[\w-]\.[A-Za-z]\w{0,4}\b(?!@)")
_NUMBER = re.compile(r"(?<![\w.:-])-?(?:0|[1-9]\d{0,14})(?:\.\d+)?(?![\w.:-]*\w)")
_KINDS = (
    (re.compile("ur[li]|link", re.I), _URL),
    (re.compile("mail", re.I), _MAIL),
    (re.compile("file|path", re.I), _FILE),
)
_WORDS = re.compile("text|content|body|message|query|title|note", re.I)


def quoted_as(text: str, other: str) -> str:
    """A text with quotes around what another text has in quotes, so that it can still be told where values end."""
    for value in sorted(set(_quotes(other)), key=len, reverse=True):
        if value not in _quotes(text):
            text = re.sub(rf"(?<![\w'\"]){re.escape(value)}(?![\w'\"])", lambda found: f"'{found[0]}'", text)
    return text


def likely_values(text: str, name: str, description: str, schema: Mapping[str, Any]) -> list[Any]:
    """Values in a text that an argument may be meant to have: by kind, else what stands in quotes or at the end."""
    text = text[-_MAX_SEARCHED:]
    quoted = _quotes(text)
    rest = _QUOTED.sub(" ", text)
    numbers = _NUMBER.findall(rest)
    if schema.get("type") in ("integer", "number"):
        return [json.loads(number) for number in dict.fromkeys(numbers)][:_MAX_LIKELY]
    if schema.get("type") != "string":
        return []
    special = [value for _, kind in _KINDS for value in (*filter(kind.fullmatch, quoted), *kind.findall(rest))]
    at_end = [value.strip() for value in _AT_END.findall(rest) if not any(one in value for one in special)]
    found = [value for value in quoted if value not in special] or at_end or numbers
    if (kind := _kind(name, description)) is not None:
        found = [value for value in special if kind.fullmatch(value)] or found
    return list(dict.fromkeys(found))[:_MAX_LIKELY]


def _quotes(text: str) -> list[str]:
    return ["".join(groups).strip() for groups in _QUOTED.findall(text)]


def _kind(name: str, description: str) -> re.Pattern[str] | None:
    for text in (name, description):
        for words, kind in _KINDS:
            if words.search(text):
                return kind
        if _WORDS.search(name):
            return None
    return None
