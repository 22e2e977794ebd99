"""What an Excel workbook has beside its cells' values: hidden rows and columns, and comments."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile, is_zipfile

from memento_toolhub.servers.documents.document import Source
from memento_toolhub.servers.documents.pages import spans
from memento_toolhub.servers.documents.table_grid import letter

_BLOCK = 1 << 20
_MOST_TAG = 10_000
_HIDDEN = re.compile(rb'<(row|col)\b(?=[^>]*\bhidden="(?:1|true)")([^>]*)>')
_NUMBERS = re.compile(rb'\b(r|min|max)="(\d{1,7})"')
_MOST_COMMENTS, _MOST_COMMENT = 20, 200


def asides(source: Source) -> list[str]:
    """What to say of each sheet of an .xlsx file that has such things; the cells are read as if they were seen."""
    if not is_zipfile(source.whole()):
        return []
    from defusedxml.ElementTree import ParseError

    with ZipFile(source.whole()) as archive:
        if "xl/workbook.xml" not in archive.NameToInfo:
            return []
        try:
            return [f"sheet {name}: {said}" for name, path in _sheets(archive) for said in _of_sheet(archive, path)]
        except (ParseError, ValueError) as error:  # the cells may be readable all the same
            return [f"{source.name}: which rows are hidden and what is commented cannot be told ({error})"]


def _sheets(archive: ZipFile) -> Iterator[tuple[str, str]]:
    targets = {key: path for key, _, path in _relations(archive, "xl/workbook.xml")}
    for sheet in _parsed(archive, "xl/workbook.xml").iterfind(".//{*}sheet"):
        key = next((value for name, value in sheet.attrib.items() if name.endswith("}id")), "")
        if (path := targets.get(key, "")) in archive.NameToInfo:
            yield sheet.get("name", ""), path


def _of_sheet(archive: ZipFile, path: str) -> Iterator[str]:
    rows, columns = _hidden(archive, path)
    if rows:
        yield f"hidden rows {spans(sorted(rows))} are read too"
    if columns:
        yield f"hidden columns {', '.join(letter(column - 1) for column in sorted(columns))} are read too"
    found = [
        comment
        for _, kind, part in _relations(archive, path)
        if kind == "comments" and part in archive.NameToInfo
        for comment in _parsed(archive, part).iterfind(".//{*}comment")
    ]
    said = [f"{one.get('ref')} {''.join(one.itertext()).strip()[:_MOST_COMMENT]!r}" for one in found[:_MOST_COMMENTS]]
    if said:
        yield f"{len(found)} comments: {'; '.join(said)}"


def _hidden(archive: ZipFile, path: str) -> tuple[set[int], set[int]]:
    """Numbers of the hidden rows and columns, from 1."""
    rows: set[int] = set()
    columns: set[int] = set()
    before = b""
    with archive.open(path) as sheet:
        while block := sheet.read(_BLOCK):
            text = before + block
            for tag in _HIDDEN.finditer(text):
                numbers = {key: int(number) for key, number in _NUMBERS.findall(tag[2])}
                if tag[1] == b"row":
                    rows.add(numbers.get(b"r", 0))
                else:
                    first = numbers.get(b"min", 1)
                    columns.update(range(first, min(numbers.get(b"max", first), first + 100) + 1))
            before = text[max(text.rfind(b">") + 1, len(text) - _MOST_TAG) :]
    return rows, columns


def _relations(archive: ZipFile, path: str) -> Iterator[tuple[str, str, str]]:
    """Id, kind and part of what a part refers to."""
    folder, name = posixpath.split(path)
    if (listed := f"{folder}/_rels/{name}.rels") in archive.NameToInfo:
        for one in _parsed(archive, listed):
            target = one.get("Target", "")
            part = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
            yield one.get("Id", ""), one.get("Type", "").rpartition("/")[2], part


def _parsed(archive: ZipFile, path: str) -> Any:
    from defusedxml.ElementTree import fromstring

    return fromstring(archive.read(path))
