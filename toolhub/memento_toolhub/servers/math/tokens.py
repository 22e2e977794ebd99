"""The words of an expression, with where each stood in what was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.math.syntax import MOST_CHARS

_SAME = {
    "**": "^", "==": "=", "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*", "÷": "/", "∕": "/",
    "≤": "<=", "≥": ">=", "≠": "!=", "→": "->",
}  # fmt: skip
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_LOWERED = str.maketrans(_RAISED, "0123456789-")
_LETTERS = "A-Za-z\u0370-\u03ffµÅ"
_WORDS = re.compile(
    r"(?P<radix>0(?:[xX][0-9a-fA-F]+|[bB][01]+|[oO][0-7]+)\b)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    rf"|(?P<name>°[CF]\b|fl\.? ?oz\b|[{_LETTERS}][{_LETTERS}0-9_]*)"
    rf"|(?P<raised>[{_RAISED}]+)"
    r"|(?P<operator>->|\*\*|//|<=|>=|==|!=|[-+*/^%!()\[\],=<>|√°∞−–×·⋅∙÷∕≤≥≠→])"
    r"|(?P<space>[ \t\r\n\u00a0\u202f]+)"
)
_DATE = re.compile(r"\b(?:[12][0-9]{3}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/[12][0-9]{3})\b")
_MONEY = "$€£¥₹₽₿₩"
MONEY = "there are no exchange rates here: they change; look one up and calculate with the plain numbers"


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind ("number", "name", "operator" or "end"), its text, and its position from 0."""

    kind: str
    text: str
    at: int


def tokens(text: str, field: str) -> list[Token]:
    """The words of a text, "end" last.

    Raises:
        CallError: if it is empty or too long, or holds a character that has no meaning here.
    """
    if not text.strip():
        raise CallError(f"{field}: is empty; write something like 2*(3 + 4)")
    if len(text) > MOST_CHARS:
        raise CallError(f"{field}: has {len(text)} characters; {MOST_CHARS} are the most, so ask for a part at a time")
    if found := _DATE.search(text):
        raise CallError(
            f"{field}: {found[0]} at {found.start()} looks like a date; days between two are "
            "daynumber(2024, 3, 1) - daynumber(2023, 12, 25); to subtract or divide, put spaces around the signs"
        )
    return [*_words(text, field), Token("end", "", len(text))]


def _words(text: str, field: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = _WORDS.match(text, at)
        if found is None or found.lastgroup is None:
            raise CallError(_strange(text, at, field))
        kind, word = found.lastgroup, found.group()
        if word == "!=" and at and not text[at - 1].isspace():
            raise CallError(f"{field}: is != at {at} a factorial and =, or unequal? Write x! = 6 or x != 6")
        if kind == "raised":
            yield from _raised(word, at, field)
        elif kind == "radix":
            yield Token("number", str(int(word, 0)), at)
        elif kind == "name":
            yield Token("name", _checked(word, at, field), at)
        elif word == "∞":
            yield Token("name", "oo", at)
        elif kind != "space":
            yield Token(kind, _SAME.get(word, word), at)
        at = found.end()


def _raised(word: str, at: int, field: str) -> Iterator[Token]:
    number = word.translate(_LOWERED)
    if not re.fullmatch(r"-?[0-9]+", number):
        raise CallError(f"{field}: {word!r} at {at} is no exponent")
    yield Token("operator", "^", at)
    if number.startswith("-"):
        yield Token("operator", "-", at)
    yield Token("number", number.lstrip("-"), at)


def _checked(word: str, at: int, field: str) -> str:
    if "__" in word or word.endswith("_") or len(word) > 40:
        raise CallError(f"{field}: {word[:40]!r} at {at} cannot be a name; use letters, digits and single _ inside")
    if word.startswith("fl") and word.endswith("oz"):
        return "floz"
    return {"π": "pi", "°C": "degC", "°F": "degF"}.get(word, word)


def _strange(text: str, at: int, field: str) -> str:
    character = text[at]
    if character in _MONEY:
        return f"{field}: {character} at {at} is a currency; {MONEY}"
    hint = {
        ".": "a dot belongs inside a number, as in 0.5",
        ";": "write one expression at a time",
        "{": "use ( and ) to group, [ and ] for matrices",
        "'": "there is no text in mathematics; write names and numbers without quotes",
        '"': "there is no text in mathematics; write names and numbers without quotes",
    }.get(character, "known are numbers, names, + - * / // ^ % ! ( ) [ ] , = < > | √ ° and superscripts")
    return f"{field}: {character!r} at {at} has no meaning here; {hint}"
