"""A checkpoint on disk: whole, and of one training, or not there at all."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

_SEAL = 32
_RESUMED_WITHIN_S = 86_400.0
_log = logging.getLogger(__name__)


def of(bank: Path) -> Path:
    """Where the checkpoint of a bank's learner lies."""
    return bank.with_name(bank.name + ".learning")


def log_until(file: Path, now: float) -> float:
    """The time up to which the log is read: when the run that was interrupted began, else now, which is noted.

    Args:
        file: of the checkpoint.
        now: seconds since the epoch.
    """
    note = _note(file)
    if file.exists() and note.exists():
        try:
            began = float(note.read_text(encoding="ascii"))
        except ValueError:
            _log.warning("%s cannot be read; training starts anew", note)
        else:
            if 0 <= now - began < _RESUMED_WITHIN_S:
                return began
    note.write_text(repr(now), encoding="ascii")
    return now


def remove(file: Path) -> None:
    """Leave nothing to go on from."""
    for path in (file, _note(file)):
        path.unlink(missing_ok=True)


def write(file: Path, mark: str, content: bytes) -> None:
    """Write a checkpoint in one step.

    Args:
        mark: what training it is of.
    """
    partial = file.with_name(file.name + ".partial")
    partial.write_bytes(_seal(mark, content) + content)
    os.replace(partial, file)


def read(file: Path, mark: str) -> bytes | None:
    """The content of a checkpoint; None where there is none, or it is another training's or damaged."""
    if not file.exists():
        return None
    data = file.read_bytes()
    seal, content = data[:_SEAL], data[_SEAL:]
    if seal == _seal(mark, content):
        return content
    _log.info("the checkpoint %s is damaged or of another training; this one starts anew", file)
    return None


def _note(file: Path) -> Path:
    return file.with_name(file.name + ".since")


def _seal(mark: str, content: bytes) -> bytes:
    return hashlib.sha256(f"{mark} ".encode() + content).digest()
