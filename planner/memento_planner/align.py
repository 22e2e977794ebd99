"""Two tasks laid side by side: their tokens, and the phrases in which they differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from memento_planner import words

MAX_CELLS = 10_000
_CHUNK = re.compile(
    r'"(?P<q1>[^"\n]{1,300})"|“(?P<q2>[^”\n]{1,300})”|«(?P<q3>[^»\n]{1,300})»|`(?P<q4>[^`\n]{1,300})`'
    r"|(?<!\w)'(?P<q5>[^'\n]{1,300})'(?!\w)|‘(?P<q6>[^’\n]{1,300})’(?!\w)|(?P<chunk>[^\s\"“”«»`]+)"
)
_OUTER = "()[]{}<>,;:!?…。，、！？'‘’“”\"|"
_NUMBER = re.compile(r"[+\-#$€£¥]?\d[\d.,:/\-]*(?:%|°?[a-zA-Z]{1,3})?")
_WORD = re.compile(r"[^\W_]+(?:[^\w\s/\\.@:=*?~$%&#<>|+()\[\]{}][^\W_]+)*")
_PART = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+")


class Kind(StrEnum):
    """What a token names; phrases of different kinds never replace one another."""

    WORD = "word"
    NAME = "name"
    NUMBER = "number"
    PATH = "path"
    LINK = "link"
    OPENING = "opening"


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a task: a word, or a quoted text, name, number, path or link as a whole.

    Attributes:
        text: as written, without quotation marks.
        key: the form in which tokens are compared.
        start, end: where the text is in the task.
    """

    text: str
    key: str
    kind: Kind
    start: int
    end: int

    @property
    def filler(self) -> bool:
        return self.kind is Kind.WORD and words.folded(self.text) in words.FILLER


@dataclass(frozen=True, slots=True)
class Difference:
    """A stretch in which two tasks differ; one side is empty where tokens were only added or dropped."""

    old: tuple[Token, ...]
    new: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Alignment:
    """The differences of two texts, in order, and the old tokens that stay."""

    differences: tuple[Difference, ...]
    kept: tuple[Token, ...]


def tokens(text: str) -> list[Token]:
    """Split a task into tokens; how each sentence asks ("show me", "how many") becomes one token."""
    found: list[Token] = []
    sentence: list[Token] = []
    for token, ends in _raw(text):
        sentence.append(token)
        if ends:
            found += _opened(sentence)
            sentence = []
    return found + _opened(sentence)


def align(old: list[Token], new: list[Token]) -> Alignment | None:
    """Align two lists of tokens globally (Needleman and Wunsch 1970); None when that would take too long."""
    head = 0
    while head < min(len(old), len(new)) and _same(old[head], new[head]):
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and _same(old[-1 - tail], new[-1 - tail]):
        tail += 1
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(a) * len(b) > MAX_CELLS:
        return None
    kept = [*old[:head]]
    differences: list[Difference] = []
    run_old: list[Token] = []
    run_new: list[Token] = []
    for x, y in [*_columns(a, b), (None, None)]:
        if x and y and not _same(x, y):
            run_old.append(x)
            run_new.append(y)
        elif (x and y) or not (x or y):
            if run_old or run_new:
                differences.append(Difference(tuple(run_old), tuple(run_new)))
                run_old, run_new = [], []
            if x:
                kept.append(x)
        elif x:
            run_old.append(x)
        elif y:
            run_new.append(y)
    return Alignment(tuple(differences), (*kept, *old[len(old) - tail :]))


def phrase(text: str, run: tuple[Token, ...]) -> str:
    """What a run of neighbouring tokens says, as written."""
    return text[run[0].start : run[-1].end] if run else ""


def _raw(text: str) -> Iterator[tuple[Token, bool]]:
    """Each token, and whether it ends a sentence."""
    for match in _CHUNK.finditer(text):
        group = match.lastgroup or "chunk"
        start, end = match.span(group)
        if group != "chunk":
            yield _token(text[start:end], start, quoted=True), False
            continue
        ends = text[start:end].endswith((".", "?", "!", ";", ":"))
        while start < end and text[start] in _OUTER:
            start += 1
        while start < end and text[end - 1] in _OUTER + ".":
            end -= 1
        chunk = text[start:end]
        if chunk.endswith(("'s", "’s")):
            chunk = chunk[:-2]
        if chunk:
            yield from _pieces(chunk, start, ends)


def _pieces(chunk: str, start: int, ends: bool) -> Iterator[tuple[Token, bool]]:
    """A chunk free of white space as one token, or as its parts where it is words strung together."""
    if _NUMBER.fullmatch(chunk) or not _WORD.fullmatch(chunk) or _is_camel(chunk):
        if any(c.isalnum() for c in chunk) or len(chunk) > 1:
            yield _token(chunk, start), ends
        return
    parts = list(_PART.finditer(chunk)) if "'" not in chunk and "’" not in chunk else []
    if len(parts) < 2:
        yield Token(chunk, words.key(chunk.replace("’", "'")), Kind.WORD, start, start + len(chunk)), ends
        return
    for part in parts:
        at = start + part.start()
        yield Token(part[0], words.key(part[0]), Kind.WORD, at, at + len(part[0])), ends and part is parts[-1]


def _token(text: str, start: int, *, quoted: bool = False) -> Token:
    kind = Kind.NAME
    if "://" in text or ("@" in text and "." in text):
        kind = Kind.LINK
    elif _NUMBER.fullmatch(text):
        kind = Kind.NUMBER
    elif re.search(r"[/\\~*]|^\.\w|\w\.\w{1,5}$", text) and not (quoted and " " in text):
        kind = Kind.PATH
    return Token(text, "=" + text, kind, start, start + len(text))


def _is_camel(chunk: str) -> bool:
    return any(a.islower() and b.isupper() for a, b in pairwise(chunk))


def _opened(sentence: list[Token]) -> list[Token]:
    kind, count = words.opening([words.folded(t.text) if t.kind is Kind.WORD else "" for t in sentence[:10]])
    rest = sentence[count:]
    if not kind:
        return rest
    first, last = sentence[0], sentence[count - 1]
    return [Token(" ".join(t.text for t in sentence[:count]), kind, Kind.OPENING, first.start, last.end), *rest]


def _same(a: Token, b: Token) -> bool:
    return a.key == b.key or (a.kind is not b.kind and words.folded(a.text) == words.folded(b.text))


def _columns(a: list[Token], b: list[Token]) -> list[tuple[Token | None, Token | None]]:
    """The best global alignment of two lists, a gap as None."""
    scores = [[-j for j in range(len(b) + 1)]]
    pair = [[_score(x, y) for y in b] for x in a]
    for i, row in enumerate(pair, start=1):
        above, line = scores[-1], [-i]
        for j, score in enumerate(row, start=1):
            line.append(max(above[j - 1] + score, above[j] - 1, line[-1] - 1))
        scores.append(line)
    i, j = len(a), len(b)
    columns: list[tuple[Token | None, Token | None]] = []
    while i or j:
        if i and j and scores[i][j] == scores[i - 1][j - 1] + pair[i - 1][j - 1]:
            i, j = i - 1, j - 1
            columns.append((a[i], b[j]))
        elif i and scores[i][j] == scores[i - 1][j] - 1:
            i -= 1
            columns.append((a[i], None))
        else:
            j -= 1
            columns.append((None, b[j]))
    return columns[::-1]


def _score(x: Token, y: Token) -> int:
    if _same(x, y):
        return 1 if x.filler else 4
    if x.kind is not y.kind or x.filler != y.filler:
        return -1
    return 1
