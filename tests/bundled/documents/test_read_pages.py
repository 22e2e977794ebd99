from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundled.documents.reading import read, refusal
from memento_toolhub.servers.documents.pages import chosen, spans
from memento_toolhub.servers.documents.texts import PART


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("3", [3]),
        ("2-4", [2, 3, 4]),
        ("4-", [4, 5]),
        ("1, 4-5", [1, 4, 5]),
        ("5,1,1-2", [1, 2, 5]),
        ("4-999999999999", [4, 5]),
        ("2–3", [2, 3]),
    ],
)
def test_pages_are_numbers_and_spans(pages: str, expected: list[int]) -> None:
    assert chosen(pages, 5, "page") == expected


@pytest.mark.parametrize("pages", ["0", "6", "-1", "5-2", "6-9", "x", "1;2", "1-2-3", ",", "9" * 40, "1e9", "1.5"])
def test_pages_that_are_not_there_are_refused_with_how_many_there_are(pages: str) -> None:
    with pytest.raises(Exception, match=r"^pages: .*there are 5 pages"):
        chosen(pages, 5, "page")


def test_a_sheet_is_asked_for_by_number_or_name_and_names_that_look_like_numbers_win() -> None:
    names = ["2024", "Fees, 2023", "Total"]
    assert chosen("2024", 3, "sheet", names) == [1]
    assert chosen("Fees, 2023", 3, "sheet", names) == [2]
    assert chosen("total,1", 3, "sheet", names) == [1, 3]
    with pytest.raises(Exception, match="1 2024, 2 Fees, 2023, 3 Total"):
        chosen("Costs", 3, "sheet", names)


@given(st.lists(st.booleans(), max_size=30))
def test_spans_name_exactly_the_pages_they_are_made_of(kept: list[bool]) -> None:
    numbers = [at for at, keep in enumerate(kept, 1) if keep]
    assert not numbers or chosen(spans(numbers), len(kept), "page") == numbers


@pytest.mark.parametrize(
    ("sample", "pages", "has", "lacks"),
    [
        ("tides.pdf", "3-4", "Neap tides", "Highest"),
        ("tides.pptx", "2", "Highest: 3.2 m", "Neap"),
        ("tides.odp", "2", "Highest: 3.2 m", "Neap"),
        ("pilot.epub", "4", "horn sounds", "Red buoys"),
        ("catches.xlsx", "Fees 2023", "| 12 | 210 |", "Haddock"),
        ("catches.ods", "2", "| 12 | 210 |", "Haddock"),
    ],
)
def test_only_the_pages_asked_for_are_read(sample: str, pages: str, has: str, lacks: str) -> None:
    found = read(sample, pages=pages)
    assert has in found.text
    assert lacks not in found.text
    assert found.pages_total == 4


def test_pages_past_the_end_are_refused_with_how_many_there_are() -> None:
    assert "there are 4 pages" in refusal("tides.pdf", pages="5")
    assert "2 Fees 2023" in refusal("catches.xls", pages="Fees")


def test_asking_a_word_file_for_a_page_is_answered_with_the_whole() -> None:
    found = read("report.docx", pages="2")
    assert any("none to choose from" in note for note in found.notes)


def test_a_long_text_is_read_in_parts_that_lose_nothing_and_cut_no_line(tmp_path: Path) -> None:
    lines = [f"line {n} of the løg" for n in range(150_000)]
    log = tmp_path / "big.log"
    log.write_text("\n".join(lines), encoding="utf-8")
    total = -(-log.stat().st_size // PART)
    parts = [read(log, pages=str(n)) for n in range(1, total + 1)]
    assert total == 4
    assert parts[0].page_unit == "part"
    assert "".join(part.text.replace("\n", "") for part in parts) == "".join(lines)
    assert all(set(part.text.splitlines()) <= set(lines) for part in parts)


def test_a_two_gigabyte_table_is_read_only_as_far_as_shown(tmp_path: Path) -> None:
    table = tmp_path / "huge.csv"
    with table.open("w") as file:
        file.write("id,depth\n")
        file.writelines(f"{n},{n / 10}\n" for n in range(300_000))
        file.truncate(2 << 30)
    found = read(table)
    assert found.pages_total == 2148
    assert "| 4998 | 499.8 |" in found.text
    assert any("query_table" in note for note in found.notes)


def test_a_long_sheet_is_cut_and_names_the_tool_for_the_rest(tmp_path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Soundings")
    for n in range(6000):
        sheet.append((n, n / 10))
    held = io.BytesIO()
    book.save(held)
    path = tmp_path / "soundings.xlsx"
    path.write_bytes(held.getvalue())
    found = read(path)
    assert "sheet Soundings: the first 5000 of 6000 rows; ask query_table for the others" in found.notes
