"""Text on its way in and out: checked when given, made harmless and short when shown."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from memento_memory.errors import InputError

KB = 1000
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_WORD = re.compile(r"[\w.]+")
_DIGIT = re.compile(r"\d")
_SPACE = re.compile(r"\s+")
_END_MARKS = re.compile(r"(?<=[^\s.!?;])[.!?;]+$")  # of a word: alone, as in `cd ..`, they are no end marks


def check(field: str, text: str, *, limit: int, required: bool = False) -> str:
    """Return the text stripped of outer white space, or say what is wrong with it.

    Args:
        field: name of the field, for the message.
        limit: largest size in bytes of UTF-8.
        required: whether an empty text is refused.

    Raises:
        InputError: if the text is too large, empty though required, or holds characters that no plain text has
            (control characters other than tab and line breaks, lone surrogates).
    """
    if found := _FORBIDDEN.search(text):
        kind = "lone surrogate" if found[0] >= "\ud800" else "control character"
        raise InputError(
            field,
            f"holds the {kind} U+{ord(found[0]):04X} at character {found.start()}; remove it and send plain text",
        )
    size = len(text.encode())
    if size > limit:
        raise InputError(field, f"is {size:,} bytes long, at most {limit:,} are allowed; shorten or summarise it")
    stripped = text.strip()
    if required and not harmless(stripped).strip():
        raise InputError(field, "is empty; say in a sentence what is meant")
    return stripped


def harmless(text: str) -> str:
    """Strip what a reader cannot see: control and format characters, private-use and unassigned code points."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE)


def cut(text: str, limit: int) -> str:
    """Shorten a text to at most `limit` characters, at the end of a word, and mark the cut."""
    if len(text) <= limit:
        return text
    mark = " […]"
    head = text[: max(limit - len(mark), 0)]
    at = head.rfind(" ")
    return (head[:at] if at > limit // 2 else head).rstrip() + mark


def shown(text: str, limit: int) -> str:
    """What of a stored text may reach a model: harmless and cut."""
    return cut(harmless(text), limit)


@lru_cache(8192)
def normalised(text: str) -> str:
    """The form in which two texts are compared for being the same: case-folded, white space collapsed, no end mark."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _END_MARKS.sub("", _SPACE.sub(" ", folded).strip())


def digits_in(text: str) -> list[str]:
    """The words of a text that hold a digit, sorted: numbers, dates, versions, numbered names."""
    return sorted(word.strip(".") for word in _WORD.findall(text) if _DIGIT.search(word))
