"""The table tools as a host sees them, and attacked by the SQL and the files that they are given."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import openpyxl
import pytest

from bundled.documents.table_client import TableClient, tables_over
from bundled.documents.table_reading import written
from bundled.shared_loop import run

Use = Callable[[TableClient], Awaitable[None]]


def using(folder: Path, use: Use, mode: str = "auto") -> None:
    """Use the tools over a folder."""

    async def go() -> None:
        with anyio.fail_after(120):
            async with tables_over(folder, mode) as tools:
                await use(tools)

    run(go)


@pytest.fixture
def boats(tmp_path: Path) -> Path:
    """A folder with a table of three boats, and a secret beside it."""
    folder = tmp_path / "root"
    folder.mkdir()
    written(folder, "boat,catch,day\nFanney,3.5,2024-01-02\nSkúli,,2024-01-03\nHelga,4,2024-01-04\n", "boats.csv")
    (tmp_path / "secret.csv").write_text("password\nhunter2\n")
    return folder


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_tables_are_listed_and_asked(boats: Path, mode: str) -> None:
    async def use(tools: TableClient) -> None:
        table = await tools.table("boats.csv")
        assert (table["name"], table["rows"], table["origin"]) == ("boats", 3, "boats.csv")
        assert table["columns"][2] == {"name": "day", "type": "DATE"}
        assert table["sample"][1] == ["Skúli", None, "2024-01-03"]
        answer = await tools.ask("query_table", path="boats.csv", sql="SELECT sum(catch) AS all_, max(day) FROM boats")
        assert answer["columns"][0] == {"name": "all_", "type": "DOUBLE"}
        assert (answer["rows"], answer["row_count"], answer["truncated"]) == ([[7.5, "2024-01-04"]], 1, False)

    using(boats, use, mode)


def test_both_tools_are_read_only_and_stay_at_home(boats: Path) -> None:
    async def use(tools: TableClient) -> None:
        listed = {tool.name: tool for tool in (await tools.client.list_tools()).tools}
        for name in ("list_tables", "query_table"):
            annotations = listed[name].annotations
            assert annotations is not None
            assert (annotations.read_only_hint, annotations.open_world_hint) == (True, False)

    using(boats, use)


def test_rows_beyond_the_limit_are_read_on_as_csv_and_none_is_lost(boats: Path) -> None:
    async def use(tools: TableClient) -> None:
        sql = "SELECT range AS n, 'a, \"b\"' AS said FROM range(5000)"
        answer = await tools.ask("query_table", path="boats.csv", sql=sql, max_rows=3)
        assert (answer["rows"], answer["row_count"]) == ([[n, 'a, "b"'] for n in range(3)], 5000)
        assert answer["truncated"]
        assert answer["complete"]
        text, handle = "", answer["rest"]
        while handle:
            piece = await tools.ask("read_more", handle=handle, max_chars=50_000)
            text, handle = text + piece["text"], piece["rest"]
        assert text.splitlines() == ["n,said", *(f'{n},"a, ""b"""' for n in range(3, 5000))]

    using(boats, use)


def test_values_are_such_as_json_can_hold(boats: Path) -> None:
    async def use(tools: TableClient) -> None:
        sql = (
            "SELECT 'nan'::DOUBLE, 'inf'::DOUBLE, 1.10::DECIMAL(9,2), 123456789012345678.91::DECIMAL(20,2), "
            "9007199254740993::HUGEINT, "
            "TIMESTAMP '2024-01-02 03:04:05', TIMESTAMPTZ '2024-01-02 03:04:05+01', INTERVAL 30 HOUR, [1, NULL], "
            "{'a': DATE '2024-01-02'}, 'x'::BLOB, true"
        )
        (row,) = await tools.rows("boats.csv", sql)
        assert row[:4] == [None, "inf", 1.1, "123456789012345678.91"]
        assert row[4] == "9007199254740993"
        assert row[5:7] == ["2024-01-02T03:04:05", "2024-01-02T02:04:05+00:00"]
        assert row[7:] == ["1 day, 6:00:00", [1, None], {"a": "2024-01-02"}, "78", True]

    using(boats, use)


def test_long_cells_and_answers_are_cut_and_say_so(boats: Path) -> None:
    async def use(tools: TableClient) -> None:
        answer = await tools.ask("query_table", path="boats.csv", sql="SELECT repeat('x', 9000) FROM range(1000)")
        assert len(answer["rows"]) < 20
        assert answer["row_count"] < 1000
        assert not answer["complete"]
        assert any("were shortened" in note for note in answer["notes"])
        assert any("filter or aggregate" in note for note in answer["notes"])

    using(boats, use)


def test_an_error_in_the_sql_names_the_tables_and_columns_there_are(boats: Path) -> None:
    async def use(tools: TableClient) -> None:
        for sql in (
            "SELECT ship FROM boats",
            "SELECT * FROM ships",
            "SELECT FROM WHERE",
            "SELECT 'a' + boat FROM boats",
        ):
            said = await tools.error("query_table", path="boats.csv", sql=sql)
            assert "sql: " in said
            assert "Tables and their columns: boats(boat, catch, day)" in said

    using(boats, use)


_NO_SELECT = {
    "SELECT 1; SELECT 2": "not 2",
    "": "not 0",
    "DROP TABLE boats": "not DROP",
    "COPY boats TO 'out.csv'": "not COPY",
    "ATTACH 'out.db'": "not ATTACH",
    "INSTALL httpfs": "not LOAD",
    "PRAGMA database_list": "not PRAGMA",
    "SET memory_limit = '90GB'": "not SET",
    "CREATE TABLE t AS SELECT 1": "not CREATE",
    "CALL duckdb_functions()": "not CALL",
    "EXPORT DATABASE 'out'": "not EXPORT",
    "PREPARE p AS SELECT 1": "not PREPARE",
    "COPY (PIVOT boats ON boat USING sum(catch)) TO 'out.csv'": "list the values that PIVOT",
}
_BREAKING_OUT = [
    "FROM read_text('{secret}')",
    "FROM read_csv('{secret}')",
    "FROM read_blob('{secret}')",
    "FROM '{secret}'",
    "FROM glob('/*')",
    "FROM sniff_csv('{secret}')",
    "FROM read_json('{secret}')",
    "FROM parquet_metadata('{secret}')",
    "FROM read_text('boats.csv')",
    "FROM query('SELECT * FROM read_text(''{secret}'')')",
    "FROM read_csv('http://127.0.0.1:9/x')",
    "SELECT getenv('HOME')",
    "FROM sqlite_scan('{secret}', 't')",
    "WITH x AS (COPY (SELECT 1) TO '{out}') SELECT * FROM x",
    "WITH x AS (COPY (SELECT 1) TO '/dev/stdout') SELECT * FROM x",
    "WITH x AS (INSERT INTO boats VALUES ('a', 1, NULL) RETURNING *) SELECT * FROM x",
    "WITH x AS (DELETE FROM boats RETURNING *) SELECT * FROM x",
    "FROM enable_logging()",
    "FROM paths",
    "SELECT $1",
]


def test_only_one_select_gets_through_and_reaches_nothing_outside(boats: Path) -> None:
    async def use(tools: TableClient) -> None:
        for sql, said in _NO_SELECT.items():
            assert said in await tools.error("query_table", path="boats.csv", sql=sql), sql
        for sql in _BREAKING_OUT:
            text = sql.format(secret=boats.parent / "secret.csv", out=boats / "out.csv")
            said = await tools.error("query_table", path="boats.csv", sql=text)
            assert "sql: " in said, text
            assert "hunter2" not in said, text
        assert await tools.rows("boats.csv", "SELECT current_setting('allowed_directories')") == [[[]]]
        assert [row[0] for row in await tools.rows("boats.csv", "SHOW TABLES")] == ["boats", "boats.csv"]
        assert os.listdir(boats) == ["boats.csv"]

    using(boats, use)


def test_files_outside_of_the_roots_are_refused(boats: Path) -> None:
    (boats / "link.csv").symlink_to(boats.parent / "secret.csv")

    async def use(tools: TableClient) -> None:
        for path in ("../secret.csv", str(boats.parent / "secret.csv"), "link.csv"):
            assert "outside of what may be read" in await tools.error("list_tables", path=path)
        said = await tools.error("query_table", path="boats.csv", more_paths=["../secret.csv"], sql="SELECT 1")
        assert "more_paths: ../secret.csv is outside" in said
        assert "unknown" in await tools.error("list_tables", path="boats.csv", encoding="klingon")

    using(boats, use)


def test_queries_without_end_and_without_bounds_are_stopped_and_the_server_lives(
    boats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memento_toolhub.servers.documents import tables
    from memento_toolhub.servers.kit.apart import Bounds

    async def use(tools: TableClient) -> None:
        answer = await tools.ask("query_table", path="boats.csv", sql="FROM range(1000000000000)", max_rows=2)
        assert answer["rows"] == [[0], [1]]
        assert not answer["complete"]
        said = await tools.error(
            "query_table", path="boats.csv", sql="SELECT list(repeat('x', 1000000)) FROM range(100000)"
        )
        assert "sql: more than the 2048 MB of memory" in said
        cross = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3"
        with monkeypatch.context() as patch:
            patch.setattr(tables, "_BOUNDS", Bounds(seconds=0.5, memory_mb=6144))
            assert "it took longer than 0.5 s" in await tools.error("query_table", path="boats.csv", sql=cross)
        assert await tools.rows("boats.csv", "SELECT count(*) FROM boats") == [[3]]

    using(boats, use)


def test_a_sheet_that_claims_seventeen_billion_cells_is_an_error_and_the_server_lives(boats: Path) -> None:
    made = openpyxl.Workbook()
    made.worksheets[0]["A1"] = made.worksheets[0]["XFD1048576"] = 1
    made.save(boats / "corners.xlsx")

    async def use(tools: TableClient) -> None:
        await tools.error("list_tables", path="corners.xlsx")
        assert await tools.rows("boats.csv", "SELECT count(*) FROM boats") == [[3]]

    using(boats, use)


def test_many_wide_tables_are_listed_in_less_detail(boats: Path) -> None:
    made = openpyxl.Workbook()
    for number in range(12):
        sheet = made.create_sheet(f"s{number}")
        sheet.append([f"name of column {at}" for at in range(300)])
        sheet.append(list(range(300)))
    made.save(boats / "wide.xlsx")

    async def use(tools: TableClient) -> None:
        listing = await tools.ask("list_tables", path="wide.xlsx")
        assert len(str(listing)) < 60_000
        first, last = listing["tables"][0], listing["tables"][-1]
        assert (len(first["columns"]), len(last["columns"]), last["rows"]) == (200, 0, 1)
        assert "100 more columns: SELECT column_name, column_type FROM (DESCRIBE s0)" in first["notes"]
        assert len(await tools.rows("wide.xlsx", "SELECT column_name FROM (DESCRIBE s11)")) == 100

    using(boats, use)
