"""The way from a file to a file inside of it."""

from __future__ import annotations

from collections.abc import Sequence

from memento_toolhub.servers.documents import archives
from memento_toolhub.servers.documents.document import Source, UnreadableError
from memento_toolhub.servers.documents.kinds import KINDS, kind_of

MOST_DEPTH = 3
"""Archives inside one another that are opened."""
ARCHIVES = frozenset({"zip", "tar", "mbox", "7z", *archives.COMPRESSED})
_HOLD_FILES = ARCHIVES | {"eml", "msg", "docx", "pptx", "xlsx", "xlsb", "ods", "odt", "odp", "epub"}


def reached(source: Source, inner: Sequence[str]) -> tuple[str, Source, tuple[str, ...], str]:
    """The format of the file meant, the file, notes about it, and the folder in it that is meant.

    Raises:
        UnreadableError: if it is not there, cannot be taken out, or lies too deep.
    """
    key, source, notes = _unwrapped(source)
    for at, wanted in enumerate(inner):
        if at == MOST_DEPTH:
            raise UnreadableError(f"files inside one another are opened {MOST_DEPTH} deep; this is deeper")
        if key not in _HOLD_FILES:
            raise UnreadableError(f"{source.name} ({KINDS[key].name}) holds no files; leave out !/{wanted[:100]}")
        if at == len(inner) - 1 and wanted.endswith("/"):
            return key, source, notes, wanted
        key, source, notes = _unwrapped(archives.member(key, source, wanted))
    return key, source, notes, ""


def _unwrapped(source: Source) -> tuple[str, Source, tuple[str, ...]]:
    """A source and its format; of a file that is only compressed, what it holds."""
    notes: list[str] = []
    key = kind_of(source)
    while key in archives.COMPRESSED and (held := archives.unpacked(key, source)):
        notes.append(f"unpacked from {source.name}")
        if len(notes) > MOST_DEPTH:
            raise UnreadableError(f"{source.name} is compressed more than {MOST_DEPTH} times over; unpack it first")
        source, key = held, kind_of(held)
    return key, source, tuple(notes)
