"""What several texts, or several plans, have in common: the words that stay, with `…` where they differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from memento_memory.plan import Plan, Subtask
from memento_planner import words
from memento_planner.align import Kind, Token, align
from memento_planner.rewrite import is_code

SHARED = 0.8  # share of the texts that have what counts as common
ALIKE_STEPS = 0.5  # share of telling words from which two steps do the same
ALIKE_PLANS = 0.6  # share of steps from which two plans have the same shape
MAX_STEPS = 40  # of a plan that are looked at
_MAX_TEXT = 600
SLOT = "…"
_TOKEN = re.compile(r"\"[^\"\n]*\"|(?<!\w)'[^'\n]*'(?!\w)|(?<!\S)-{1,2}[^\W\d][\w-]*|\d+(?:[.,:]\d+)*|\w+")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One text with slots.

    Attributes:
        keys: of the words that are common, in order.
        telling: how many of them are neither filler nor a single letter.
        total: how many such words the text had before.
    """

    text: str
    keys: tuple[str, ...]
    telling: int
    total: int


@dataclass(frozen=True, slots=True)
class Step:
    """A step that plans share: its tool, where they name one, and what is common to its descriptions."""

    tool: str
    pattern: Pattern


@lru_cache(16_384)
def tokens(text: str) -> tuple[Token, ...]:
    """The words, numbers and quoted texts of a step or task."""
    return tuple(_token(found) for found in _TOKEN.finditer(text[:_MAX_TEXT]))


def _token(found: re.Match[str]) -> Token:
    text = found[0]
    if text[0] in "\"'":
        return Token(text, "=" + text[1:-1].casefold(), Kind.NAME, *found.span())
    return Token(text, words.key(text), Kind.NUMBER if text[0].isdigit() else Kind.WORD, *found.span())


def common(texts: Sequence[str], example: str) -> Pattern:
    """What of one of the texts at least four in five of all have too, in this order."""
    own = tokens(example)
    kept_by = [0] * len(own)
    place = {token.start: i for i, token in enumerate(own)}
    for text in texts:
        aligned = align(list(own), list(tokens(text)))
        for token in aligned.kept if aligned else ():
            kept_by[place[token.start]] += 1
    return _pattern(example[:_MAX_TEXT], own, [count >= SHARED * len(texts) for count in kept_by])


def _pattern(text: str, own: Sequence[Token], keeps: Sequence[bool]) -> Pattern:
    pieces: list[str] = []
    at = 0
    for token, keep in zip(own, keeps, strict=True):
        pieces += [text[at : token.start], token.text if keep else SLOT]
        at = token.end
    said = " ".join("".join([*pieces, text[at:]]).split())
    said = re.sub(rf"{SLOT}(?:[\s.,]*{SLOT})+", SLOT, said)
    said = re.sub(rf"{SLOT}\.(?=\w)", "", said)  # the alias of a table, the folder of a module
    keys = tuple(token.key for token, keep in zip(own, keeps, strict=True) if keep)
    telling = [keep for token, keep in zip(own, keeps, strict=True) if not token.filler and len(token.text) > 1]
    return Pattern(said, keys, sum(telling), len(telling))


def matched(old: Plan, new: Plan) -> tuple[tuple[int, int], ...]:
    """Positions of the steps of two plans that do the same, in order, as many as there are."""
    ours, theirs = old.subtasks[:MAX_STEPS], new.subtasks[:MAX_STEPS]
    same = [[_same(x, y) for y in theirs] for x in ours]
    longest = [[0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    for i in range(len(ours) - 1, -1, -1):
        for j in range(len(theirs) - 1, -1, -1):
            skip = max(longest[i + 1][j], longest[i][j + 1])
            longest[i][j] = max(skip, longest[i + 1][j + 1] + 1) if same[i][j] else skip
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(ours) and j < len(theirs):
        if same[i][j] and longest[i][j] == longest[i + 1][j + 1] + 1:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return tuple(pairs)


def likeness(old: Plan, new: Plan) -> float:
    """Share of the steps of the longer plan that the other has as well, in [0, 1]."""
    longer = max(len(old.subtasks[:MAX_STEPS]), len(new.subtasks[:MAX_STEPS]))
    return len(matched(old, new)) / longer


def common_steps(plans: Sequence[Plan], example: Plan) -> tuple[Step, ...]:
    """The steps of one of the plans that at least four in five of all have too."""
    pairs = [(plan, dict(matched(example, plan))) for plan in plans]
    found: list[Step] = []
    for i, step in enumerate(example.subtasks[:MAX_STEPS]):
        others = [plan.subtasks[at[i]] for plan, at in pairs if i in at]
        if len(others) >= SHARED * len(plans):
            shared_tool = step.tool if all(other.tool == step.tool for other in others) else ""
            found.append(Step(shared_tool, common([other.description for other in others], step.description)))
    return tuple(found)


def _same(x: Subtask, y: Subtask) -> bool:
    if x.tool and y.tool:
        return x.tool == y.tool
    ours, theirs = telling(x.description), telling(y.description)
    return len(ours & theirs) >= ALIKE_STEPS * len(ours | theirs)


@lru_cache(16_384)
def telling(text: str) -> frozenset[str]:
    """Keys of the words that say what a step does; what it does it to is left out, as far as that can be told."""
    found = tokens(text)
    acts = [t for i, t in enumerate(found) if not t.filler and len(t.text) > 1 and _is_general(text, t, first=i == 0)]
    return frozenset(token.key for token in acts or found)


def _is_general(text: str, token: Token, *, first: bool) -> bool:
    if token.kind is not Kind.WORD:
        return False
    return first or is_code(text) or not token.text[:1].isupper()
