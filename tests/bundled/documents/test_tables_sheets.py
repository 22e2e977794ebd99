"""Tables in workbooks: where they begin, what their cells hold, merged and hidden parts."""

from __future__ import annotations

import tempfile
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundled.documents.reading import read, refusal
from bundled.documents.table_reading import described, only, rows
from memento_toolhub.servers.documents import table_sheets, table_work
from memento_toolhub.servers.documents.places import Place
from memento_toolhub.servers.documents.table_layout import Reading
from memento_toolhub.servers.kit.call_error import CallError

SAMPLES = Path(__file__).parents[1] / "samples"


def book(path: Path, *records: tuple[Any, ...], merge: str = "", title: str = "Sheet") -> Path:
    """A workbook of one sheet."""
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    sheet.title = title
    for record in records:
        sheet.append(record)
    for cells in merge.split():
        sheet.merge_cells(cells)
    made.save(path)
    return path


@pytest.mark.parametrize("name", ["catches.xlsx", "catches.xls", "catches.ods"])
def test_a_workbook_of_each_format_can_be_asked(name: str) -> None:
    table = described(SAMPLES / name)[0]
    assert [column for column, _ in table.columns] == ["Boat", "Species", "Kilograms", "Day"]
    answer = rows(f"SELECT Boat, sum(Kilograms), max(Day) FROM {table.name} GROUP BY 1 ORDER BY 1", SAMPLES / name)
    assert answer == [["Fanney", 830.5, "2023-05-02"], ["Skúli", 1346, "2023-05-03"]]


def test_every_kind_of_cell_gets_its_type(tmp_path: Path) -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5)
    first = ("x", 1, 1.5, True, date(2024, 1, 2), moment, time(3, 4), timedelta(hours=30), 2)
    second = ("y", None, 2, False, date(2024, 1, 3), moment, time(5), timedelta(minutes=-90), "n/a")
    names = ("text", "whole", "real", "truth", "day", "moment", "hour", "took", "mixed")
    path = book(tmp_path / "kinds.xlsx", names, first, second)
    assert [kind for _, kind in only(path).columns] == [
        *("VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP", "TIME", "INTERVAL", "VARCHAR")
    ]
    assert rows("SELECT epoch(took) FROM Sheet", path)[0] == [108000.0]
    assert rows("SELECT * EXCLUDE (took) FROM Sheet", path) == [
        ["x", 1, 1.5, True, "2024-01-02", "2024-01-02T03:04:05", "03:04:00", "2"],
        ["y", None, 2.0, False, "2024-01-03", "2024-01-02T03:04:05", "05:00:00", "n/a"],
    ]


def test_the_table_is_found_below_a_title_and_beside_blank_columns(tmp_path: Path) -> None:
    records = [
        (),
        (None, "Report 2023"),
        (),
        (None, "boat", None, "catch"),
        (None, "Fanney", None, 3),
        (),
        (None, "B", None, 4),
    ]
    path = book(tmp_path / "title.xlsx", *records, merge="B2:D2")
    table = only(path)
    assert (table.columns, table.rows) == ((("boat", "VARCHAR"), ("catch", "BIGINT")), 2)
    assert "column names: row 4" in table.notes


def test_names_above_merged_cells_join_those_below_them(tmp_path: Path) -> None:
    records = [("boat", 2022, None, 2023, None), (None, "cod", "ling", "cod", "ling"), ("Fanney", 1, 2, 3, 4)]
    path = book(tmp_path / "groups.xlsx", *records, merge="A1:A2 B1:C1 D1:E1")
    assert [name for name, _ in only(path).columns] == [
        "boat",
        '"2022 cod"',
        '"2022 ling"',
        '"2023 cod"',
        '"2023 ling"',
    ]


def test_a_group_row_with_fewer_cells_than_the_names_below_it_joins_them_too(tmp_path: Path) -> None:
    records = [
        (None, None, "north", None, "south", None),
        ("boat", "port", "cod", "ling", "cod", "ling"),
        ("F", "H", 1, 2, 3, 4),
    ]
    path = book(tmp_path / "groups.xlsx", *records, merge="C1:D1 E1:F1")
    names = [name for name, _ in only(path).columns]
    assert names == ["boat", "port", '"north cod"', '"north ling"', '"south cod"', '"south ling"']


def test_a_text_merged_over_rows_stands_in_each_and_a_number_once(tmp_path: Path) -> None:
    records = [("port", "boat", "total"), ("Höfn", "A", 10), (None, "B", None), ("Vík", "C", 5)]
    path = book(tmp_path / "merged.xlsx", *records, merge="A2:A3 C2:C3")
    assert rows("SELECT * FROM Sheet", path) == [["Höfn", "A", 10], ["Höfn", "B", None], ["Vík", "C", 5]]
    assert "texts of merged cells stand in each row that they span" in only(path).notes


def test_sheets_are_asked_by_their_own_or_a_plain_name(tmp_path: Path) -> None:
    path = book(tmp_path / "names.xlsx", ("unit price", "n"), (2.5, 4), title="Sales 2023 (€)")
    table = only(path)
    assert (table.name, table.columns[0][0]) == ("Sales_2023", '"unit price"')
    for name in ("Sales_2023", '"Sales 2023 (€)"', '"sales 2023 (€)"'):
        assert rows(f'SELECT "unit price" * n FROM {name}', path) == [[10.0]]


def test_a_sheet_called_by_a_reserved_word_has_a_name_that_works(tmp_path: Path) -> None:
    path = book(tmp_path / "words.xlsx", ("a", "select"), (1, 2), title="Table")
    table = only(path)
    assert rows(f"SELECT {table.columns[1][0]} FROM {table.name}", path) == [[2]]


def test_hidden_sheets_are_tables_and_said_to_be_hidden_and_empty_ones_are_none(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.worksheets[0].append(("a", "b"))
    secret = made.create_sheet("Secret")
    secret.append(("x", "y"))
    secret.append((1, 2))
    secret.sheet_state = "hidden"
    made.create_sheet("Empty")
    made.create_chartsheet("Chart")
    made.save(tmp_path / "hidden.xlsx")
    tables = described(tmp_path / "hidden.xlsx")
    assert [(table.name, table.rows, "hidden sheet" in table.notes) for table in tables] == [
        ("Sheet", 0, False),
        ("Secret", 1, True),
    ]


def test_without_a_header_row_cells_keep_their_places(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.worksheets[0]["C4"] = "here"
    made.worksheets[0]["D2"] = 7
    made.save(tmp_path / "map.xlsx")
    found = rows("SELECT rowid + 1, C FROM Sheet WHERE C = 'here'", tmp_path / "map.xlsx", reading=Reading(0))
    assert found == [[4, "here"]]
    assert rows("SELECT D FROM Sheet WHERE rowid = 1", tmp_path / "map.xlsx", reading=Reading(0)) == [[7]]


def test_formulas_that_nobody_computed_are_said_to_be_empty(tmp_path: Path) -> None:
    path = book(tmp_path / "formulas.xlsx", ("a", "b"), (1, "=A2*2"), (2, "=A3*2"))
    with tempfile.TemporaryDirectory() as folder:
        answer, notes = table_work.query(
            [Place(path)], Reading(), "SELECT sum(a), sum(TRY_CAST(b AS DOUBLE)) FROM Sheet", 10, Path(folder)
        )
    assert answer.rows == [[3, None]]
    assert "2 formulas have no stored value" in notes[0]
    assert notes[0] in read(path).notes


def test_the_same_sheet_name_in_two_files_is_told_apart_by_the_file(tmp_path: Path) -> None:
    first = book(tmp_path / "north.xlsx", ("id", "n"), (1, 10))
    second = book(tmp_path / "south.xlsx", ("id", "n"), (1, 32))
    assert [table.name for table in described(first, second)] == ["Sheet", "south_Sheet"]
    assert rows("SELECT a.n + b.n FROM Sheet a JOIN south_Sheet b USING (id)", first, second) == [[42]]


def test_an_encrypted_workbook_is_refused_with_its_reason() -> None:
    with pytest.raises(CallError, match=r"path: locked\.xlsx is an encrypted Office file"):
        only(SAMPLES / "locked.xlsx")


def test_a_word_document_is_no_workbook(tmp_path: Path) -> None:
    renamed = tmp_path / "table.xlsx"
    renamed.write_bytes((SAMPLES / "report.docx").read_bytes())
    with pytest.raises(CallError, match=r"path: table\.xlsx is no table but Word document"):
        only(renamed)


def test_a_workbook_that_unpacks_to_a_bomb_is_not_opened(tmp_path: Path) -> None:
    path = book(tmp_path / "bomb.xlsx", ("a", "b"), (1, 2))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/sharedStrings.xml", "w") as part:
        for _ in range(60):
            part.write(bytes(1 << 20))
    with pytest.raises(CallError, match="ZIP bomb"):
        only(path)


def test_a_damaged_sheet_is_refused(tmp_path: Path) -> None:
    whole = book(tmp_path / "whole.xlsx", ("a", "b"), (1, 2))
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "cut.xlsx", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data[: len(data) // 2] if name.endswith("sheet1.xml") else data)
    with pytest.raises(CallError, match=r"path: sheet 1 of cut\.xlsx is damaged"):
        only(tmp_path / "cut.xlsx")
    assert "sheet 1 of cut.xlsx is damaged" in refusal(tmp_path / "cut.xlsx")


def test_a_sheet_with_too_many_cells_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_sheets, "MOST_CELLS", 5)
    path = book(tmp_path / "large.xlsx", ("a", "b"), (1, 2), (3, 4))
    with pytest.raises(CallError, match="spans 3 rows and 2 columns; 5 cells are the most"):
        only(path)


_LETTERS = st.characters(categories=["L", "N", "P", "S", "Zs"], max_codepoint=0xFFFF, exclude_characters="_")
_TEXTS = st.text(_LETTERS, min_size=1, max_size=30).filter(lambda text: bool(text.strip()))
_NUMBERS = st.integers(-(10**14), 10**14) | st.floats(-1e14, 1e14, allow_subnormal=False)


@settings(max_examples=12)
@given(st.lists(st.tuples(_TEXTS, _NUMBERS), min_size=1, max_size=20))
def test_texts_and_numbers_come_back_as_they_were_written(records: list[tuple[str, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = openpyxl.Workbook()
        sheet = made.worksheets[0]
        sheet.append(("said", "number"))
        for at, (text, number) in enumerate(records, 2):
            sheet.cell(at, 1).value = text
            sheet.cell(at, 1).data_type = "s"  # also what looks like a formula
            sheet.cell(at, 2).value = number
        made.save(Path(folder) / "made.xlsx")
        found = rows("SELECT said, number FROM Sheet ORDER BY rowid", Path(folder) / "made.xlsx")
    assert [text for text, _ in found] == [text for text, _ in records]
    assert [number for _, number in found] == pytest.approx([number for _, number in records], rel=1e-15)
