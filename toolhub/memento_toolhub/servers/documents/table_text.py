"""Tables in text files: encoding, separator, decimal comma, ragged rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from memento_toolhub.servers.documents.document import UnreadableError
from memento_toolhub.servers.documents.encodings import decodes, encoding_of
from memento_toolhub.servers.documents.table_cells import from_text
from memento_toolhub.servers.documents.table_grid import Header, letters, unique
from memento_toolhub.servers.documents.table_layout import Layout, Reading, header_of, write_rows

_SAMPLE_ROWS = 500
_SAMPLE_CHARS = 1 << 18
_MOST_FIELD = 10_000_000
_SEPARATORS = {"\t": "tab", ";": "semicolon", "|": "vertical bar", ",": "comma"}
_TOLD = re.compile(r"sep=([,;|\t])\r?\n")  # Excel's own line for it
_NONE = "\x1f"
_THIN = "\u00a0\u202f"
_NUMBERS = {
    "thousands comma": re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"),
    "decimal comma": re.compile(rf"[-+]?(?:\d{{1,3}}(?:[. '{_THIN}]\d{{3}})+|\d+)(?:,\d+)?"),
}


@dataclass(frozen=True, slots=True)
class TextTable:
    """How a text file holds its table.

    Attributes:
        path: leads to the file.
        name: what the file is called.
        encoding: Python's name.
        separator: between fields.
        spaced: whether a space follows each separator.
        broken: whether some bytes are not of the encoding, and are replaced.
        before: lines before the first row, which are none.
    """

    path: Path
    name: str
    encoding: str
    separator: str
    spaced: bool
    broken: bool
    before: int = 0

    @classmethod
    def of(cls, path: Path, name: str, encoding: str = "") -> TextTable:
        """What a file seems to be; the encoding may be known."""
        with path.open("rb") as stream:
            encoding = encoding or encoding_of(stream)
            broken = not decodes(stream, encoding)
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            sample = file.read(_SAMPLE_CHARS)
        if "\n" in sample and len(sample) == _SAMPLE_CHARS:
            sample = sample[: sample.rindex("\n")]
        told = _TOLD.match(sample)
        separator = told[1] if told else _separator(sample)
        spaced = 0 < sample.count(separator) * 0.8 < sample.count(f"{separator} ")
        return cls(path, name, encoding, separator, spaced, broken, int(bool(told)))

    def rows(self) -> Iterator[list[str]]:
        """The fields of each row.

        Raises:
            UnreadableError: if a field has no end.
        """
        csv.field_size_limit(_MOST_FIELD)
        with self.path.open(encoding=self.encoding, errors="replace", newline="") as file:
            reader = csv.reader(file, delimiter=self.separator, skipinitialspace=self.spaced)
            try:
                yield from islice(reader, self.before, None)
            except csv.Error as error:
                raise UnreadableError(
                    f"line {reader.line_num} of {self.name} cannot be read ({error}); a quote may be missing"
                ) from error

    @property
    def notes(self) -> list[str]:
        """What was guessed."""
        kept = _SEPARATORS.get(self.separator)
        said = [f"separator: {kept}" if kept else "no separator found: one column"]
        if self.encoding != "utf-8":
            said.append(f"encoding: {self.encoding.replace('_', '-')}")
        return said + ["bytes that are not of the encoding were replaced by \N{REPLACEMENT CHARACTER}"] * self.broken


def lay_out(path: Path, name: str, reading: Reading, target: Path) -> Layout:
    """Write the table of a text file to a plain CSV file.

    Raises:
        UnreadableError: if it is nothing of the encoding given, or a field has no end.
    """
    try:
        return _laid_out(TextTable.of(path, name, reading.encoding), reading, target)
    except UnicodeError as error:  # such as UTF-16 without its mark, which nothing can replace
        raise UnreadableError(f"{name} is no text in {reading.encoding} ({error}); leave encoding empty") from error


def _laid_out(text: TextTable, reading: Reading, target: Path) -> Layout:
    head = list(islice(text.rows(), _SAMPLE_ROWS))
    width = max(map(len, head), default=0)
    header = header_of([[from_text(field) for field in row] for row in head], reading.header_row, width)
    cleaners = [_cleaner(column, text.separator) for column in _columns(head[header.first :], width)]
    layout = write_rows(_clean(text.rows(), cleaners), header, target, keep_blank=reading.keeps_blank)
    if layout.widest > width:
        header = replace(header, names=_more_names(header, layout.widest))
        layout = write_rows(_clean(text.rows(), cleaners), header, target, keep_blank=reading.keeps_blank)
    return layout.noting(*text.notes, *_number_notes(header, cleaners))


def _more_names(header: Header, width: int) -> tuple[str, ...]:
    known = header.names
    return unique([*known, *[""] * (width - len(known))]) if header.found else letters(width)


def _separator(sample: str) -> str:
    """The one that gives the most rows the same number of fields, more than one."""
    lines = sample.splitlines()[: _SAMPLE_ROWS * 2]
    scores = {mark: _evenness(lines, mark) for mark in _SEPARATORS}
    best = max(scores, key=lambda mark: scores[mark])
    return best if scores[best] >= 0.4 else _NONE


def _evenness(lines: Sequence[str], mark: str) -> float:
    csv.field_size_limit(_MOST_FIELD)
    counts = Counter(len(row) for row in csv.reader((f"{line}\n" for line in lines), delimiter=mark) if any(row))
    return max((rows / counts.total() for fields, rows in counts.items() if fields > 1), default=0.0)


def _columns(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    return [[row[at].strip() for row in rows if at < len(row) and row[at].strip()] for at in range(width)]


def _cleaner(fields: Sequence[str], separator: str) -> str:
    """Which sign of a column's numbers is in the way of reading them: "decimal comma", "thousands comma" or ""."""
    if not any("," in field for field in fields):
        return ""
    # 1,234 is either; where commas separate the fields too, someone quoted it who groups digits with them.
    order = _NUMBERS if separator == "," else reversed(_NUMBERS)
    return next((reading for reading in order if all(map(_NUMBERS[reading].fullmatch, fields))), "")


def _clean(rows: Iterator[list[str]], cleaners: Sequence[str]) -> Iterator[list[str]]:
    mended = [(at, cleaner) for at, cleaner in enumerate(cleaners) if cleaner]
    for row in rows:
        for at, cleaner in mended:
            if at < len(row):
                row[at] = _plain_number(row[at], cleaner)
        yield row


def _plain_number(field: str, cleaner: str) -> str:
    number = field.strip()
    if not _NUMBERS[cleaner].fullmatch(number):
        return field
    if cleaner == "thousands comma":
        return number.replace(",", "")
    return re.sub(rf"[. '{_THIN}]", "", number).replace(",", ".")


def _number_notes(header: Header, cleaners: Sequence[str]) -> list[str]:
    by_cleaner: dict[str, list[str]] = {}
    for named, cleaner in zip(header.names, cleaners, strict=False):
        if cleaner:
            by_cleaner.setdefault(cleaner, []).append(named)
    return [f"numbers with a {cleaner}: {', '.join(names[:20])}" for cleaner, names in by_cleaner.items()]
