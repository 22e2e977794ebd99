"""What documents hold beside their plain text: comments, hidden parts, deletions, margins, tables of PDF pages."""

from __future__ import annotations

import mailbox
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pytest
from openpyxl.comments import Comment
from pptx import Presentation
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI

from bundled.documents.reading import SAMPLES, read, refusal
from bundled.documents.table_reading import described, rows
from memento_toolhub.servers.documents.table_layout import Reading

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def changed(sample: str, folder: Path, part: str, change: Callable[[str], str], **added: str) -> Path:
    """A sample with one of its parts changed, and others added."""
    target = folder / sample
    with zipfile.ZipFile(SAMPLES / sample) as old, zipfile.ZipFile(target, "w") as new:
        for name in set(old.namelist()) - set(added):
            data = old.read(name)
            new.writestr(name, change(data.decode()) if name == part else data)
        for name, text in added.items():
            new.writestr(name, text)
    return target


def test_a_word_file_keeps_its_comments_margins_and_boxes_and_names_what_is_deleted(tmp_path: Path) -> None:
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    more = (
        f'<w:p xmlns:w="{word}"><w:r><w:commentReference w:id="0"/></w:r>'
        "<w:del><w:r><w:delText>twelve berths</w:delText></w:r></w:del><w:r>"
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        '<mc:Choice Requires="wps"><w:txbxContent><w:p><w:r><w:t>Boxed words</w:t></w:r></w:p></w:txbxContent>'
        "</mc:Choice></mc:AlternateContent></w:r></w:p>"
    )
    header = f'<w:hdr xmlns:w="{word}"><w:p><w:r><w:t>Case 4711</w:t></w:r></w:p></w:hdr>'
    comment = '<w:comment w:id="0" w:author="Jo" w:initials="J"><w:p><w:r><w:t>Is it?</w:t></w:r></w:p></w:comment>'
    path = changed(
        "report.docx",
        tmp_path,
        "word/document.xml",
        lambda text: text.replace("<w:body>", f"<w:body>{more}"),
        **{
            "word/header9.xml": header,
            "word/comments.xml": f'<w:comments xmlns:w="{word}">{comment}</w:comments>',
        },
    )
    found = read(path)
    assert "Text box: Boxed words" in found.text
    assert "Header: Case 4711" in found.text
    assert "Is it?" in found.text
    assert "twelve berths" not in found.text
    assert "twelve berths" in " ".join(found.notes)


def test_an_opendocument_text_keeps_its_comments_and_names_what_is_deleted(tmp_path: Path) -> None:
    more = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>twelve berths</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>"
        "<text:p>Silt<office:annotation><dc:creator>Ines</dc:creator><text:p>or sand?</text:p></office:annotation>"
        "</text:p>"
    )
    path = changed(
        "report.odt", tmp_path, "content.xml", lambda text: text.replace("<office:text>", f"<office:text>{more}", 1)
    )
    found = read(path)
    assert "Silt [comment: Ines or sand?]" in found.text
    assert "twelve berths" not in found.text
    assert "twelve berths" in " ".join(found.notes)


def test_a_slide_says_that_it_is_hidden_and_keeps_its_comments_and_diagrams(tmp_path: Path) -> None:
    deck = Presentation(str(SAMPLES / "tides.pptx"))
    slide = deck.slides[1]
    slide.element.set("show", "0")
    drawing = "http://schemas.openxmlformats.org/drawingml/2006/main"
    for kind, name, xml in (
        ("comments", "comment", '<c xmlns:p="p"><p:text>is this so?</p:text></c>'),
        ("diagramData", "data", f'<d xmlns:a="{drawing}"><a:t>ebb and flow</a:t></d>'),
    ):
        part = Part(PackURI(f"/ppt/{name}1.xml"), "application/xml", slide.part.package, xml.encode())
        slide.part.relate_to(part, f"{_OFFICE}/{kind}")
    deck.save(str(tmp_path / "deck.pptx"))
    found = read(tmp_path / "deck.pptx", pages="2").text
    assert found.startswith("# Slide 2 (hidden)")
    assert "is this so?" in found
    assert "ebb and flow" in found


def test_a_workbook_says_what_is_hidden_and_commented_and_where_it_begins(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in range(3, 9):
        sheet.cell(row, 2, f"item {row}")
        sheet.cell(row, 3, row)
    sheet.row_dimensions[5].hidden = sheet.row_dimensions[6].hidden = True
    sheet.column_dimensions["C"].hidden = True
    sheet["B4"].comment = Comment("sold in May", "Jo")
    book.save(tmp_path / "stock.xlsx")
    notes = [
        "sheet Sheet: hidden rows 5-6 are read too",
        "sheet Sheet: hidden columns C are read too",
        "sheet Sheet: 1 comments: B4 'sold in May'",
    ]
    assert {*notes, "sheet Sheet begins at cell B3"} <= set(read(tmp_path / "stock.xlsx").notes)
    assert [note[:8] for note in read("catches.xlsx").notes] == ["sheets: "]


def test_a_mailbox_is_listed_and_each_message_read(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "box.mbox")
    for subject in ("Berths/fees", "Tides"):
        message = EmailMessage()
        message["Subject"] = subject
        message.set_content(f"All about {subject}.\n\nFrom now on, monthly.\n")
        box.add(message)
    box.flush()
    listed = read(tmp_path / "box.mbox")
    assert [entry.name for entry in listed.entries] == ["1 Berths_fees.eml", "2 Tides.eml"]
    assert "All about Tides." in read(tmp_path / "box.mbox", "2 Tides.eml").text
    assert "Tides" not in read(tmp_path / "box.mbox", "1 Berths_fees.eml").text


def page(folder: Path, cells: dict[tuple[int, int], str], ruled: bool) -> Path:
    """A PDF of one page with words at the left of some cells, columns 120 points wide and rows 20 points high."""
    words = [f"BT /F1 10 Tf {50 + x * 120} {700 - y * 20} Td ({text}) Tj ET" for (x, y), text in cells.items()]
    width, height = (max(place[at] for place in cells) + 1 for at in (0, 1))
    lines = [f"{45 + x * 120} 715 m {45 + x * 120} {715 - height * 20} l S" for x in range(width + 1)]
    lines += [f"45 {715 - y * 20} m {45 + width * 120} {715 - y * 20} l S" for y in range(height + 1)]
    drawn = "\n".join([*words, *(lines if ruled else [])])
    font = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    parts = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources {font} >>",
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
    ]
    objects = "".join(f"{at} 0 obj\n{part}\nendobj\n" for at, part in enumerate(parts, 1))
    path = folder / "page.pdf"
    path.write_text(f"%PDF-1.4\n{objects}trailer << /Root 1 0 R >>\n%%EOF\n")
    return path


_CELLS = {
    **{(0, 0): "Name", (1, 0): "Count", (2, 0): "Weight"},
    **{(0, 1): "Cod", (2, 1): "7"},
    **{(0, 2): "Ling", (1, 2): "5"},
}


def test_a_ruled_table_of_a_pdf_keeps_its_empty_cells(tmp_path: Path) -> None:
    found = read(page(tmp_path, _CELLS, ruled=True)).text
    assert "| Name | Count | Weight |\n| --- | --- | --- |\n| Cod |  | 7 |\n| Ling | 5 |  |" in found


def test_a_table_without_lines_keeps_its_gaps_and_is_markdown_where_it_is_full(tmp_path: Path) -> None:
    _, name, cod, ling, _ = read(page(tmp_path, _CELLS, ruled=False)).text.rsplit("```", 2)[1].split("\n")
    assert cod.index("7") == name.index("Weight")
    assert ling.index("5") == name.index("Count")
    full = {(x, y): f"w{x}{y}" for x in range(3) for y in range(3)}
    assert "| w00 | w10 | w20 |\n| --- | --- | --- |\n| w01 |" in read(page(tmp_path, full, ruled=False)).text


def test_prose_of_a_pdf_is_no_table(tmp_path: Path) -> None:
    prose = {(x * 2, y): "Lorem ipsum dolor sit amet, consetetur" for x in range(2) for y in range(4)}
    assert "once more" not in read(page(tmp_path, prose, ruled=False)).text


def test_a_second_table_below_the_first_is_named_with_how_to_read_it(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (("Port", "Fish"), ("Vardo", 4), ("Bergen", 5), (), ("Boat", "Length"), ("Fanney", 12)):
        sheet.append(row)
    book.save(tmp_path / "two.xlsx")
    (first,) = described(tmp_path / "two.xlsx")
    note = "another table seems to begin in row 5: header_row=5 reads it; the rows before it are rowid < 2"
    assert note in first.notes
    assert rows("SELECT sum(Fish::INT) FROM Sheet WHERE rowid < 2", tmp_path / "two.xlsx") == [[9]]
    assert rows("SELECT Length FROM Sheet", tmp_path / "two.xlsx", reading=Reading(5)) == [[12]]


@pytest.mark.parametrize(
    ("values", "total"),
    [
        (("$1,234.50", "($99.00)", "-$1"), 1134.5),
        (("1.234,50 €", "99,00 €", "EUR 5"), 1338.5),
        (("12%", "7.5 %"), 19.5),
        (("31.12.2022", "01.02.2023"), None),
        (("0171 234567", "040 991"), None),
    ],
)
def test_how_amounts_in_text_are_computed_with_is_said(
    tmp_path: Path, values: tuple[str, ...], total: float | None
) -> None:
    book = openpyxl.Workbook()
    for row in (("Item", "Price"), *(("x", value) for value in values)):
        book.worksheets[0].append(row)
    book.save(tmp_path / "prices.xlsx")
    (table,) = described(tmp_path / "prices.xlsx")
    told = [note.split("to compute: ")[1] for note in table.notes if "to compute: " in note]
    assert [rows(f"SELECT sum({sql}) FROM Sheet", tmp_path / "prices.xlsx") for sql in told] == [[[total]]] * len(told)
    assert len(told) == (total is not None)


def test_that_day_and_month_may_be_the_other_way_round_is_said(tmp_path: Path) -> None:
    path = tmp_path / "days.csv"
    path.write_text("day,n\n03/04/2023,1\n05/06/2023,2\n")
    assert "%m/%d/%Y fits as well" in " ".join(described(path)[0].notes)
    path.write_text("day,n\n03/14/2023,1\n05/06/2023,2\n")
    assert "fits as well" not in " ".join(described(path)[0].notes)


def test_columns_stay_in_line_where_cells_reach_over_rows(tmp_path: Path) -> None:
    table = "<table><tr><td rowspan=2>Cod</td><td>1987</td></tr><tr><td>1988</td></tr></table>"
    (tmp_path / "a.html").write_text(f"<html><body>{table}</body></html>")
    assert "| Cod | 1987 |\n|  | 1988 |" in read(tmp_path / "a.html").text
    cell = "<w:tc><w:tcPr>{}</w:tcPr><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>".format
    first = cell('<w:vMerge w:val="restart"/>', "Cod") + cell("", "1987")
    second = cell("<w:vMerge/>", "") + cell("", "1988")
    merged = f"<w:tbl><w:tr>{first}</w:tr><w:tr>{second}</w:tr></w:tbl>"
    path = changed(
        "report.docx", tmp_path, "word/document.xml", lambda text: text.replace("<w:body>", f"<w:body>{merged}")
    )
    assert "| Cod | 1987 |\n|  | 1988 |" in read(path).text


def test_a_database_is_refused_with_what_reads_it(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    assert "sqlite3" in refusal(tmp_path / "a.db")
