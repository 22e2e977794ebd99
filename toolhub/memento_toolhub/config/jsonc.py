"""JSON as people write it by hand: with comments, and a comma too many."""

from __future__ import annotations

import json
import re

_STRING = r'"(?:\\.|[^"\\])*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_COMMA = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.DOTALL)
_NOT_A_LINE_END = re.compile(r"[^\r\n]")


def without_comments(text: str) -> str:
    """The text with spaces where comments were, so that lines and columns stay what they are."""
    return _COMMENT.sub(lambda found: found[1] or _NOT_A_LINE_END.sub(" ", found[0]), text)


def plain(text: str) -> str:
    """The text as strict JSON, with spaces where comments and commas too many were."""
    return _COMMA.sub(lambda found: found[1] or " ", without_comments(text))


def parse(text: str) -> tuple[object, tuple[str, ...]]:
    """The value of a JSON text, and the keys that are written twice in one object (the last one counts).

    Raises:
        json.JSONDecodeError: if it is not JSON even without comments and commas before a closing bracket.
        RecursionError: if it is nested too deeply.
    """
    twice: list[str] = []

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        kept = dict(pairs)
        if len(kept) < len(pairs):
            keys = [key for key, _ in pairs]
            twice.extend(key for key in kept if keys.count(key) > 1)
        return kept

    return json.loads(plain(text), object_pairs_hook=members), tuple(twice)
