"""Tool memory: everything tools returned, kept whole during a run and shown condensed.

One of the three memories of Memento (arXiv 2508.16153); the other two are the case bank and what the steps came to.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import defaultdict

from memento_memory.text import cut, harmless
from memento_planner.tools import CallResult
from memento_planner.words import FILLER, folded, key

READ_RESULT = "read_result"
MAX_TEXT_CHARS = 1_000_000
MAX_KEPT_CHARS = 20_000_000
_LEAST = 400  # characters; below it there is room for a beginning only
_GAP = 64  # characters, at most, of a note on what is left out between two pieces
_PASSAGE = 320  # characters
_HEAD, _TAIL = 0.4, 0.2  # shares that are kept for sure; without a query the head takes what the passages would
_MOST_WORDS = 40
_WORD = re.compile(r"\w{2,}")

Span = tuple[int, int]


def condensed(text: str, chars: int, *, query: str = "", call: int | None = None) -> str:
    """Head, tail and the passages that share the rarest words with a query; what was left out is said.

    Args:
        chars: longest text to return.
        call: number under which the whole text can be read page by page.
    """
    if len(text) <= chars:
        return text
    if chars < _LEAST:
        return cut(text, chars)
    how = f"; {READ_RESULT}(call={call}, offset=…) gives the rest" if call is not None else ""
    note = f"\n[condensed: {len(text):,} characters in all{how}]"
    parts: list[str] = []
    at = 0
    for start, end in _kept_spans(text, chars - len(note), query):
        if start > at:
            parts.append(f"\n[… characters {at} to {start} left out …]\n")
        parts.append(text[start:end])
        at = end
    return "".join(parts) + note


def _kept_spans(text: str, room: int, query: str) -> list[Span]:
    """Spans to keep, in order and apart from each other, that fit into the room with a note in every gap."""
    tail = len(text) - int(room * _TAIL)
    left = room - int(room * _TAIL) - _GAP
    spans = [(tail, len(text))]
    for start, end in _relevant(text, int(room * _HEAD), tail, query):
        if end - start + _GAP > left - int(room * _HEAD):
            break
        left -= end - start + _GAP
        spans.append((start, end))
    spans.append((0, left))
    return _joined(sorted(spans))


def _joined(spans: list[Span]) -> list[Span]:
    joined = [spans[0]]
    for start, end in spans[1:]:
        if start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _relevant(text: str, start: int, end: int, query: str) -> list[Span]:
    """Passages that hold words of the query, best first: a word counts log(1 + passages / passages with it)."""
    words = [word for word in dict.fromkeys(map(key, _WORD.findall(folded(query)))) if word not in FILLER]
    if not words:
        return []
    passages = _passages(text, start, end)
    begins = [begin for begin, _ in passages]
    holders: dict[str, set[int]] = defaultdict(set)
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, words[:_MOST_WORDS])) + ")", re.IGNORECASE)
    for found in pattern.finditer(text, start, end):
        holders[found[0].casefold()].add(bisect_right(begins, found.start()) - 1)
    score: dict[int, float] = defaultdict(float)
    for held_by in holders.values():
        for index in held_by:
            score[index] += math.log(1 + len(passages) / len(held_by))
    return [passages[index] for index in sorted(score, key=lambda index: (-score[index], index))]


def _passages(text: str, start: int, end: int) -> list[Span]:
    """The text in pieces that end with a line, or else with a word, where there is one."""
    spans: list[Span] = []
    while start < end:
        stop = min(start + _PASSAGE, end)
        if stop < end:
            least = start + _PASSAGE // 3
            stop = max(text.rfind("\n", least, stop), -1) + 1 or text.rfind(" ", least, stop) + 1 or stop
        spans.append((start, stop))
        start = stop
    return spans


class Results:
    """The tool memory of one run.

    Args:
        first: number of the first call; above those of an earlier process that worked on the same run.
    """

    def __init__(self, first: int = 1) -> None:
        self._next = first
        self._texts: dict[int, str] = {}
        self._size = 0

    def new_call(self) -> int:
        """The number of a call that is about to be made."""
        self._next += 1
        return self._next - 1

    def keep(self, call: int, text: str) -> None:
        """Keep what a call returned; where all results together grow too large, the oldest are let go."""
        kept = harmless(text[:MAX_TEXT_CHARS])
        if len(text) > MAX_TEXT_CHARS:
            kept += f"\n[{len(text):,} characters in all; what follows was not kept]"
        self._texts[call] = kept
        self._size += len(kept)
        while self._size > MAX_KEPT_CHARS and len(self._texts) > 1:
            self._size -= len(self._texts.pop(next(iter(self._texts))))

    def condensed(self, call: int, chars: int, *, query: str = "") -> str:
        """What a call returned, in at most so many characters."""
        return condensed(self._texts[call], chars, query=query, call=call)

    def condensed_text(self, text: str, chars: int, *, query: str = "") -> str:
        """Any text in at most so many characters; one that has to be cut is kept under a number of its own."""
        if len(text) <= chars:
            return text
        call = next((number for number, kept in self._texts.items() if kept == text), None)
        if call is None:
            call = self.new_call()
            self.keep(call, text)
        return self.condensed(call, chars, query=query)

    def page(self, call: int, offset: int, chars: int) -> CallResult:
        """One page of what a call returned, from a character on; it says where the next one begins."""
        text = self._texts.get(call)
        if text is None:
            return CallResult(f"the result of call {call} is not kept; make the call itself again", is_error=True)
        start = max(offset, 0)
        if start >= len(text):
            return CallResult(f"the result of call {call} ends at character {len(text)}", is_error=True)
        end = min(start + chars, len(text))
        more = f"{READ_RESULT}(call={call}, offset={end}) goes on" if end < len(text) else "this is the end"
        return CallResult(f"{text[start:end]}\n[characters {start} to {end} of {len(text)}; {more}]")
