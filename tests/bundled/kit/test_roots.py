"""The folders a server may touch: nothing a model writes leads out of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.roots import Roots, opened


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """A root with a file in a folder, and a secret beside it."""
    root = tmp_path / "root"
    (root / "deep").mkdir(parents=True)
    (root / "deep" / "note.txt").write_text("inside")
    (tmp_path / "secret.txt").write_text("outside")
    return root


def refused(roots: Roots, written: str) -> str:
    with pytest.raises(CallError) as caught:
        roots.file(written)
    return str(caught.value)


def test_relative_and_absolute_paths_lead_to_the_same_file(inside: Path) -> None:
    roots = Roots.of([inside])
    expected = (inside / "deep" / "note.txt").resolve()
    assert roots.file("deep/note.txt") == expected
    assert roots.file(str(inside / "deep" / ".." / "deep" / "note.txt")) == expected


def test_the_second_root_is_looked_into_where_the_first_has_no_such_file(inside: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "only.txt").write_text("here")
    assert Roots.of([inside, other]).file("only.txt") == (other / "only.txt").resolve()


@pytest.mark.parametrize(
    "written", ["../secret.txt", "deep/../../secret.txt", "/etc/passwd", "~/x", "", "a\0b", "a\ud800"]
)
def test_a_path_that_leads_out_is_refused_and_the_roots_are_named(inside: Path, written: str) -> None:
    assert str(inside.resolve()) in refused(Roots.of([inside]), written)


def test_a_link_that_leads_out_is_refused_and_one_that_stays_inside_is_followed(inside: Path) -> None:
    (inside / "out").symlink_to(inside.parent / "secret.txt")
    (inside / "within").symlink_to(inside / "deep" / "note.txt")
    (inside / "up").symlink_to(inside.parent)
    roots = Roots.of([inside])
    assert "outside" in refused(roots, "out")
    assert "outside" in refused(roots, "up/secret.txt")
    assert roots.file("within").name == "note.txt"


def test_a_root_named_through_a_link_is_the_folder_it_leads_to(inside: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(inside)
    assert Roots.of([tmp_path / "link"]).file("deep/note.txt").is_file()


def test_what_is_no_readable_file_is_named_for_what_it_is(inside: Path) -> None:
    os.mkfifo(inside / "pipe")
    (inside / "loop").symlink_to(inside / "loop")
    roots = Roots.of([inside])
    assert "is a folder" in refused(roots, "deep")
    assert "does not exist" in refused(roots, "none.txt")
    assert "is no plain file" in refused(roots, "pipe")
    assert "path:" in refused(roots, "loop")
    assert "path:" in refused(roots, "x" * 5000)


def test_an_error_names_what_is_there_instead(inside: Path) -> None:
    roots = Roots.of([inside])
    assert "is a folder; holds note.txt" in refused(roots, "deep")
    assert "does not exist; near it: note.txt" in refused(roots, "deep/notes.txt")
    assert "does not exist; its folder holds deep/" in refused(roots, "unlike.pdf")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells which file was opened")
def test_a_folder_that_becomes_a_link_after_the_check_leads_nowhere(inside: Path) -> None:
    checked = Roots.of([inside]).file("deep/note.txt")
    with opened(checked) as file:
        assert file.read() == b"inside"
    (inside / "deep").rename(inside / "moved")
    (inside.parent / "other").mkdir()
    (inside.parent / "other" / "note.txt").write_text("outside")
    (inside / "deep").symlink_to(inside.parent / "other")
    with pytest.raises(CallError, match="became another file"):
        opened(checked)


def test_the_top_of_the_file_system_and_what_is_no_folder_cannot_be_roots(inside: Path) -> None:
    for wrong in (Path("/"), inside / "none", inside / "deep" / "note.txt"):
        with pytest.raises(ValueError, match=str(wrong)):
            Roots.of([wrong])


@given(st.text(alphabet="./ab~\\\x00é", max_size=30))
def test_whatever_is_written_the_result_is_inside_or_an_error(written: str) -> None:
    roots = Roots.of([Path(__file__).parent])
    try:
        found = roots.file(written)
    except CallError:
        return
    assert found.is_relative_to(roots.folders[0])
