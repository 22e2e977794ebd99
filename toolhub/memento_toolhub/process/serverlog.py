"""What a downstream server writes to its stderr: one rotated file per server, fed through a pipe."""

from __future__ import annotations

import logging
import os
import re
import selectors
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)

ROTATE_AT = 1_000_000
FILES = 3
_CHUNK = 65_536
_LOCK_SECONDS = 1.0


def log_file(logs: Path, name: str) -> Path:
    """Where the stderr of a server is kept."""
    return logs / (re.sub(r"[^A-Za-z0-9_-]", "_", name) + ".log")


def tail(logs: Path, name: str, lines: int) -> list[str]:
    """The last lines of a server's log, oldest first; at most 64 KB of them, none if nothing was written yet."""
    if lines <= 0:
        return []
    file = log_file(logs, name)
    found: list[str] = []
    for part in (file, _rotated(file, 1)):
        with suppress(FileNotFoundError):
            found = _last_lines(part) + found
        if len(found) >= lines:
            break
    return found[-lines:]


class ServerLog:
    """Takes one child's stderr to the server's file.

    `sink` is what the child gets as its stderr. A thread of its own empties the pipe, so a child never waits for us,
    not even while the event loop is busy. Several processes may write the same file; lines stay whole.
    """

    def __init__(self, logs: Path, name: str) -> None:
        logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = log_file(logs, name)
        source, sink = os.pipe()
        stopped, stop = os.pipe()
        self._source = source
        self._stopped = stopped
        self._stop = os.fdopen(stop, "wb", buffering=0)
        self.sink: TextIO = os.fdopen(sink, "w")
        self._reader = threading.Thread(target=self._read, name=f"stderr of {name}", daemon=True)

    def started(self, pid: int | None) -> None:
        """Note that the child runs and drop our end of its stderr, so that its end is seen."""
        self.sink.close()
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        self._write(f"--- {now} started, pid {pid or 'unknown'}, for Memento's pid {os.getpid()} ---\n".encode())
        # Only now, so that this line stands before the child's first one.
        self._reader.start()

    def close(self) -> None:
        """Take what is left in the pipe and end, whoever still holds its other end."""
        self.sink.close()
        self._stop.close()
        if self._reader.ident is None:
            self._reader.start()
        self._reader.join(timeout=_LOCK_SECONDS * 2)

    def _read(self) -> None:
        try:
            if os.name == "nt":
                self._read_to_the_end()
            else:
                self._read_until_stopped()
        finally:
            os.close(self._source)
            os.close(self._stopped)

    def _read_to_the_end(self) -> None:
        # Pipes cannot be selected on here, but a job object has ended everyone who could hold the other end.
        rest = b""
        while chunk := os.read(self._source, _CHUNK):
            rest = self._take(rest + chunk)
        self._finish(rest)

    def _read_until_stopped(self) -> None:
        os.set_blocking(self._source, False)
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._source, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            stopping = False
            budget = 16
            while budget:
                ready = {key.fd for key, _ in selector.select(0 if stopping else None)}
                stopping = stopping or self._stopped in ready
                if self._source in ready:
                    chunk = os.read(self._source, _CHUNK)
                    if not chunk:
                        break
                    rest = self._take(rest + chunk)
                elif stopping:
                    break
                # A child that never stops writing must not keep us after the end: a pipe's worth is enough.
                budget -= stopping
        self._finish(rest)

    def _take(self, data: bytes) -> bytes:
        """Write the whole lines and hand back the beginning of the next, unless it is too long to be kept."""
        end = data.rfind(b"\n") + 1
        if len(data) - end > _CHUNK:
            end = len(data)
        if end:
            self._write(data[:end])
        return data[end:]

    def _finish(self, rest: bytes) -> None:
        if rest:
            self._write(rest + b"\n")

    def _write(self, data: bytes) -> None:
        """Append to the file, opened anew each time: another process may have rotated it since."""
        try:
            target = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(target, data)
                size = os.fstat(target).st_size
            finally:
                os.close(target)
            if size >= ROTATE_AT:
                _rotate(self._file)
        except OSError as error:
            # A full disk must not stop the server: its pipe is emptied all the same.
            logger.warning("%s: a server's stderr could not be written: %s", self._file.name, error.strerror)


def _rotated(file: Path, number: int) -> Path:
    return file.with_name(f"{file.name}.{number}")


def _rotate(file: Path) -> None:
    """Move name.log to name.log.1 and so on, by one process only."""
    try:
        with FileLock(file.with_name(f"{file.name}.lock"), timeout=_LOCK_SECONDS, mode=0o600):
            if file.stat().st_size < ROTATE_AT:
                return
            for number in range(FILES - 1, 0, -1):
                newer = _rotated(file, number - 1) if number > 1 else file
                with suppress(FileNotFoundError):
                    newer.replace(_rotated(file, number))
    except (Timeout, FileNotFoundError):
        logger.debug("%s is being rotated by another process", file.name)


def _last_lines(file: Path) -> list[str]:
    with file.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        size = stream.tell()
        stream.seek(max(0, size - _CHUNK))
        text = stream.read().decode("utf-8", errors="replace")
    lines = text.split("\n")
    if size > _CHUNK:
        lines = lines[1:]
    return [line.rstrip("\r") for line in lines if line.strip()]
