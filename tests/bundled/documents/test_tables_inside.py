"""Tables in archives, by the paths that listings of archives give, and files that are swapped for others."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bundled.documents.reading import SAMPLES, refusal
from bundled.documents.table_reading import places, work
from memento_toolhub.servers.documents.places import Place, split
from memento_toolhub.servers.documents.reader import read_file
from memento_toolhub.servers.kit.call_error import CallError


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """An archive with a table of each kind, and one more archive."""
    duckdb.sql("SELECT 5 AS n").write_parquet(str(tmp_path / "five.parquet"))
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as inner:
        inner.writestr("deep.csv", "n\n6\n")
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.writestr("data/one.csv", "n;said\n1;é\n".encode("cp1252"))
        archive.writestr("data/two.json", json.dumps([{"n": 2}]))
        archive.write(SAMPLES / "catches.xlsx", "data/catches.xlsx")
        archive.writestr("data/four.csv.gz", gzip.compress(b"n\n4\n"))
        archive.write(tmp_path / "five.parquet", "data/five.parquet")
        archive.write(tmp_path / "inner.zip", "data/inner.zip")
    return tmp_path / "pack.zip"


@pytest.mark.parametrize(
    ("inner", "sql", "answer"),
    [
        (["data/one.csv"], "SELECT n, said FROM one", [[1, "é"]]),
        (["one.csv"], "SELECT n FROM 'one.csv'", [[1]]),
        (["data/two.json"], "SELECT n FROM two", [[2]]),
        (["data/catches.xlsx"], "SELECT max(Kilograms) FROM catches", [[1306]]),
        (["data/four.csv.gz"], "SELECT n FROM four", [[4]]),
        (["data/five.parquet"], "SELECT n FROM five", [[5]]),
        (["data/inner.zip", "deep.csv"], "SELECT n FROM deep", [[6]]),
    ],
)
def test_a_table_in_an_archive_is_asked_by_its_path(pack: Path, inner: list[str], sql: str, answer: list[Any]) -> None:
    place = Place(pack, tuple(inner))
    if inner[0].endswith(".xlsx"):
        (first, *_), _ = work([place])
        sql = sql.replace("catches", first.name)
        answer = work([Place(SAMPLES.resolve() / "catches.xlsx")], sql)[0].rows
    assert work([place], sql)[0].rows == answer


def test_tables_in_and_beside_an_archive_are_joined(pack: Path) -> None:
    found = work([Place(pack, ("one.csv",)), Place(pack, ("two.json",))], "SELECT one.n + two.n FROM one, two")
    assert found[0].rows == [[3]]


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ((), r"pack.zip holds files .* read_document lists them: .*pack.zip!/table.csv"),
        (("data/",), r"pack.zip!/data/table.csv"),
        (("data/three.csv",), "holds no 'data/three.csv'"),
        (("data/one.csv", "a"), "holds no files"),
    ],
)
def test_an_archive_itself_and_what_it_has_not_are_refused_with_the_way(
    pack: Path, inner: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CallError, match=f"^path: .*{said}"):
        work([Place(pack, inner)])


@pytest.mark.parametrize("sample", ["report.docx", "report.pdf", "tides.pptx"])
def test_documents_without_rows_are_handed_to_the_document_tool(sample: str) -> None:
    with pytest.raises(CallError, match="call read_document"):
        work(places(SAMPLES / sample))


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("pack.zip!/a/b.csv", ["pack.zip", "a/b.csv"]),
        ("pack.zip!readme.md", ["pack.zip", "readme.md"]),
        ("https://example.org/p.TAR.GZ!x/y.md", ["https://example.org/p.TAR.GZ", "x/y.md"]),
        ("pack.zip!/wow.zip!odd.md", ["pack.zip", "wow.zip!odd.md"]),
        ("wow!.txt", ["wow!.txt"]),
        ("wow.zip!", ["wow.zip!"]),
        ("", [""]),
    ],
)
def test_a_path_is_split_at_its_marks_with_or_without_slash(written: str, parts: list[str]) -> None:
    assert split(written) == parts


@pytest.mark.skipif(sys.platform != "linux", reason="only there an open file tells its path")
def test_a_folder_swapped_for_a_link_after_the_check_leads_nowhere(tmp_path: Path) -> None:
    inside, outside = tmp_path / "root" / "w", tmp_path / "out"
    for folder, text in ((inside, "a\ninside\n"), (outside, "a\nsecret\n")):
        folder.mkdir(parents=True)
        (folder / "f.csv").write_text(text)
    checked = (inside / "f.csv").resolve()
    shutil.rmtree(inside)
    inside.symlink_to(outside)
    with pytest.raises(CallError, match="became another file"):
        read_file(str(checked), "f.csv", (), "", "")
    with pytest.raises(CallError, match="became another file"):
        work([Place(checked)])


@pytest.mark.skipif(sys.platform != "linux", reason="only there an open file has a path of its own")
@pytest.mark.parametrize("name", ["f.csv", "f.json"])
def test_a_file_swapped_while_it_is_read_is_not_opened_by_name_again(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memento_toolhub.servers.documents import table_work

    text = '[{"a": "%s"}]' if name.endswith("json") else "a\n%s\n"
    (tmp_path / name).write_text(text % "inside")
    (tmp_path / "secret").write_text(text % "secret")
    draws = table_work._drafts

    def swapped(*args: Any) -> Any:
        os.replace(tmp_path / "secret", tmp_path / name)
        return draws(*args)

    monkeypatch.setattr(table_work, "_drafts", swapped)
    assert work(places(tmp_path / name), "SELECT a FROM f")[0].rows == [["inside"]]


def test_long_names_in_an_archive_make_no_long_error(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "long.zip", "w") as archive:
        archive.writestr("n" * 60_000, "x")
    assert len(refusal(tmp_path / "long.zip", "nope")) < 1_000
