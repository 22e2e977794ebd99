"""Tables in text files: encodings, separators, numbers and rows as people really write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundled.documents.table_reading import only, rows, written
from memento_toolhub.servers.documents.table_layout import Reading
from memento_toolhub.servers.kit.call_error import CallError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_a_german_table_reads_the_same_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    text = "Straße;Größe;Fläche;seit\nSüdkai;12,5;1.250,25;13.02.2024\nMühlenbrücke;-8;75,0;01.03.2024\n"
    path = written(tmp_path, text, encoding=encoding)
    table = only(path)
    assert dict(table.columns) == {"Straße": "VARCHAR", "Größe": "DOUBLE", "Fläche": "DOUBLE", "seit": "DATE"}
    assert {"separator: semicolon", "numbers with a decimal comma: Größe, Fläche"} <= set(table.notes)
    assert rows("SELECT * FROM 'table.csv' ORDER BY Größe", path) == [
        ["Mühlenbrücke", -8.0, 75.0, "2024-03-01"],
        ["Südkai", 12.5, 1250.25, "2024-02-13"],
    ]


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1252", ["Theâtre", "12 €", "don’t"]),
        ("cp1250", ["Łódź", "Gdańsk", "Żaneta"]),
        ("cp1251", ["Корабли приходят в гавань утром", "Рыба свежая", "Погода была хорошая"]),
        ("cp1253", ["Τα πλοία φτάνουν στο λιμάνι το πρωί", "Θεσσαλονίκη", "Ο καιρός ήταν καλός"]),
        ("cp932", ["船は朝に港に着きます", "大阪", "天気はとても良かったです"]),
    ],
)
def test_an_encoding_that_no_mark_tells_is_found_by_its_words_and_said(
    tmp_path: Path, encoding: str, words: list[str]
) -> None:
    path = written(tmp_path, "word;n\n" + "".join(f"{word};{at}\n" for at, word in enumerate(words)), encoding=encoding)
    assert f"encoding: {encoding}" in only(path).notes
    assert [word for word, _ in rows('SELECT * FROM "table" ORDER BY n', path)] == words


def test_a_known_encoding_is_not_guessed(tmp_path: Path) -> None:
    path = written(tmp_path, "word,n\n\u015a,1\n", encoding="cp1250")
    assert rows("SELECT word FROM 'table.csv'", path, reading=Reading(encoding="cp1250")) == [["\u015a"]]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_separator_is_found_beside_commas_in_numbers_and_texts(tmp_path: Path, mark: str) -> None:
    number = '"1,5"' if mark == "," else "1,5"
    path = written(tmp_path, f'name{mark}v{mark}said\nA{mark}{number}{mark}"no, never"\nB{mark}2{mark}"a;b|c"\n')
    assert rows("SELECT v, said FROM 'table.csv'", path) == [[1.5, "no, never"], [2.0, "a;b|c"]]


def test_titles_and_blank_rows_above_and_remarks_below_do_not_hide_the_table(tmp_path: Path) -> None:
    path = written(
        tmp_path, "Harbour report\n\nyear,2023\n\nboat,catch,port\nFanney,3,Höfn\nSkúli,5,Vík\n\nSource: us\n"
    )
    table = only(path)
    assert [name for name, _ in table.columns] == ["boat", "catch", "port"]
    assert table.rows == 3
    assert {"column names: row 5", "rows with more or fewer fields than 3: 1"} <= set(table.notes)


def test_the_separator_that_excel_is_told_is_no_row(tmp_path: Path) -> None:
    path = written(tmp_path, "sep=;\r\nname;n, m\r\nA;1\r\n")
    assert rows("SELECT * FROM 'table.csv'", path) == [["A", 1]]


def test_a_table_without_names_gets_letters(tmp_path: Path) -> None:
    table = only(written(tmp_path, "Ann,2001,1.5\nBob,2002,2.5\n"))
    assert dict(table.columns) == {"A": "VARCHAR", "B": "BIGINT", "C": "DOUBLE"}
    assert "no column names found: columns are called by letters" in table.notes


def test_years_can_be_names_of_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "boat,2022,2023\nFanney,31,45\n")
    assert rows('SELECT "2022" + "2023" FROM "table"', path) == [[76]]


def test_the_row_of_names_can_be_given(tmp_path: Path) -> None:
    path = written(tmp_path, "x,y\nname,age\nAnn,3\n")
    assert [name for name, _ in only(path, reading=Reading(2)).columns] == ["name", "age"]
    assert only(path, reading=Reading(0)).rows == 3
    with pytest.raises(CallError, match="header_row: a table has only 3 rows"):
        only(path, reading=Reading(9))


def test_repeated_and_missing_names_are_made_unique(tmp_path: Path) -> None:
    table = only(written(tmp_path, "a,A,,a\n1,2,3,4\n"))
    assert [name for name, _ in table.columns] == ["a", "A_2", "column_C", "a_3"]


def test_no_field_of_a_longer_row_is_lost(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n" + "1,2\n" * 600 + "3,4,5\n6\n")
    assert rows("SELECT * FROM 'table.csv' WHERE column_C IS NOT NULL OR b IS NULL", path) == [
        [3, 4, 5],
        [6, None, None],
    ]


def test_leading_zeros_and_long_numbers_keep_their_digits(tmp_path: Path) -> None:
    path = written(tmp_path, "zip,id\n00123,12345678901234567890\n10115,2\n")
    assert rows('SELECT zip, id FROM "table"', path) == [["00123", "12345678901234567890"], ["10115", 2]]


def test_a_column_of_numbers_with_some_text_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n1,x\n2,y\nn/a,z\n")
    assert any("2 cells of \"a\" are numbers, 1 not, such as 'n/a'" in note for note in only(path).notes)
    assert rows('SELECT sum(TRY_CAST(a AS DOUBLE)) FROM "table"', path) == [[3.0]]


def test_american_dates_are_told_apart_where_the_file_tells(tmp_path: Path) -> None:
    path = written(tmp_path, "d,n\n01/02/2024,1\n01/13/2024,2\n")
    assert "dates were read as %m/%d/%Y" in only(path).notes
    assert rows('SELECT max(d) FROM "table"', path) == [["2024-01-13"]]


def test_a_quote_that_never_ends_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b\n1,"' + "x" * 10_000_001)
    with pytest.raises(CallError, match=r"path: line 2 of table\.csv cannot be read .* a quote may be missing"):
        only(path)


def test_json_lines_and_arrays_of_records_are_tables(tmp_path: Path) -> None:
    lines = written(tmp_path, '{"a": 1, "b": {"c": [1, 2]}}\n{"a": 2, "d": "x"}\n', "lines.jsonl")
    array = written(tmp_path, '[{"a": 1, "at": "2024-01-02"}, {"a": 3}]', "array.json")
    assert rows("SELECT * FROM lines ORDER BY a", lines) == [[1, {"c": [1, 2]}, None], [2, None, "x"]]
    assert rows("SELECT l.d, r.a FROM lines l JOIN array_ r ON r.a = l.a + 1", lines, array) == [["x", 3]]


def test_parquet_is_a_table(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "made.parquet"
    duckdb.sql("SELECT 1.10::DECIMAL(5,2) AS price, DATE '2024-01-02' AS day").write_parquet(str(path))
    assert dict(only(path).columns) == {"price": "DECIMAL(5,2)", "day": "DATE"}
    assert rows("SELECT * FROM made", path) == [[1.1, "2024-01-02"]]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.xls", b"<html><table><tr><td>1</td></tr></table></html>", "no table but HTML or XML"),
        ("a.csv", b"%PDF-1.7 ...", "no table but PDF"),
        ("a.xlsx", b"PK\3\4 cut off", "damaged or cut-off ZIP"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "damaged Office file"),
        ("a.parquet", b"PAR1 nothing", "path: a.parquet"),
        ("a.json", b'{"a": ', "path: a.json"),
        ("a.csv", bytes(range(256)) * 20, "binary file"),
    ],
)
def test_what_holds_no_table_is_refused_by_its_content(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CallError, match=said):
        only(path)


_SIGNS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], include_characters="\n\t")
_TEXTS = st.text(_SIGNS, min_size=1).filter(str.strip)


@settings(max_examples=12)
@given(st.lists(st.tuples(_TEXTS, st.integers(-(2**53), 2**53), st.floats(-1e15, 1e15)), min_size=1, max_size=20))
def test_texts_and_numbers_come_back_as_they_were_written(records: list[tuple[str, int, float]]) -> None:
    import csv
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("said", "whole", "real"), *((f"t {text}", n, x) for text, n, x in records)])
        found = rows("SELECT said, whole, real FROM made ORDER BY rowid", path)
    assert found == [[f"t {text}", whole, real] for text, whole, real in records]
