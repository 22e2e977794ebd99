"""Phrases found in the steps of a plan and replaced there, all at once and in the style of each place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from memento_planner import words

_RUN = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+")
_LOOSE = re.compile(r"[ _\-]?")
_JOINTS = "_-"
_CODE = re.compile(r"[=(){}<>|;$*]|(?<!\S)--?\w|^\s*SELECT\b", re.IGNORECASE)
_COMMAND = re.compile(r"(?:^|[|;&`]|[$<]\()\s*(?:sudo\s+|xargs\s+|\w+=\S*\s+)*[\w./\-]*$")
_FILE = re.compile(r"[\w\-]*\.\w{1,5}(?!\w)")
_OPTION = re.compile(r"(?:^|[\s\[|{(])--?[\w\-]*$")


@dataclass(frozen=True, slots=True)
class Atom:
    """The smallest piece of a text that is matched: a word, or a part of an identifier, between start and end."""

    text: str
    key: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """A phrase as it is looked for: its atoms, and whether only its very characters will do."""

    text: str
    atoms: tuple[Atom, ...]
    literal: bool
    cased: bool

    @classmethod
    def of(cls, text: str, *, literal: bool = False, cased: bool = False) -> Pattern:
        parts = atoms(text)
        bare = bool(parts) and parts[0].start == 0 and parts[-1].end == len(text)
        strict = literal or not bare or any(not _LOOSE.fullmatch(text[a.end : b.start]) for a, b in pairwise(parts))
        return cls(text, parts, strict, cased)


@dataclass(frozen=True, slots=True)
class Match:
    """Where a pattern was found: characters start to end, atoms first to last (exclusive)."""

    pattern: Pattern
    start: int
    end: int
    first: int
    last: int


def atoms(text: str) -> tuple[Atom, ...]:
    """The atoms of a text in order; `salesReport_2024` has three."""
    return tuple(_atoms(text))


def _atoms(text: str) -> Iterator[Atom]:
    for run in _RUN.finditer(text):
        word, at = run[0], run.start()
        if not word.isascii() or word.islower() or word.isdigit():
            yield Atom(word, words.key(word), at, run.end())
            continue
        for part in _CAMEL.finditer(word):
            yield Atom(part[0], words.key(part[0]), at + part.start(), at + part.end())


class Finder:
    """Looks for many patterns at once, the longest first at each place."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._by_key: dict[str, list[Pattern]] = {}
        for pattern in sorted(patterns, key=lambda p: (-len(p.atoms), -len(p.text), p.text)):
            if pattern.atoms:
                self._by_key.setdefault(pattern.atoms[0].key, []).append(pattern)

    def matches(self, text: str, parts: tuple[Atom, ...]) -> list[Match]:
        """Matches that do not overlap, from left to right."""
        found: list[Match] = []
        i = 0
        while i < len(parts):
            hits = (_match(text, parts, i, p) for p in self._by_key.get(parts[i].key, ()))
            hit = next((m for m in hits if m), None)
            if hit:
                found.append(hit)
            i = hit.last if hit else i + 1
        return found


def _match(text: str, parts: tuple[Atom, ...], first: int, pattern: Pattern) -> Match | None:
    last = first + len(pattern.atoms)
    here = parts[first:last]
    if len(here) < len(pattern.atoms) or any(a.key != b.key for a, b in zip(here, pattern.atoms, strict=True)):
        return None
    if pattern.cased and any(a.text != b.text for a, b in zip(here, pattern.atoms, strict=True)):
        return None
    start, end = here[0].start, here[-1].end
    if pattern.literal:
        start -= pattern.atoms[0].start
        end = start + len(pattern.text)
        if start < 0 or words.folded(text[start:end]) != words.folded(pattern.text):
            return None
    elif any(not _LOOSE.fullmatch(text[a.end : b.start]) for a, b in pairwise(here)):
        return None
    if _inside_number(text, start, end):
        return None
    return Match(pattern, start, end, first, last)


def _inside_number(text: str, start: int, end: int) -> bool:
    """Whether a found number is only a part of a longer one, such as a date, a version or 1.5."""
    before, after = text[max(start - 2, 0) : start], text[end : end + 2]
    return bool(
        (text[start : start + 1].isdigit() and re.fullmatch(r"\d[.,:\-]", before))
        or (text[end - 1 : end].isdigit() and re.fullmatch(r"[.,:\-]\d", after))
    )


def styled(text: str, match: Match, parts: tuple[Atom, ...], new: str) -> str | None:
    """The new phrase in the style of the place where the old one stood; None where that style cannot be told."""
    here, old = parts[match.first : match.last], match.pattern.atoms
    if match.pattern.literal or text[match.start : match.end] == match.pattern.text:
        return new if _fits(text, match, new) else None
    fresh = atoms(new)
    if not fresh or any(not _LOOSE.fullmatch(new[a.end : b.start]) for a, b in pairwise(fresh)):
        return new if _fits(text, match, new) else None
    joint = _joint(text, here)
    if joint is None and len(fresh) > 1 and not _fits(text, match, new):
        return None
    pieces = [a.text for a in fresh]
    pieces[-1] = _in_number(pieces[-1], old[-1].text, here[-1].text)
    found = [a.text for a in here]
    if _shape(found) != _shape([a.text for a in old]) or (joint == "" and len(found) > 1):
        pieces = _in_case(pieces, found, joint)
    if joint is not None:
        return joint.join(pieces)
    gaps = [new[a.end : b.start] for a, b in pairwise(fresh)]
    return "".join(x for pair in zip(pieces, [*gaps, ""], strict=True) for x in pair)


def _joint(text: str, here: tuple[Atom, ...]) -> str | None:
    """What joins the atoms of the found phrase, or of the identifier it is a part of; None in running text."""
    if len(here) > 1:
        return text[here[0].end : here[1].start]
    before, after = text[max(here[0].start - 1, 0) : here[0].start], text[here[0].end : here[0].end + 1]
    return next((mark for mark in (before, after) if mark and mark in _JOINTS), None)


def _fits(text: str, match: Match, new: str) -> bool:
    """Whether a phrase with spaces can stand here: between quotation marks or in running text, not in a command."""
    if not re.search(r"\s", new) or re.search(r"\s", match.pattern.text):
        return True
    before, after = text[max(match.start - 1, 0) : match.start], text[match.end : match.end + 2]
    if in_quotes(text, match):
        return True
    if is_code(text):
        return False
    return (not before or before.isspace() or before in "(“‘") and not re.match(r"[\w/\\=\-]|[.:]\w", after)


def in_quotes(text: str, match: Match) -> bool:
    """Whether a match stands between quotation marks."""
    return any(text.count(mark, 0, match.start) % 2 and mark in text[match.end :] for mark in "\"'`")


def is_code(text: str) -> bool:
    """Whether a step is a command, a query or the like rather than a sentence."""
    return bool(_CODE.search(text))


def is_piece(text: str, match: Match) -> bool:
    """Whether a match is a piece of a longer identifier of a command or query, file names aside."""
    around = text[max(match.start - 1, 0) : match.start], text[match.end : match.end + 1]
    attached = any(c and (c.isalnum() or c in _JOINTS) for c in around)
    return attached and is_code(text) and not _FILE.match(text, match.end)


def is_action(text: str, match: Match) -> bool:
    """Whether a match is what a step does: its first word, the name of a command, or an option of one."""
    before = text[: match.start]
    if not before.strip() or (_COMMAND.search(before) if is_code(text) else not re.search(r"\s", before.lstrip())):
        return True
    return bool(_OPTION.search(before))


def _in_number(new: str, old: str, found: str) -> str:
    old_plural, found_plural = (words.singular(words.folded(x)) != words.folded(x) for x in (old, found))
    if old_plural == found_plural:
        return words.as_digits(new) if found.isdigit() and not old.isdigit() else new
    return words.plural(new) if found_plural else words.singular(new)


def _shape(pieces: list[str]) -> tuple[bool, bool]:
    whole = "".join(pieces)
    return whole[:1].isupper(), whole.isupper() and len(whole) > 1


def _in_case(pieces: list[str], found: list[str], joint: str | None) -> list[str]:
    whole = "".join(found)
    if whole.isupper() and len(whole) > 1:
        return [p.upper() for p in pieces]
    if whole.islower():
        return [p.lower() for p in pieces]
    if joint == "" and len(found) > 1:
        return [
            p[:1].upper() + p[1:].lower() if i or found[0][:1].isupper() else p.lower() for i, p in enumerate(pieces)
        ]
    if all(f[:1].isupper() for f in found):
        return [p[:1].upper() + p[1:] for p in pieces]
    if found[0][:1].isupper():
        return [pieces[0][:1].upper() + pieces[0][1:], *pieces[1:]]
    return pieces
