"""The head of a GGUF file: that it is one, and how many tokens its model was trained to read."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

from memento_planner.models.errors import ModelSetupError

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_MAX_ENTRIES = 10_000
_MAX_KEY = 65_535


def trained_context(file: Path) -> int:
    """Tokens a model was trained to read, from the head of its GGUF file (format: ggml's docs/gguf.md).

    Raises:
        ModelSetupError: if the file does not say, because it is cut off, damaged or no language model.
    """
    with opened(file) as stream:
        try:
            _, _, entries = struct.unpack("<4xIQQ", stream.read(24))
            for _ in range(min(entries, _MAX_ENTRIES)):
                (length,) = struct.unpack("<Q", stream.read(8))
                key = stream.read(min(length, _MAX_KEY))
                (kind,) = struct.unpack("<I", stream.read(4))
                value = _value(stream, kind)
                if key.endswith(b".context_length"):
                    return int.from_bytes(value, "little")
        except (struct.error, KeyError, OverflowError, OSError, ValueError) as error:
            raise ModelSetupError(f"{file}: the GGUF file is cut off or damaged; fetch it again") from error
    raise ModelSetupError(f"{file}: this GGUF file holds no language model; choose another one")


def _value(stream: BinaryIO, kind: int) -> bytes:
    """The bytes of a number; strings and lists are passed over."""
    if kind == _STRING:
        _skip_string(stream)
        return b""
    if kind != _ARRAY:
        return stream.read(_SIZES[kind])
    inner, count = struct.unpack("<IQ", stream.read(12))
    if inner == _STRING:
        for _ in range(count):
            _skip_string(stream)
    else:
        stream.seek(count * _SIZES[inner], os.SEEK_CUR)
    return b""


def _skip_string(stream: BinaryIO) -> None:
    (length,) = struct.unpack("<Q", stream.read(8))
    stream.seek(length, os.SEEK_CUR)


def opened(file: Path) -> BinaryIO:
    """A file of weights, opened to be read.

    Raises:
        ModelSetupError: if it cannot be.
    """
    try:
        return file.open("rb")
    except OSError as error:
        raise ModelSetupError(f"{file} cannot be read ({error.strerror}); allow it, or choose another file") from error
