"""How the tests of the document reader reach samples and the reader."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from memento_toolhub.servers.documents.document import Document
from memento_toolhub.servers.documents.reader import read_file
from memento_toolhub.servers.kit.call_error import CallError

SAMPLES = Path(__file__).parent.parent / "samples"


def read(path: Path | str, *inner: str, pages: str = "", query: str = "") -> Document:
    """A file, or a sample by its name, as the tool reads it, but in this process."""
    path = (SAMPLES / path).resolve()
    return read_file(str(path), path.name, inner, pages, query)


def refusal(path: Path | str, *inner: str, pages: str = "") -> str:
    """What is said where a file cannot be read."""
    with pytest.raises(CallError) as found:
        read(path, *inner, pages=pages)
    assert str(found.value).startswith(("path_or_url: ", "pages: "))
    return str(found.value)


def renamed(sample: str, folder: Path, name: str) -> Path:
    """A sample under another name."""
    return Path(shutil.copy(SAMPLES / sample, folder / name))


def result_or_refusal(path: Path) -> str:
    """The format a file was read as, or why it was not; anything else is an error."""
    try:
        return read(path).format
    except CallError as error:
        return str(error)
