"""The result store: contents come back by their URI, others are pruned, and nothing outside the folder is reached."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_toolhub.trust.results import ResultStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


def age(folder: Path, uri: str, *, days: float) -> None:
    moment = time.time() - days * 86_400
    os.utime(folder / uri.rpartition("/")[2], (moment, moment))


@given(data=st.binary(max_size=200), mime=st.sampled_from(["text/plain", "image/png", "text/plain; charset=utf-8"]))
def test_a_content_comes_back_as_it_was_kept(tmp_path_factory: pytest.TempPathFactory, data: bytes, mime: str) -> None:
    folder = tmp_path_factory.mktemp("results")
    uri = ResultStore(folder).keep(mime, data)
    assert re.fullmatch(r"memento://results/[0-9a-f]{24}", uri)
    assert ResultStore(folder).read(uri) == (mime, data)


def test_the_same_content_has_one_uri_and_one_file(folder: Path) -> None:
    store = ResultStore(folder)
    assert store.keep("text/plain", b"a") == store.keep("text/plain", b"a") != store.keep("text/html", b"a")
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("mime", ["", "text", "text/plain\nx", "text/plain\n", "a/b\r", "é/plain", "a" * 200 + "/b"])
def test_a_type_that_is_none_becomes_unknown_bytes(folder: Path, mime: str) -> None:
    store = ResultStore(folder)
    assert store.read(store.keep(mime, b"x\ny")) == ("application/octet-stream", b"x\ny")


@pytest.mark.parametrize(
    "uri",
    [
        "memento://results/../secret",
        "memento://results/" + "/" * 24,
        "memento://results/" + "0" * 24 + "\n",
        "memento://results/" + "0" * 24 + "/x",
        "memento://results/" + "A" * 24,
        "/etc/passwd",
        "0" * 24,
        "memento://results/" + "0" * 24,
    ],
)
def test_a_uri_that_is_not_of_a_kept_content_reads_nothing(folder: Path, uri: str) -> None:
    store = ResultStore(folder)
    store.keep("text/plain", b"a")
    (folder.parent / "secret").write_text("secret")
    assert store.read(uri) is None


def test_the_oldest_contents_go_first_when_the_folder_is_full(folder: Path) -> None:
    store = ResultStore(folder, most_bytes=350)
    uris = [store.keep("text/plain", bytes([number]) * 100) for number in range(3)]
    for uri, days in zip(uris, (1, 3, 2), strict=True):
        age(folder, uri, days=days)
    newest = store.keep("text/plain", b"n" * 100)
    assert [store.read(uri) is not None for uri in [*uris, newest]] == [True, False, True, True]


def test_a_content_kept_again_counts_as_new(folder: Path) -> None:
    store = ResultStore(folder)
    uri = store.keep("text/plain", b"a")
    age(folder, uri, days=6)
    store.keep("text/plain", b"a")
    age(folder, store.keep("text/plain", b"b"), days=8)
    assert ResultStore(folder).read(uri) == ("text/plain", b"a")
    assert len(list(folder.iterdir())) == 1


def test_the_content_just_kept_stays_even_when_it_alone_is_too_large(folder: Path) -> None:
    store = ResultStore(folder, most_bytes=10)
    old = store.keep("text/plain", b"old")
    new = store.keep("text/plain", b"n" * 100)
    assert (store.read(old), store.read(new)) == (None, ("text/plain", b"n" * 100))


def test_files_of_others_are_left_alone_and_old_unfinished_ones_are_not(folder: Path) -> None:
    folder.mkdir()
    for name in ("notes.txt", ".gitignore", ".keep-old", ".keep-new"):
        (folder / name).write_text("x" * 50)
    for name in ("notes.txt", ".gitignore", ".keep-old"):
        os.utime(folder / name, (0, 0))
    ResultStore(folder, most_bytes=1)
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", ".keep-new", "notes.txt"]


KEEPER = """
import sys
from pathlib import Path
from memento_toolhub.trust.results import ResultStore
store = ResultStore(Path(sys.argv[1]), most_bytes=2_000)
for number in range(150):
    data = bytes([number]) * 100
    held = store.read(store.keep("text/plain", data))
    assert held in (None, ("text/plain", data)), held
"""


def test_several_processes_may_keep_and_prune_at_once(folder: Path) -> None:
    runs = [subprocess.Popen([sys.executable, "-c", KEEPER, str(folder)]) for _ in range(3)]
    assert [run.wait(timeout=120) for run in runs] == [0, 0, 0]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 2_000
