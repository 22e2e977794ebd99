"""Files inside ZIP, TAR and 7z archives and e-mails: listed, and taken out one at a time into memory, never to disk."""

from __future__ import annotations

import bz2
import difflib
import gzip
import io
import lzma
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, cast

from memento_toolhub.servers.documents import containers, mail
from memento_toolhub.servers.documents.document import MOST_BYTES, Entry, Source, UnreadableError

_MOST_ENTRIES = 100_000
_MOST_NAMED = 200  # characters of a name in an error
_MOST_UNPACKED = 1_000_000_000  # bytes of a compressed TAR, which has to be unpacked up to what is looked for
_OPENERS: dict[str, Callable[[BinaryIO], Any]] = {
    "gz": lambda s: gzip.GzipFile(fileobj=s),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}
COMPRESSED = frozenset(_OPENERS)


class _Counted:
    """A stream that gives no more than some bytes."""

    def __init__(self, stream: BinaryIO, most: int, name: str) -> None:
        self._stream, self._left, self._most, self._name = stream, most, most, name

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise UnreadableError(f"{self._name} unpacks to more than {self._most:,} bytes; it was left alone")
        return data


def unpacked(key: str, source: Source) -> Source | None:
    """What a compressed file holds; None where that is a TAR.

    Raises:
        UnreadableError: if it is damaged or unpacks to too much.
    """
    with _clear(source.name), _OPENERS[key](source.whole()) as opened:
        head = opened.read(512)
        if len(head) == 512 and containers.is_tar_header(head):
            return None
        data = head + _Counted(opened, MOST_BYTES, source.name).read()
    name = source.name.rsplit("/", 1)[-1]
    return Source(io.BytesIO(data), name.rsplit(".", 1)[0] if "." in name else name, len(data))


def entries(key: str, source: Source) -> tuple[Entry, ...]:
    """The files inside, folders left out, in the order they are kept in.

    Raises:
        UnreadableError: if it is broken or encrypted, or holds too many.
    """
    found: list[Entry] = []
    with _clear(source.name):
        for entry, _ in _walk(key, source):
            found.append(entry)
            if len(found) > _MOST_ENTRIES:
                raise UnreadableError(f"{source.name} holds more than {_MOST_ENTRIES:,} files; it was left alone")
    return tuple(found)


def member(key: str, source: Source, wanted: str) -> Source:
    """One file inside.

    Raises:
        UnreadableError: if there is none of that name, or it cannot be taken out.
    """
    name = _named(wanted, [entry.name for entry in entries(key, source)], source.name)
    with _clear(source.name):
        for entry, taken in _walk(key, source):
            if entry.name == name:
                if entry.link:
                    raise UnreadableError(f"{name} in {source.name} is {entry.link}; links are not followed")
                if entry.size > MOST_BYTES:
                    raise UnreadableError(f"{name} has {entry.size:,} bytes; {MOST_BYTES:,} are the most")
                data = taken()
                return Source(io.BytesIO(data), name.replace("\\", "/").rsplit("/", 1)[-1], len(data))
    raise UnreadableError(f"{name} was not found again in {source.name}")


def _named(wanted: str, names: list[str], archive: str) -> str:
    if wanted in names:
        return wanted
    ends = [name for name in names if name.casefold().endswith("/" + wanted.strip("/").casefold())]
    alike = [name for name in names if name.casefold() == wanted.strip("/").casefold()] or ends
    if len(set(alike)) == 1:
        return alike[0]
    near = sorted(set(alike)) or difflib.get_close_matches(wanted, names[:2000], 5, 0.4) or names[:5]
    some = ", ".join(name[:_MOST_NAMED] for name in near[:5])
    raise UnreadableError(f"{archive} holds no {wanted[:200]!r}; it holds e.g. {some or 'nothing'}")


_Found = Iterator[tuple[Entry, Callable[[], bytes]]]


def _walk(key: str, source: Source) -> _Found:
    """Each file with a way to its bytes, which works until the next is asked for."""
    if key in ("eml", "msg"):
        held = mail.eml_attachments(source) if key == "eml" else mail.msg_attachments(source)
        yield from ((Entry(_shown(name), len(data)), partial(bytes, data)) for name, data in held.items())
    elif key == "mbox":
        yield from (
            (Entry(_shown(name), len(data)), partial(bytes, data)) for name, data in mail.messages(source).items()
        )
    elif key == "7z":
        yield from _seven(source)
    elif key == "tar" or key in COMPRESSED:
        yield from _tar(key, source)
    else:
        yield from _zip(source)


def _zip(source: Source) -> _Found:
    with containers.opened_zip(source) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                link = "a link" if stat.S_ISLNK(info.external_attr >> 16) else ""
                entry = Entry(_shown(info.filename), info.file_size, link)
                yield entry, partial(containers.read_member, archive, info, source.name)


def _tar(key: str, source: Source) -> _Found:
    if key == "tar":
        opened, mode = source.whole(), "r:"
    else:
        opened = cast(BinaryIO, _Counted(_OPENERS[key](source.whole()), _MOST_UNPACKED, source.name))
        mode = "r|"
    with tarfile.open(fileobj=opened, mode=mode) as archive:  # type: ignore[call-overload]
        for info in archive:
            if not info.isdir():
                link = f"a link to {_shown(info.linkname)}" if info.issym() or info.islnk() else ""
                special = "" if info.isreg() or link else "a device or pipe"
                entry = Entry(_shown(info.name), info.size, link or special)
                yield entry, partial(_extracted, archive, info)


def _extracted(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    held = archive.extractfile(info)
    assert held is not None, "only plain files are taken out"
    return held.read()


def _seven(source: Source) -> _Found:
    import py7zr
    from py7zr.io import BytesIOFactory

    with py7zr.SevenZipFile(source.whole()) as archive:
        encrypted = archive.needs_password()
        for info in archive.list():
            if info.is_directory:
                continue

            def taken(name: str = info.filename, size: int = info.uncompressed) -> bytes:
                if encrypted:
                    raise UnreadableError(f"{source.name} is encrypted; ask for a copy without a password")
                into = BytesIOFactory(MOST_BYTES)
                archive.reset()
                archive.extract(targets=[name], factory=into)
                held = next(iter(into.products.values()), None)
                return held.read() if held is not None else b""

            yield Entry(_shown(info.filename), info.uncompressed, "a link" if info.is_symlink else ""), taken


def _shown(name: str) -> str:
    """A name that can be written as UTF-8."""
    return name.encode("utf-8", "replace").decode()


@contextmanager
def _clear(name: str) -> Iterator[None]:
    """Errors of the archive modules as ones that say what to do."""
    from py7zr.exceptions import PasswordRequired

    try:
        yield
    except (UnreadableError, MemoryError):
        raise
    except PasswordRequired as error:
        raise UnreadableError(f"{name} is encrypted; ask for a copy without a password") from error
    except Exception as error:  # each module has its own, and damaged data brings out others
        raise UnreadableError(f"{name} is damaged or cut off ({error}); get it anew") from error
