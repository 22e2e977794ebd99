"""Formats that are text: found encoding, read in parts where they are long, tables of separated values laid out."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
from collections import Counter
from dataclasses import replace

from memento_toolhub.servers.documents.document import Document, Source
from memento_toolhub.servers.documents.encodings import encoding_of
from memento_toolhub.servers.documents.kinds import extension
from memento_toolhub.servers.documents.marked import converted, from_html
from memento_toolhub.servers.documents.pages import MOST_TEXT, chosen, gathered, without_pages
from memento_toolhub.servers.documents.sheets import MOST_ROWS, markdown_table

PART = 1_000_000
"""Bytes of a part of a long text; divisible by what a character takes in UTF-32."""
_MOST_HTML = 5_000_000  # bytes, about three seconds each million
_LONGEST_LINE = 65_536
_MOST_TELLING = 16_000_000  # bytes looked at to tell the encoding
_MARK_LENGTHS = {"utf-16": 2, "utf-32": 4}  # the byte order stands only at the beginning
_BACKTICKS = re.compile(r"`{3,}")


def read_plain(source: Source, pages: str) -> Document:
    """Text as it is."""
    return _in_parts(source, pages)


def read_code(source: Source, pages: str) -> Document:
    """Text as it is, fenced, with its language."""
    found = _in_parts(source, pages)
    ticks = max((len(run) for run in _BACKTICKS.findall(found.text)), default=2) + 1
    fence = "`" * ticks
    return replace(found, text=f"{fence}{extension(source.name)}\n{found.text.rstrip()}\n{fence}")


def read_xml(source: Source, pages: str) -> Document:
    """XML as it is; it is not parsed."""
    found = read_code(source, pages)
    note = "it declares entities; they are shown as they are written" if "<!ENTITY" in found.text else ""
    return replace(found, notes=(*found.notes, note)) if note else found


def read_json(source: Source, pages: str) -> Document:
    """JSON as it is; long lines are broken where it is valid."""
    found = _in_parts(source, pages)
    whole = found.pages_total <= 1
    try:
        value = json.loads(found.text) if whole else None
    except (ValueError, RecursionError) as error:
        note = f"it is no valid JSON: {error}"[:200]
        return replace(read_code(source, pages), notes=(*found.notes, note))
    if not whole or max(map(len, found.text.split("\n"))) < 500:
        return read_code(source, pages)
    return replace(found, text=f"```json\n{json.dumps(value, ensure_ascii=False, indent=1)}\n```")


def read_notebook(source: Source, pages: str) -> Document:
    """The cells of a Jupyter notebook, without their outputs."""
    markdown, title = converted("IpynbConverter", source.whole(), ".ipynb")
    return Document(markdown, title=title, notes=without_pages(pages, "a notebook"))


def read_html(source: Source, pages: str) -> Document:
    """A page of HTML, without scripts and styles."""
    from bs4 import UnicodeDammit

    data = source.head(_MOST_HTML)
    html = UnicodeDammit(data, is_html=True).unicode_markup or data.decode("utf-8", "replace")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        markdown, title = from_html(html)
    notes = [*without_pages(pages, "HTML")]
    if any("nested" in str(warning.message) for warning in told):
        notes.append("nested too deeply to be laid out: the words alone were read")
    if source.size > _MOST_HTML:
        notes.append(f"only the first {_MOST_HTML:,} bytes were read")
    return Document(markdown, title=title, notes=tuple(notes))


def read_csv(source: Source, pages: str) -> Document:
    """Separated values as a table, its first line as head."""
    found = _in_parts(source, pages)
    text = found.text.removeprefix("sep=;\n")
    csv.field_size_limit(MOST_TEXT)
    try:
        separator = _separator(text, "\t" if extension(source.name) in ("tsv", "tab") else ",")
        rows = (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row))
        table, shown = markdown_table(rows, MOST_TEXT // 2)
    except csv.Error as error:
        return replace(found, notes=(*found.notes, f"shown as it is written: no readable CSV ({error})"))
    notes = [*found.notes]
    if shown == MOST_ROWS or len(table) >= MOST_TEXT // 2 or found.pages_total > 1:
        notes.append(f"{shown} rows are shown; ask query_table for the others")
    return replace(found, text=table, notes=tuple(notes))


def _separator(text: str, likely: str) -> str:
    """What separates most lines into the same number of cells, more than one."""

    def regularity(separator: str) -> tuple[float, bool]:
        sample = csv.reader(io.StringIO("\n".join(text[:20_000].split("\n")[:50])), delimiter=separator)
        widths = [len(row) for row in sample if row]
        width, often = Counter(widths).most_common(1)[0] if widths else (1, 0)
        return (often / len(widths) if width > 1 else 0.0), separator == likely

    return max(likely, ",", ";", "\t", "|", key=regularity)


def _in_parts(source: Source, pages: str) -> Document:
    total = max(1, -(-source.size // PART))
    encoding = encoding_of(source.stream, _MOST_TELLING)
    wanted = chosen(pages, total, "part")
    found = gathered("part", total, wanted, (_part(source, n, encoding) for n in wanted))
    if total == 1:
        found = replace(found, page_unit="", pages_total=0, pages_read="")
    known = encoding.startswith(("utf", "ascii"))
    return found if known else replace(found, notes=(*found.notes, f"encoding: {encoding}, as its bytes suggest"))


def _part(source: Source, number: int, encoding: str) -> str:
    """A part of a text: from the first line that begins in it, to the end of the last one."""
    stream, start = source.whole(), (number - 1) * PART
    if encoding.startswith(("utf-16", "utf-32")):
        mark = stream.read(_MARK_LENGTHS.get(encoding, 0)) if start else b""
        stream.seek(start)
        data = mark + stream.read(PART)
    else:
        stream.seek(max(0, start - 1))
        if start:
            stream.readline(_LONGEST_LINE + 1)
        data = stream.read(max(0, number * PART - stream.tell()))
        if not data.endswith(b"\n"):
            data += stream.readline(_LONGEST_LINE)
    return data.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")
