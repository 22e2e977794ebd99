"""The passages of a text, those first that bear on a question."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHARS = 800
_MOST_WORDS = 64  # of a query
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"([\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")  # scripts without word gaps
_TABLE = re.compile(r"\|[^\n]*\n\|[ :|-]+\n")
_PAUSE = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])|\n")


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text.

    Attributes:
        heading: titles of the sections it lies in, from the outermost, joined by " > ".
        text: at most MAX_CHARS characters.
    """

    heading: str
    text: str


def relevant(text: str, query: str) -> str:
    """The passages of a Markdown text, the most relevant first, then those that match nothing in their order.

    Relevance is BM25 over stemmed words, as SQLite's FTS5 computes it.
    """
    return matching(text, query) or text


def matching(text: str, query: str) -> str:
    """The same; empty where no passage matches."""
    passages = list(split(text))
    return _joined([passages[at] for at in _ranked(passages, query)])


def split(markdown: str) -> Iterator[Passage]:
    """Cut a Markdown text into passages that stay under one heading; a long block is cut between lines or words."""
    path: list[tuple[int, str]] = []
    held = ""
    for block in _blocks(markdown):
        if found := _HEADING.fullmatch(block):
            if held:
                yield Passage(_shown(path), held)
            level = len(found[1])
            path, held = [*(above for above in path if above[0] < level), (level, found[2].strip())], ""
            continue
        for part in _parts(block):
            if held and len(held) + 2 + len(part) > MAX_CHARS:
                yield Passage(_shown(path), held)
                held = ""
            held = f"{held}\n\n{part}" if held else part
    if held:
        yield Passage(_shown(path), held)


def _shown(path: list[tuple[int, str]]) -> str:
    return " > ".join(title for _, title in path if title)


def _blocks(markdown: str) -> Iterator[str]:
    """Headings, fenced code, and the runs of lines between blank ones."""
    block: list[str] = []
    fence = ""
    for line in markdown.split("\n"):
        opened = _FENCE.match(line)
        if fence:
            block.append(line)
            if opened and opened[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        alone = bool(_HEADING.fullmatch(line)) if len(line) < MAX_CHARS else False
        if (alone or not line.strip()) and block:
            yield "\n".join(block)
            block = []
        if alone:
            yield line
        elif line.strip():
            block.append(line)
            fence = opened[1] if opened else ""
    if block:
        yield "\n".join(block)


def _parts(block: str) -> Iterator[str]:
    """A block as pieces that fit, cut at the last end of a line or sentence, else a gap, else anywhere.

    Each piece of a table begins with the table's head.
    """
    start, top = 0, ""
    if (table := _TABLE.match(block)) and len(table[0]) < MAX_CHARS // 2:
        top = table[0]
        start = len(top)
    room = MAX_CHARS - len(top)
    while len(block) - start > room:
        head = block[start : start + room]
        at = max((found.end() for found in _PAUSE.finditer(head)), default=0)
        if at <= room // 2:
            at = max(at, head.rfind(" ") + 1)
        yield top + head[: at or room].rstrip()
        start += at or room
    yield top + block[start:]


def _ranked(passages: list[Passage], query: str) -> list[int]:
    """Places of all passages, the best first; empty where none matches."""
    import apsw

    words = dict.fromkeys(word.lower() for word in _WORD.findall(_spaced(query)))
    if not words:
        return []
    index = apsw.Connection(":memory:")
    index.execute("CREATE VIRTUAL TABLE passage USING fts5(heading, text, tokenize = 'porter unicode61')")
    with index:
        index.executemany(
            "INSERT INTO passage(rowid, heading, text) VALUES (?, ?, ?)",
            ((at, _spaced(passage.heading), _spaced(passage.text)) for at, passage in enumerate(passages)),
        )
    asked = " OR ".join(f'"{word}"' for word in list(words)[:_MOST_WORDS])
    found = "SELECT rowid FROM passage WHERE passage MATCH ? ORDER BY rank, rowid"
    best = dict.fromkeys(int(str(row[0])) for row in index.execute(found, (asked,)))
    index.close()
    return [*best, *(at for at in range(len(passages)) if at not in best)] if best else []


def _spaced(text: str) -> str:
    return _UNSPACED.sub(r" \1 ", text)


def _joined(passages: list[Passage]) -> str:
    """Passages below one another, each heading named where it changes."""
    found: list[str] = []
    heading = ""
    for passage in passages:
        if passage.heading != heading:
            heading = passage.heading
            found.append(f"**[{heading or 'before any heading'}]**")
        found.append(passage.text)
    return "\n\n".join(found)
