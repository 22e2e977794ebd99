"""Damaged samples and noise: always a document or a refusal, within the time a call has."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bundled.documents.reading import SAMPLES
from bundled.shared_loop import run
from memento_toolhub.servers.documents.document import Document
from memento_toolhub.servers.documents.reader import read_file
from memento_toolhub.servers.kit.apart import Bounds, run_apart
from memento_toolhub.servers.kit.call_error import CallError

NAMES = sorted(path.name for path in SAMPLES.iterdir() if path.is_file() and path.suffix != ".py")
BOUNDS = Bounds(seconds=120.0)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A sample with some bytes changed, and perhaps cut or doubled."""
    name = draw(st.sampled_from(NAMES))
    data = bytearray((SAMPLES / name).read_bytes())
    for at, byte in draw(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=12)):
        data[at] = byte
    start, end = sorted(draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
    return name, bytes(draw(st.sampled_from([data, data[:end], data[:start] + data[end:], data[:end] + data[start:]])))


def _outcome(call: tuple[object, ...]) -> Document | str:
    try:
        return run(partial(run_apart, read_file, *call, bounds=BOUNDS))  # type: ignore[arg-type]
    except CallError as error:
        return str(error)


def _ends_well(path: Path, name: str, data: bytes, *inner: str, pages: str = "") -> None:
    path.write_bytes(data)
    found = _outcome((str(path), name, inner, pages, "lamp"))
    if isinstance(found, Document):
        found.text.encode("utf-8")
    else:
        assert found.startswith(("path_or_url: ", "pages: ", "the process that worked on it broke")), "no hang"


FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(damaged())
def test_a_damaged_sample_ends_well(tmp_path: Path, made: tuple[str, bytes]) -> None:
    _ends_well(tmp_path / "file", *made)


@FEW
@given(st.binary(max_size=3000), st.sampled_from([*NAMES, "a", "a.json", "a.xml", "a.eml"]))
def test_noise_ends_well(tmp_path: Path, data: bytes, name: str) -> None:
    _ends_well(tmp_path / "file", name, data)


@FEW
@given(st.text(max_size=2000), st.sampled_from(["a.csv", "a.json", "a.html", "a.eml", "a.md", "a.yaml", "a.ipynb"]))
def test_any_text_ends_well(tmp_path: Path, text: str, name: str) -> None:
    _ends_well(tmp_path / "file", name, text.encode("utf-8", "replace"))


@FEW
@given(st.sampled_from(NAMES), st.text(max_size=30), st.text(max_size=30))
def test_any_pages_and_inner_names_end_well(tmp_path: Path, name: str, inner: str, pages: str) -> None:
    data = (SAMPLES / name).read_bytes()
    _ends_well(tmp_path / "file", name, data, pages=pages)
    _ends_well(tmp_path / "file", name, data, inner)
