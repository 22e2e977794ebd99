"""read_text_in_image: Tesseract where it is installed, else a vision model, and never a word about it less."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest
from PIL import Image, ImageDraw, ImageFont

from bundled.media.made import drawing
from bundled.media.using import call, eyes_at, refusal, told
from bundled.parts import needs
from planner.openai_talk import said
from planner.wire_server import WireServer


@needs("tesseract")
def test_tesseract_reads_a_picture_and_says_how_sure_it_is(tmp_path: Path) -> None:
    drawing("Invoice 4711", "Total 99.50").save(tmp_path / "scan.png")
    found = told(call(tmp_path, "read_text_in_image", path="scan.png"))
    assert found["text"].split() == ["Invoice", "4711", "Total", "99.50"]
    assert found["by"] == "tesseract"
    assert found["confidence"] > 80


@needs("tesseract")
def test_small_letters_and_the_labels_of_a_chart_are_read(tmp_path: Path) -> None:
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3), dpi=90)
    axes.bar(["north", "south"], [3, 7])
    axes.set_title("Rainfall by region")
    figure.savefig(tmp_path / "chart.png")
    pyplot.close(figure)
    assert "Rainfall by region" in told(call(tmp_path, "read_text_in_image", path="chart.png"))["text"]


@needs("tesseract")
@pytest.mark.parametrize("turned", [90, 180])
def test_a_scan_on_its_side_or_upside_down_is_read(tmp_path: Path, turned: int) -> None:
    drawing("Invoice 4711", "Total 99.50").rotate(turned, expand=True).save(tmp_path / "scan.png")
    assert told(call(tmp_path, "read_text_in_image", path="scan.png"))["text"].split() == [
        *("Invoice", "4711", "Total", "99.50")
    ]


@needs("tesseract")
def test_a_table_with_lines_is_read_row_by_row(tmp_path: Path) -> None:
    rows = (("Item", "Quantity", "Price"), ("Apples", "12", "3.40"), ("Pears", "27", "5.25"))
    table = Image.new("RGB", (1000, 320), "white")
    pen = ImageDraw.Draw(table)
    for i, cell in enumerate(cell for row in rows for cell in row):
        left, top = 40 + i % 3 * 300, 40 + i // 3 * 80
        pen.rectangle((left, top, left + 300, top + 80), outline="black", width=2)
        pen.text((left + 20, top + 15), cell, fill="black", font=ImageFont.load_default(36))
    table.save(tmp_path / "table.png")
    found = told(call(tmp_path, "read_text_in_image", path="table.png"))["text"]
    assert [line.split() for line in found.splitlines()] == list(map(list, rows))


@needs("tesseract")
def test_a_picture_without_text_gives_none_and_says_so(tmp_path: Path) -> None:
    drawing().save(tmp_path / "blank.png")
    found = told(call(tmp_path, "read_text_in_image", path="blank.png"))
    assert (found["text"], found["confidence"], found["note"]) == ("", None, "no text was found in it")


@needs("tesseract")
def test_a_language_that_is_not_installed_is_named_with_those_that_are(tmp_path: Path) -> None:
    drawing("A").save(tmp_path / "a.png")
    why = refusal(call(tmp_path, "read_text_in_image", path="a.png", language="eng+klingon"))
    assert "'klingon'" in why
    assert "there are eng" in why


def test_where_tesseract_is_missing_the_vision_model_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing("A").save(tmp_path / "a.png")
    with WireServer([said("A")]).running() as server:
        found = told(call(tmp_path, "read_text_in_image", eyes=eyes_at(server), path="a.png"))
    assert (found["text"], found["confidence"]) == ("A", None)
    assert found["by"].startswith("openai:see")


def test_where_nobody_can_read_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing("A").save(tmp_path / "a.png")
    why = refusal(call(tmp_path, "read_text_in_image", path="a.png"))
    assert "tesseract-ocr" in why
    assert "MEMENTO_VISION_MODEL" in why


def test_a_program_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "tesseract"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --list-langs ] && { echo List; echo eng; exit 0; }\necho no luck >&2\nexit 3\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    drawing("A").save(tmp_path / "a.png")
    assert "no luck" in refusal(call(tmp_path, "read_text_in_image", path="a.png"))
