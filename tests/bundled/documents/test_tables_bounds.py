"""Answers of the table and document tools stay small, whatever the files hold, and lose nothing that is asked for."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from bundled.documents.table_client import tables_over
from bundled.documents.table_reading import only, places, work, written
from bundled.shared_loop import run
from memento_toolhub.servers.documents.server import build
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.roots import Roots

_MOST = 60_000


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False))


def ask(folder: Path, tool: str, **arguments: Any) -> dict[str, Any]:
    async def go() -> dict[str, Any]:
        async with tables_over(folder) as tools:
            found = await tools.ask(tool, **arguments)
            text, handle = "", found.get("rest", "")
            while handle:
                piece = await tools.ask("read_more", handle=handle, max_chars=50_000)
                text, handle = text + piece["text"], piece["rest"]
            return {**found, "csv": text}

    return run(go)


def test_an_answer_with_thousands_of_columns_shows_the_first_and_has_all_in_the_rest(tmp_path: Path) -> None:
    names = [f"column_{at}_{'c' * 80}" for at in range(1000)]
    written(tmp_path, ",".join(names) + "\n" + ",".join(["v" * 50] * 1000) + "\n", "wide.csv")
    found = ask(tmp_path, "query_table", path="wide.csv", sql="SELECT * FROM wide")
    head, row = found.pop("csv").splitlines()
    assert size(found) < _MOST
    assert head.split(",") == names
    assert row.split(",") == ["v" * 50] * 1000
    assert len(found["columns"]) == len(found["rows"][0]) < 1000
    assert (found["row_count"], found["truncated"], found["complete"]) == (1, True, True)
    assert any("more columns are only in rest" in note for note in found["notes"])
    assert size(ask(tmp_path, "list_tables", path="wide.csv")) < _MOST


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + ", ".join(f"repeat('z', 4000) AS b{at}" for at in range(200)),
        "SELECT repeat('\"\\', 100000) FROM range(100)",
        "SELECT repeat(chr(1), 5000) FROM range(100)",
        "SELECT range(100000), map(range(10000), range(10000)), {'a': repeat('q', 100000)} FROM range(30)",
        'SELECT 1 AS "' + "n" * 15_000 + '"',
    ],
)
def test_cells_and_names_share_one_budget_and_shortened_ones_are_counted(tmp_path: Path, sql: str) -> None:
    answer, _ = work(places(written(tmp_path, "a\n1\n")), sql)
    assert size(answer.rows) + size(answer.columns) < _MOST
    assert answer.rows
    assert answer.cut_cells or "n" * 200 in sql


def test_rows_beyond_the_budget_of_all_rows_are_in_the_rest(tmp_path: Path) -> None:
    answer, _ = work(places(written(tmp_path, "a\n1\n")), "SELECT range, repeat('x', 3000) FROM range(50)")
    shown = len(answer.rows)
    assert 10 < shown < 14
    assert [line.split(",")[0] for line in answer.rest.splitlines()[1:]] == [str(at) for at in range(shown, 50)]
    assert answer.seen == 50
    assert answer.cut_cells == 0


def test_a_struct_with_thousands_of_fields_is_listed_short(tmp_path: Path) -> None:
    records = [{f"k{at}": {f"f{number}": 1 for number in range(300)} for at in range(30)}]
    written(tmp_path, json.dumps(records), "deep.json")
    assert size(ask(tmp_path, "list_tables", path="deep.json")) < _MOST


@pytest.mark.parametrize("encoding", ["rot13", "undefined", "a\0", "base64", "idna", "klingon"])
def test_an_encoding_that_is_for_no_text_is_refused(tmp_path: Path, encoding: str) -> None:
    written(tmp_path, "a\n1\n")

    async def go() -> str:
        async with tables_over(tmp_path) as tools:
            return await tools.error("list_tables", path="table.csv", encoding=encoding)

    assert "encoding: " in (said := run(go))
    assert "such as cp1252" in said


def test_entries_with_long_names_are_cut_and_few(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "long.zip", "w") as archive:
        for at in range(300):
            archive.writestr(f"{at}/" + "m" * (900 if at else 60_000), "x")

    async def go() -> dict[str, Any]:
        async with Client(build(Options(Roots.of([tmp_path]), tmp_path))) as client:
            found = await client.call_tool("read_document", {"path_or_url": "long.zip", "max_chars": 500})
            assert found.structured_content is not None, found.content
            return found.structured_content

    found = run(go)
    first, second, *_ = found["entries"]
    assert (first["path"], len(first["name"]), second["path"]) == ("", 201, "long.zip!/1/" + "m" * 900)
    assert size(found) < 25_000
    assert found["entries_total"] == 300


@pytest.mark.parametrize("stray", ["42", "7.5", "2024-01-02"])
def test_a_single_value_right_of_the_header_leaves_the_header(tmp_path: Path, stray: str) -> None:
    text = f"boat,species,kilos,crew,port,,{stray}\n" + "".join(f"b{at},cod,{at},3,east,,\n" for at in range(3))
    table = only(written(tmp_path, text))
    assert [name for name, _ in table.columns][:5] == ["boat", "species", "kilos", "crew", "port"]
    assert table.rows == 3


def test_a_single_value_in_the_first_row_of_data_makes_no_header_of_it(tmp_path: Path) -> None:
    assert only(written(tmp_path, "x,y,,5\n")).rows == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "punycode"])
def test_a_text_that_is_nothing_of_the_encoding_given_is_refused(tmp_path: Path, encoding: str) -> None:
    written(tmp_path, "a\nÉö\n", encoding="cp1252")

    async def go() -> str:
        async with tables_over(tmp_path) as tools:
            return await tools.error("list_tables", path="table.csv", encoding=encoding)

    assert "leave encoding empty" in run(go)
