from __future__ import annotations

from pathlib import Path

import pytest

from bundled.documents.reading import SAMPLES, read, renamed
from memento_toolhub.servers.documents.document import Document
from memento_toolhub.servers.documents.kinds import KINDS
from memento_toolhub.servers.documents.reader import _READERS

DREDGED = "48,200 cubic metres"


@pytest.mark.parametrize(
    ("sample", "format_", "title"),
    [
        ("report.docx", "Word document", "Harbour report"),
        ("report.odt", "OpenDocument text", "Harbour report"),
        ("report.html", "HTML page", "Harbour report"),
        ("report.pdf", "PDF", "Harbour report"),
        ("report.md", "Markdown", ""),
    ],
)
def test_a_text_keeps_its_words_and_its_table_in_every_format(sample: str, format_: str, title: str) -> None:
    found = read(sample)
    assert (found.format, found.title) == (format_, title)
    assert DREDGED in found.text
    assert "Ólafur" in found.text
    rows = [line.replace(" ", "") for line in found.text.splitlines()]
    assert "|North|9.4|12|" in rows


@pytest.mark.parametrize("sample", ["report.docx", "report.odt", "report.html"])
def test_headings_become_markdown_headings(sample: str) -> None:
    assert "\n## Lighthouse\n" in read(sample).text


@pytest.mark.parametrize("sample", ["tides.pptx", "tides.odp"])
def test_slides_are_numbered_and_keep_tables_and_notes(sample: str) -> None:
    found = read(sample)
    assert (found.page_unit, found.pages_total, found.pages_read) == ("slide", 4, "1-4")
    assert "# Slide 2\n" in found.text
    assert "| March | 0.9 |" in found.text
    assert "storm of 1953" in found.text


@pytest.mark.parametrize("sample", ["catches.xlsx", "catches.xls", "catches.ods"])
def test_sheets_become_tables_with_their_names_and_plain_values(sample: str) -> None:
    found = read(sample)
    assert "# Sheet: Catches\n\n| Boat | Species | Kilograms | Day |\n| --- | --- | --- | --- |\n" in found.text
    assert "| Skúli | Cod | 1250 | 2023-05-01 |\n| Fanney | Haddock | 830.5 | 2023-05-02 |" in found.text
    assert "| a\\|b | two<br>lines |" in found.text
    assert "# Sheet: Secret (hidden)" in found.text
    assert "sheets: 1 Catches, 2 Fees 2023, 3 Secret, 4 Empty" in found.notes


@pytest.mark.parametrize("sample", ["catches.csv", "catches_utf16.csv", "catches.csv.gz"])
def test_separated_values_become_a_table_whatever_their_encoding_or_wrapping(sample: str) -> None:
    found = read(sample)
    assert found.format == "CSV table"
    assert found.text.splitlines()[0] == "| Boat | Species | Kilograms | Day |"
    assert "| Skúli | Ling | 96 | 2023-05-03 |" in found.text


def test_an_old_encoding_and_semicolons_are_found_and_told() -> None:
    found = read("piers_cp1252.csv")
    assert "| Mühlenbrücke | 8,0 | nur für kleine Boote, nächste Prüfung im März |" in found.text
    assert any(note.startswith("encoding: cp125") for note in found.notes)
    assert "灯台は夜になると光り" in read("harbour_shift_jis.txt").text


def test_chapters_of_a_book_are_numbered() -> None:
    found = read("pilot.epub")
    assert (found.page_unit, found.pages_total, found.title) == ("chapter", 4, "The Pilot’s Book")
    assert "# Chapter 3\n\n## Currents\n\nThe current turns an hour after high water." in found.text


def test_an_email_shows_heads_text_and_attachments() -> None:
    found = read("letter.eml")
    assert "**Subject:** Bericht für Vardø" in found.text
    assert found.text.endswith("The report is attached.\nThe lamp was replaced.")
    assert [entry.name for entry in found.entries] == ["catches.csv", "Bericht.docx"]


def test_an_outlook_message_shows_heads_text_and_attachments() -> None:
    found = read("letter.msg")
    assert found.title == "Lamp of Vardø"
    assert "The lamp was replaced on 3 May." in found.text
    assert [(entry.name, entry.size) for entry in found.entries] == [("catches.csv", 116)]


def test_a_scanned_page_says_which_tool_reads_it() -> None:
    assert any("page 1: no text" in note and "read_text_in_image" in note for note in read("scanned.pdf").notes)


def _written(folder: Path, name: str, text: str) -> Document:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read(path)


def test_data_and_code_are_fenced_with_their_language(tmp_path: Path) -> None:
    assert _written(tmp_path, "a.json", '{"depth": 9.4}').text == '```json\n{"depth": 9.4}\n```'
    assert _written(tmp_path, "a.yaml", "depth: 9.4\n").text == "```yaml\ndepth: 9.4\n```"
    assert _written(tmp_path, "a.py", "x = '```'\n").text == "````py\nx = '```'\n````"
    assert _written(tmp_path, "a.xml", "<a><b/></a>").text == "```xml\n<a><b/></a>\n```"


def test_a_long_line_of_json_is_broken_and_broken_json_is_told(tmp_path: Path) -> None:
    long = _written(tmp_path, "a.json", '{"depths": [' + ", ".join(map(str, range(300))) + "]}")
    assert '\n "depths": [\n  0,' in long.text
    broken = _written(tmp_path, "b.json", '{"depth": 9.4,,}')
    assert '{"depth": 9.4,,}' in broken.text
    assert any("no valid JSON" in note for note in broken.notes)


def test_the_cells_of_a_notebook_are_read(tmp_path: Path) -> None:
    cells = '[{"cell_type": "markdown", "source": ["# Tides"]}, {"cell_type": "code", "source": ["h = 3.2"]}]'
    found = _written(tmp_path, "a.ipynb", f'{{"cells": {cells}, "nbformat": 4, "nbformat_minor": 5, "metadata": {{}}}}')
    assert found.text == "# Tides\n\n```python\nh = 3.2\n```"


def test_entities_of_xml_are_shown_not_expanded(tmp_path: Path) -> None:
    found = _written(tmp_path, "a.xml", '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>')
    assert "<a>&b;</a>" in found.text
    assert any("entities" in note for note in found.notes)


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        ("report.pdf", "report.docx"),
        ("report.docx", "report.pdf"),
        ("report.docx", "report.zip"),
        ("catches.xlsx", "catches.csv"),
        ("catches.xls", "catches.xlsx"),
        ("report.html", "report.txt"),
        ("report.html", "report.pdf"),
        ("catches.csv", "catches.xlsx"),
        ("letter.msg", "letter.doc.msg.pdf"),
        ("pilot.epub", "pilot.docx"),
        ("harbour.tar.gz", "harbour.zip"),
        ("harbour.7z", "harbour.docx"),
    ],
)
def test_a_wrong_extension_is_read_for_what_it_is_and_told(sample: str, name: str, tmp_path: Path) -> None:
    right, wrong = read(sample), read(renamed(sample, tmp_path, name))
    assert (wrong.text, wrong.format) == (right.text, right.format)
    assert any(note.startswith("named .") for note in wrong.notes)


@pytest.mark.parametrize(
    "sample", ["report.docx", "report.pdf", "catches.ods", "catches.csv", "report.html", "letter.eml"]
)
def test_a_name_without_extension_does_not_matter(sample: str, tmp_path: Path) -> None:
    right, plain = read(sample), read(renamed(sample, tmp_path, "download"))
    assert (plain.text, plain.format, plain.notes) == (right.text, right.format, right.notes)


def test_no_sample_with_its_own_name_is_called_wrong() -> None:
    for sample in filter(Path.is_file, SAMPLES.iterdir()):
        if not sample.name.startswith("locked"):
            assert not any("named ." in note for note in read(sample.name).notes), sample.name


def test_every_format_has_a_reader_or_is_an_archive_or_a_table_for_sql() -> None:
    assert set(KINDS) - set(_READERS) == {"zip", "tar", "mbox", "7z", "gz", "bz2", "xz", "parquet"}
