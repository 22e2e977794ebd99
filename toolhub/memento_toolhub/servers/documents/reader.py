"""From a file to what it says: what runs in the process apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from memento_toolhub.servers.documents import archives, book, mail, office, opendocument, pdf, sheets, texts
from memento_toolhub.servers.documents.document import MOST_BYTES, Document, Entry, Source, UnreadableError, blamed_on
from memento_toolhub.servers.documents.inside import ARCHIVES, reached
from memento_toolhub.servers.documents.kinds import KINDS, misnamed
from memento_toolhub.servers.documents.pages import MOST_TEXT
from memento_toolhub.servers.documents.places import size_of
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.relevance import matching
from memento_toolhub.servers.kit.roots import opened

_READERS: dict[str, Callable[[Source, str], Document]] = {
    "pdf": pdf.read,
    "docx": office.read_docx,
    "pptx": office.read_pptx,
    "odt": opendocument.read_text,
    "odp": opendocument.read_slides,
    "xlsx": sheets.read,
    "xlsb": sheets.read,
    "xls": sheets.read,
    "ods": sheets.read,
    "epub": book.read,
    "msg": mail.read_msg,
    "eml": mail.read_eml,
    "html": texts.read_html,
    "json": texts.read_json,
    "jsonl": texts.read_code,
    "ipynb": texts.read_notebook,
    "xml": texts.read_xml,
    "yaml": texts.read_code,
    "csv": texts.read_csv,
    "markdown": texts.read_plain,
    "text": texts.read_plain,
    "code": texts.read_code,
}
_MOST_NOTES, _MOST_NOTE = 30, 2_000
_IN_PARTS = {"jsonl", "json", "xml", "yaml", "csv", "markdown", "text", "code", "html"}


def read_file(path: str, name: str, inner: tuple[str, ...], pages: str, query: str) -> Document:
    """A document, or a file inside it.

    Args:
        path: the real one of the file on disk.
        name: what it is called.
        inner: names of files inside one another, the outermost first.
        pages: see pages.chosen.
        query: to bring the passages to the front that bear on it; may be empty.

    Raises:
        CallError: if it cannot be read, with what to do.
    """
    with opened(Path(path)) as stream:
        source = Source(stream, name, size_of(stream))
        with blamed_on("path_or_url"):
            found = _within(source, inner, pages)
    return _clean(_asked(found, query) if query.strip() else found)


def _asked(found: Document, query: str) -> Document:
    if text := matching(found.text, query):
        return replace(found, text=text)
    return replace(found, notes=(*found.notes, "query: no passage shares a word with it; the text is in its own order"))


def _within(source: Source, inner: tuple[str, ...], pages: str) -> Document:
    key, held, notes, folder = reached(source, inner)
    return _listing(key, held, folder) if folder or key in ARCHIVES else _read(key, held, pages, notes)


def _read(key: str, source: Source, pages: str, notes: tuple[str, ...]) -> Document:
    kind = KINDS[key]
    if key == "parquet":
        raise UnreadableError(f"{source.name} is a Parquet table; ask list_tables and query_table")
    if key not in _IN_PARTS and source.size > MOST_BYTES:
        raise UnreadableError(f"{source.name} has {source.size:,} bytes; {MOST_BYTES:,} are the most for {kind.name}")
    try:
        found = _READERS[key](source, pages)
    except (UnreadableError, CallError, MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # parsers raise anything at damaged data; those written in Rust no Exception even
        reason = f"{type(error).__name__}: {error}"[:300]
        raise UnreadableError(
            f"{source.name} looks like {kind.name} but cannot be read ({reason}); it may be damaged"
        ) from error
    wrong = misnamed(source.name, key)
    told = (*notes, *([wrong] if wrong else []), *found.notes)
    return replace(found, format=kind.name, media_type=kind.media_type, notes=told)


def _listing(key: str, source: Source, folder: str) -> Document:
    kind = KINDS[key]
    held = [entry for entry in archives.entries(key, source) if entry.name.startswith(folder)]
    if folder and not held:
        raise UnreadableError(f"{source.name} holds no folder {folder[:200]!r}")
    text = "\n".join(f"- {entry.name} ({_size(entry)})" for entry in held) or "It is empty."
    wrong = misnamed(source.name, key)
    name = f"{kind.name} (TAR inside)" if key in archives.COMPRESSED else kind.name
    return Document(text, name, kind.media_type, notes=(wrong,) if wrong else (), entries=tuple(held))


def _size(entry: Entry) -> str:
    return entry.link or f"{entry.size:,} bytes"


def _clean(found: Document) -> Document:
    """A document as any client can take it: bounded, and nothing in it that UTF-8 cannot write."""
    notes = found.notes
    if len(found.text) > MOST_TEXT * 2:
        notes = (*notes, f"only the first {MOST_TEXT * 2:,} characters were kept")
    text = found.text[: MOST_TEXT * 2].replace("\0", "").encode("utf-8", "replace").decode()
    title = found.title[:300].encode("utf-8", "replace").decode()
    if len(notes) > _MOST_NOTES:
        notes = (*notes[:_MOST_NOTES], f"and {len(notes) - _MOST_NOTES} more notes")
    return replace(found, text=text, title=title, notes=tuple(_shortened(note) for note in notes))


def _shortened(note: str) -> str:
    note = note.encode("utf-8", "replace").decode()
    return f"{note[:_MOST_NOTE]}…" if len(note) > _MOST_NOTE else note
