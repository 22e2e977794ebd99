"""A fence around data that the data cannot close, so that what was retrieved never passes for an instruction."""

from __future__ import annotations

import hashlib

from memento_memory.text import shown

MAX_CHARS = 8_000
_MARK_CHARS = 6
_EMPTY = "(nothing)"


def fence(label: str, text: str, *, limit: int = MAX_CHARS) -> str:
    """The text between two lines that carry a mark which does not occur in it; invisible characters are left out.

    The mark is drawn from the text, so the same data always looks the same and can be cached by providers.

    Args:
        label: what the text is, in our own words.
        limit: longest text shown, in characters; the rest is cut off and the cut is marked.
    """
    kept = shown(text, limit).strip() or _EMPTY
    mark = _mark(kept)
    return f"<{label} {mark}>\n{kept}\n</{label} {mark}>"


def _mark(text: str) -> str:
    """A short digest that is no part of the text, not even where someone searched for a text that holds its own."""
    folded = text.casefold()
    turn = 0
    while (mark := hashlib.sha256(f"{turn}\n{text}".encode()).hexdigest()[:_MARK_CHARS]) in folded:
        turn += 1
    return mark
