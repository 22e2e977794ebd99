"""What a file is, by its content; the name decides only among texts, which all look alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from memento_toolhub.servers.documents import containers
from memento_toolhub.servers.documents.document import Source, UnreadableError

if TYPE_CHECKING:
    from magika import Magika

_SAMPLE = 65_536
_MAILBOX = re.compile(rb"From \S+ [^\r\n]*\d{4}[^\r\n]*\r?\n[\w-]+:")
_MOST_CONTROLS = 0.02  # of a text's bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """A format.

    Attributes:
        name: for a person.
        extensions: it usually has, without dots.
    """

    name: str
    media_type: str
    extensions: tuple[str, ...]


_OOXML = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"
KINDS = {
    "pdf": Kind("PDF", "application/pdf", ("pdf",)),
    "docx": Kind("Word document", f"{_OOXML}.wordprocessingml.document", ("docx", "docm", "dotx")),
    "pptx": Kind("PowerPoint presentation", f"{_OOXML}.presentationml.presentation", ("pptx", "pptm", "ppsx")),
    "xlsx": Kind("Excel workbook", f"{_OOXML}.spreadsheetml.sheet", ("xlsx", "xlsm", "xltx")),
    "xlsb": Kind("binary Excel workbook", "application/vnd.ms-excel.sheet.binary.macroenabled.12", ("xlsb",)),
    "xls": Kind("Excel 97 workbook", "application/vnd.ms-excel", ("xls", "xlt")),
    "ods": Kind("OpenDocument spreadsheet", f"{_ODF}.spreadsheet", ("ods", "ots")),
    "odt": Kind("OpenDocument text", f"{_ODF}.text", ("odt", "ott")),
    "odp": Kind("OpenDocument presentation", f"{_ODF}.presentation", ("odp", "otp")),
    "epub": Kind("EPUB book", "application/epub+zip", ("epub",)),
    "msg": Kind("Outlook message", "application/vnd.ms-outlook", ("msg",)),
    "eml": Kind("e-mail", "message/rfc822", ("eml", "mht", "mhtml")),
    "mbox": Kind("mailbox", "application/mbox", ("mbox",)),
    "zip": Kind("ZIP archive", "application/zip", ("zip", "jar", "whl", "apk", "cbz", "kmz")),
    "tar": Kind("TAR archive", "application/x-tar", ("tar",)),
    "7z": Kind("7z archive", "application/x-7z-compressed", ("7z",)),
    "gz": Kind("gzip file", "application/gzip", ("gz", "tgz")),
    "bz2": Kind("bzip2 file", "application/x-bzip2", ("bz2", "tbz", "tbz2")),
    "xz": Kind("xz file", "application/x-xz", ("xz", "txz")),
    "parquet": Kind("Parquet table", "application/vnd.apache.parquet", ("parquet",)),
    "html": Kind("HTML page", "text/html", ("html", "htm", "xhtml")),
    "json": Kind("JSON", "application/json", ("json", "geojson", "jsonld")),
    "jsonl": Kind("JSON lines", "application/jsonl", ("jsonl", "ndjson")),
    "ipynb": Kind("Jupyter notebook", "application/x-ipynb+json", ("ipynb",)),
    "xml": Kind("XML", "application/xml", ("xml", "svg", "rss", "atom", "xsd", "xsl", "gpx", "kml")),
    "yaml": Kind("YAML", "application/yaml", ("yaml", "yml")),
    "csv": Kind("CSV table", "text/csv", ("csv", "tsv", "tab")),
    "markdown": Kind("Markdown", "text/markdown", ("md", "markdown")),
    "text": Kind("plain text", "text/plain", ("txt", "text", "log", "rst")),
    "code": Kind("code", "text/x-source", ()),
}
_BY_EXTENSION = {extension: key for key, kind in KINDS.items() for extension in kind.extensions}
TEXTS = frozenset({"html", "json", "jsonl", "ipynb", "xml", "yaml", "csv", "markdown", "text", "eml", "code"})
"""Formats that are text, which only names tell apart."""
_BY_LABEL = {"tsv": "csv", "svg": "xml", "rss": "xml"} | {key: key for key in TEXTS}
_HEADS = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\0": "xz",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "ole",
    b"PAR1": "parquet",
    b"PK\3\4": "zip",
    b"PK\5\6": "zip",
}
_INSPECTED = {"ole": containers.ole_kind, "zip": containers.zip_kind}
_UNREAD = {
    b"Rar!\x1a\x07": "a RAR archive; unpack it, or pack it as ZIP or 7z",
    b"\x28\xb5\x2f\xfd": "a Zstandard file; unpack it first",
    b"{\\rtf": "an RTF document; save it as .docx or .odt first",
    b"SQLite format 3\0": "an SQLite database, not a document; ask it by Python's sqlite3 in run_python",
}
_MEDIA_TOOLS = {
    "image": "describe_image or read_text_in_image",
    "audio": "transcribe",
    "video": "video_frames, transcribe or ask_about_video",
}


def kind_of(source: Source) -> str:
    """The key of the format in KINDS.

    Raises:
        UnreadableError: if it is empty, encrypted, broken, or nothing that can be read as a document.
    """
    if not source.size:
        raise UnreadableError(f"{source.name} is empty (0 bytes)")
    head = source.head(_SAMPLE)
    for start, reason in _UNREAD.items():
        if head.startswith(start):
            raise UnreadableError(f"{source.name} is {reason}")
    if b"%PDF-" in head[:1024]:
        return "pdf"
    for start, key in _HEADS.items():
        if head.startswith(start):
            return _INSPECTED[key](source) if key in _INSPECTED else key
    if head[257:262] == b"ustar" or (extension(source.name) == "tar" and containers.is_tar_header(head)):
        return "tar"
    if is_text(head):
        return _text_kind(head, extension(source.name))
    raise _refused(source.name, head)


def _text_kind(head: bytes, named: str) -> str:
    """Of text: by its markup, else by its name, else by what it looks like."""
    start = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:2000].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "html"
    if start.startswith(b"<?xml"):
        return "html" if b"<html" in start else "xml"
    if _MAILBOX.match(head):
        return "mbox"
    by_name = _BY_EXTENSION.get(named, "")
    if by_name in TEXTS:
        return "text" if by_name == "html" and b"<" not in head else by_name
    found = _magika().identify_bytes(head).output
    label = _BY_LABEL.get(found.label, "")
    if label and (label not in ("text", "markdown") or by_name or not named):
        return label
    return "code" if found.group == "code" or (named and not by_name) else "text"


def _refused(name: str, head: bytes) -> UnreadableError:
    """What to say of bytes that are no document."""
    found = _magika().identify_bytes(head).output
    what = found.description or found.label
    if tools := _MEDIA_TOOLS.get(found.group):
        return UnreadableError(f"{name} is no document but {found.group} ({what}); use {tools} of the media tools")
    return UnreadableError(f"{name} is a binary file ({what}), no document that can be read")


@cache
def _magika() -> Magika:
    from magika import Magika

    return Magika()


def is_text(head: bytes) -> bool:
    """Whether bytes are text of some encoding: no NUL unless as UTF-16 and UTF-32 have it, few control characters."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        return True
    if b"\0" in head:
        halves = sorted((head[::2].count(0), head[1::2].count(0)))
        return halves[0] == 0 and halves[1] > len(head) // 6  # UTF-16 without its mark
    controls = sum(1 for byte in head if byte < 32 and byte not in b"\t\n\r\f\x1b") + head.count(127)
    return controls <= len(head) * _MOST_CONTROLS


def extension(name: str) -> str:
    """The last extension of a name, in lower case and without its dot."""
    return PurePosixPath(name.replace("\\", "/")).suffix[1:].lower()


def misnamed(name: str, key: str) -> str:
    """What to say where a name promises another format; "" where it does not."""
    named = extension(name)
    promised = _BY_EXTENSION.get(named, "")
    if not promised or promised == key or (promised in TEXTS and key in TEXTS - {"html"}):
        return ""
    return f"named .{named}, but it is {KINDS[key].name}; read as that"
