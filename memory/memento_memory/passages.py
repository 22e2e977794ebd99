"""Markdown cut into passages short enough to be found, and read, on their own.

A passage stays under one heading and carries the path to it ("Deploy > Rollback"). Inside a section, neighbouring
blocks are joined while they fit. A block (paragraph, list, table, fenced code) is cut only when it is longer than a
passage may be: a list between its items first, anything else between its lines, a line between sentences or words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

MAX_CHARS = 800
_MAX_TITLE_CHARS = 120  # a longer "heading" is a paragraph that begins with #

_Lines = list[str]

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_FENCE = re.compile(r"([ \t]*)(`{3,}(?=[^`]*$)|~{3,})")
_ITEM = re.compile(r"([ \t]*)(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
_NO_TITLE = re.compile(r"[ \t]*[->|=#~]")  # a line that is no title, whatever is written under it
_PAUSE = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])")
_CODE_INDENT = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage of a text.

    Attributes:
        heading: titles of the sections it lies in, from the outermost, joined by " > "; "" before the first.
        text: at most MAX_CHARS characters; "" for a section that has nothing but its title.
    """

    heading: str
    text: str

    @property
    def whole(self) -> str:
        """What is embedded and compared: the text, led by its heading."""
        return ": ".join(filter(None, (self.heading, self.text)))


@dataclass(slots=True)
class _Section:
    """A heading's own blocks, without those of the headings below it."""

    path: tuple[tuple[int, str], ...] = ()
    blocks: list[_Lines] = field(default_factory=list)

    @property
    def heading(self) -> str:
        return " > ".join(title for _, title in self.path)

    def below(self, level: int, title: str) -> _Section:
        """The section that a heading of this level opens after this one."""
        return _Section((*(above for above in self.path if above[0] < level), (level, title)))


def split(markdown: str) -> tuple[Piece, ...]:
    """Cut a Markdown text into passages, in its order; every line that is not blank is in one of them."""
    sections = list(_sections(markdown.split("\n")))
    found: list[Piece] = []
    for section, after in zip(sections, [*sections[1:], _Section()], strict=True):
        texts = _packed(_led(section.blocks), "\n\n")
        if not texts and section.path and after.path[: len(section.path)] != section.path:
            texts = [""]  # the title is all there is
        found += [Piece(section.heading, text) for text in texts]
    return tuple(found)


def _sections(lines: _Lines) -> Iterator[_Section]:
    section, at = _Section(), 0
    while at < len(lines):
        if opened := _heading_at(lines, at):
            level, title, taken = opened
            yield section
            section = section.below(level, title)
        elif lines[at].strip():
            taken = _block_length(lines, at)
            section.blocks.append([line.rstrip() for line in lines[at : at + taken]])
        else:
            taken = 1
        at += taken
    yield section


def _heading_at(lines: _Lines, at: int) -> tuple[int, str, int] | None:
    """Level, title and number of lines of the heading that begins here, underlined ones included."""
    if marked := _marked_title(lines[at]):
        return (*marked, 1)
    title = lines[at].strip()
    if len(title) > _MAX_TITLE_CHARS or at + 1 == len(lines) or not (line := _UNDERLINE.fullmatch(lines[at + 1])):
        return None
    if not title or any(other.match(lines[at]) for other in (_NO_TITLE, _ITEM, _FENCE)):
        return None
    return 1 if line[1][0] == "=" else 2, title, 2


def _marked_title(line: str) -> tuple[int, str] | None:
    """Level and title of a line that begins with number signs, if it is a heading."""
    if len(line) > 2 * _MAX_TITLE_CHARS or not (found := _HEADING.fullmatch(line)):
        return None
    title = found[2].strip()
    return (len(found[1]), title) if 0 < len(title) <= _MAX_TITLE_CHARS else None


def _block_length(lines: _Lines, at: int) -> int:
    """How many lines the block has that begins with this one, which is neither blank nor a heading."""
    if (fence := _FENCE.match(lines[at])) and len(fence[1]) < _CODE_INDENT:
        return _fence_length(lines, at)
    in_list = bool(_ITEM.match(lines[at]))
    end = at + 1
    while end < len(lines):
        line = lines[end]
        if not line.strip():
            after = next((i for i in range(end + 1, len(lines)) if lines[i].strip()), None)
            if not in_list or after is None or not _belongs_to_list(lines[after]):
                break
            end = after
            continue
        if _marked_title(line) or (not in_list and _ITEM.match(line)):
            break
        if fence := _FENCE.match(line):
            if not (in_list and fence[1]):
                break
            end += _fence_length(lines, end)
        else:
            end += 1
    return end - at


def _belongs_to_list(line: str) -> bool:
    """Whether a line after a blank one goes on with the list above: another item, or indented below one."""
    return bool(_ITEM.match(line)) or line[0] in " \t"


def _fence_length(lines: _Lines, at: int) -> int:
    """How many lines fenced code has that begins here; a fence that is never closed reaches to the end."""
    opened = _FENCE.match(lines[at])
    assert opened is not None
    closing = re.compile(rf"[ \t]*{re.escape(opened[2][0])}{{{len(opened[2])},}}[ \t]*")
    for end in range(at + 1, len(lines)):
        if closing.fullmatch(lines[end]):
            return end + 1 - at
    return len(lines) - at


def _led(blocks: Sequence[_Lines]) -> Iterator[str]:
    """Blocks as texts that fit; one that ends with a colon announces the next and stays with it where both fit."""
    lead = ""
    for block in blocks:
        text = "\n".join(block)
        if lead and len(lead) + 2 + len(text) > MAX_CHARS:
            yield from _fitting(lead.split("\n"))
            lead = ""
        text = f"{lead}\n\n{text}" if lead else text
        lead = text if text.endswith((":", "：")) else ""
        if not lead:
            yield from _fitting(text.split("\n"))
    if lead:
        yield from _fitting(lead.split("\n"))


def _fitting(lines: _Lines, depth: int = 0) -> Iterator[str]:
    """Lines as texts of at most MAX_CHARS, taken apart no further than that needs."""
    text = "\n".join(lines)
    if len(text) <= MAX_CHARS:
        yield text
    elif depth == len(_CUTS):
        yield from _parts_of_line(text)
    else:
        yield from _packed((t for part in _CUTS[depth](lines) for t in _fitting(part, depth + 1)), "\n")


def _packed(texts: Iterable[str], joint: str) -> _Lines:
    """Neighbouring texts joined as long as they fit."""
    found: _Lines = []
    for text in texts:
        if found and len(found[-1]) + len(joint) + len(text) <= MAX_CHARS:
            found[-1] += joint + text
        elif text.strip():
            found.append(text)
    return found


def _items(lines: _Lines) -> Iterator[_Lines]:
    """The outermost items of a list, each with what is indented below it."""
    first = _ITEM.match(lines[0])
    item: _Lines = []
    for line in lines:
        found = _ITEM.match(line) if first else None
        if found and first and len(found[1]) <= len(first[1]) and item:
            yield item
            item = []
        item.append(line)
    yield item


def _lines_and_code(lines: _Lines) -> Iterator[_Lines]:
    """Single lines, and fenced code in one."""
    at = 0
    while at < len(lines):
        taken = _fence_length(lines, at) if _FENCE.match(lines[at]) else 1
        yield lines[at : at + taken]
        at += taken


def _single_lines(lines: _Lines) -> Iterator[_Lines]:
    return ([line] for line in lines)


_CUTS: tuple[Callable[[_Lines], Iterator[_Lines]], ...] = (_items, _lines_and_code, _single_lines)


def _parts_of_line(line: str) -> Iterator[str]:
    """A line cut after a sentence, else between words, else anywhere; no part but the last is under half full."""
    start = 0
    while len(line) - start > MAX_CHARS:
        head = line[start : start + MAX_CHARS]
        ends = [found.end() for found in _PAUSE.finditer(head)]
        at = ends[-1] if ends else 0
        if at <= MAX_CHARS // 2:
            at = head.rfind(" ") + 1
        if at <= MAX_CHARS // 2:
            at = MAX_CHARS
        yield head[:at].rstrip()
        start += at
    yield line[start:]
