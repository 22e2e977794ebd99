"""A folder in which others make files: looked through, read and written without following a link out of it."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from memento_toolhub.servers.code.inside import WORKSPACE
from memento_toolhub.servers.kit.call_error import CallError

MOST_DEPTH = 64
"""Of folders in folders; what is deeper is not looked at."""
if sys.platform != "win32":
    _FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    # A pipe is opened at once, and found to be none of ours.
    _READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in the folder; sizes in bytes."""

    name: str
    mode: int
    size: int
    on_disk: int
    changed: tuple[int, int, int]

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file."""
        return stat.S_ISREG(self.mode)


def entries(folder: Path) -> Iterator[Entry]:
    """Everything below a folder, but for what lies very deep or may not be read; links are not followed."""
    with _opened(os.open(folder, _FOLDER)) as opened:
        yield from _entries(opened, "", 0)


def _entries(folder: int, prefix: str, depth: int) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        for entry in found:
            # Whoever writes here may take it away again at any moment, or lock it.
            with suppress(OSError):
                seen = entry.stat(follow_symlinks=False)
                when = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
                yield Entry(prefix + entry.name, seen.st_mode, seen.st_size, seen.st_blocks * 512, when)
                if stat.S_ISDIR(seen.st_mode) and depth < MOST_DEPTH:
                    with _opened(os.open(entry.name, _FOLDER, dir_fd=folder)) as inner:
                        yield from _entries(inner, f"{prefix}{entry.name}/", depth + 1)


def shown(name: str) -> str:
    """A file's name as text, whatever bytes it is made of."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def read(folder: Path, written: str, most: int) -> tuple[bytes, int]:
    """The first bytes of a plain file, and its size.

    Raises:
        CallError: if there is no such file, or it is a link or no plain file.
    """
    *above, name = _parts(written)
    try:
        with _below(folder, above) as inner, _opened(os.open(name, _READ, dir_fd=inner)) as opened:
            seen = os.fstat(opened)
            if not stat.S_ISREG(seen.st_mode):
                kind = "a folder; see list_files" if stat.S_ISDIR(seen.st_mode) else "no plain file"
                raise CallError(f"path: {written} is {kind}")
            with open(opened, "rb", closefd=False) as file:
                return file.read(most), seen.st_size
    except OSError as error:
        raise _refused(written, error) from error


def write(folder: Path, written: str, data: bytes, field: str = "path") -> bool:
    """Put a file in its place at once, with the folders above it; true where it was not there before.

    Raises:
        CallError: if the path leads out of the folder, through a link, or to a folder.
    """
    *above, name = _parts(written, field)
    draft = f".{secrets.token_hex(8)}"
    try:
        with _below(folder, above, make=True) as inner:
            is_new = not _is_there(name, inner)
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with open(os.open(draft, flags, 0o644, dir_fd=inner), "wb") as file:
                    file.write(data)
                os.replace(draft, name, src_dir_fd=inner, dst_dir_fd=inner)
            except OSError:
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=inner)
                raise
            return is_new
    except OSError as error:
        raise _refused(written, error, field) from error


def remove(folder: Path) -> None:
    """Remove a folder nobody works in any more, however deep it is and whatever its parts allow.

    Raises:
        OSError: if some of it cannot be removed.
    """
    with _opened(os.open(folder, _FOLDER)) as top:
        while names := os.listdir(top):
            for name in names:
                _dissolve(name, top)
    folder.rmdir()


def _dissolve(name: str, top: int) -> None:
    """Remove an entry; the folders inside it are moved up, so that depth does not matter."""
    if not _is_folder(name, top):
        os.unlink(name, dir_fd=top)
        return
    os.chmod(name, 0o700, dir_fd=top)
    with _opened(os.open(name, _FOLDER, dir_fd=top)) as inner:
        for child in os.listdir(inner):
            if _is_folder(child, inner):
                os.chmod(child, 0o700, dir_fd=inner)
                os.rename(child, secrets.token_hex(16), src_dir_fd=inner, dst_dir_fd=top)
            else:
                os.unlink(child, dir_fd=inner)
    os.rmdir(name, dir_fd=top)


def _is_folder(name: str, above: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode)


def _parts(written: str, field: str = "path") -> list[str]:
    path = PurePosixPath(written.removeprefix(WORKSPACE + "/") if written.startswith(WORKSPACE + "/") else written)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in written:
        raise CallError(
            f"{field}: {written[:200]!r} is not below {WORKSPACE}; give the path of a file inside it; "
            "run_python and run_shell copy the user's files there, named in `files`"
        )
    return list(path.parts)


@contextmanager
def _below(folder: Path, names: list[str], *, make: bool = False) -> Iterator[int]:
    """The folder some names lead to, each of which has to be a folder itself."""
    opened = os.open(folder, _FOLDER)
    try:
        for name in names:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=opened)
            inner = os.open(name, _FOLDER, dir_fd=opened)
            os.close(opened)
            opened = inner
        yield opened
    finally:
        os.close(opened)


@contextmanager
def _opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _refused(written: str, error: OSError, field: str = "path") -> CallError:
    if isinstance(error, FileNotFoundError):
        return CallError(f"{field}: there is no file {written[:200]}; see list_files")
    if isinstance(error, IsADirectoryError):
        return CallError(f"{field}: {written[:200]} is a folder; give the path of a file")
    why = "it is a link, or leads through one or through a file" if error.errno in (20, 40) else error.strerror
    return CallError(f"{field}: {written[:200]} cannot be used here ({why}); see list_files")
