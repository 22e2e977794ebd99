"""The learning report: one page that needs nothing else, tells what was found, and keeps hostile text harmless."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from memento_memory.errors import InputError
from memento_memory.learning.report import LearningReport, gather, proportion
from memento_memory.selection.policy import Policy
from memento_memory.store.database import Database
from memento_server.learning_report import page, write
from server import evaluated

BROWSERS = ("chromium", "google-chrome", "chrome")


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text between them."""

    VOID = frozenset({"meta", "line", "circle", "polygon", "polyline"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def report_of(path: Path) -> LearningReport:
    database = Database(path)
    with database.reading() as db:
        report = gather(db)
    database.close()
    return report


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> LearningReport:
    path = tmp_path_factory.mktemp("bank") / "bank.db"
    evaluated.fill(path, Policy(explore=0.5, holdout=0.25, alpha=0.3), 160, hostile=evaluated.HOSTILE)
    return report_of(path)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> LearningReport:
    path = tmp_path_factory.mktemp("empty") / "bank.db"
    evaluated.fill(path, Policy(), 0)
    return report_of(path)


def test_the_report_gathers_the_whole_log(lived: LearningReport) -> None:
    assert sum(each.count for each in lived.bins) == 160
    assert (lived.blocks[0].first, lived.blocks[-1].last) == (1, 160)
    assert all(before.last + 1 == after.first for before, after in zip(lived.blocks, lived.blocks[1:], strict=False))
    assert lived.calibration_error is not None
    assert [each.name for each in lived.findings.answers] == ["greedy", "similarity"]
    assert lived.findings.memory.best is not None
    assert lived.findings.memory.best.value > 0
    assert "network" not in {weight.name for weight in lived.weights}


def test_useful_cases_come_from_those_that_helped(lived: LearningReport) -> None:
    assert lived.most
    assert all(each.effect > 0 and each.shown > 0 for each in lived.most)
    assert all(each.effect < 0 for each in lived.least)
    assert [each.effect for each in lived.most] == sorted((each.effect for each in lived.most), reverse=True)


def test_the_page_needs_nothing_but_itself(lived: LearningReport) -> None:
    text = page(lived)
    elements = Elements(text)
    assert not elements.open
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(tag for tag, _ in elements.found)
    assert not any({"src", "href", "xlink:href"} & set(attributes) for _, attributes in elements.found)
    assert not re.search(r"https?://|url\(|@import", text)
    assert "default-src 'none'" in text


def test_the_page_can_be_read_without_seeing_the_pictures(lived: LearningReport) -> None:
    elements = Elements(page(lived))
    pictures = [attributes for tag, attributes in elements.found if tag == "svg"]
    assert len(pictures) == 4
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)
    assert sum(tag == "details" for tag, _ in elements.found) == len(pictures)
    assert ("html", {"lang": "en"}) in elements.found
    assert all(attributes.get("scope") == "col" for tag, attributes in elements.found if tag == "th")
    assert "prefers-color-scheme: dark" in elements.text


def test_what_cases_say_is_text_and_nothing_else(lived: LearningReport) -> None:
    assert any("<script>" in each.task for each in lived.most)
    text = page(lived)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot;" in text
    assert "\u202e" not in text
    assert "$basis" in Elements(text).text


def test_no_number_of_a_picture_is_missing(lived: LearningReport, empty: LearningReport) -> None:
    for report in (lived, empty):
        assert not re.search(r"\b(nan|inf|None)\b", page(report))


def test_an_empty_bank_has_a_page_that_says_what_is_missing(empty: LearningReport) -> None:
    text = Elements(page(empty)).text
    assert "too little to draw yet" in text
    assert "MEMENTO_HOLDOUT=0.1" in text
    assert empty.blocks == empty.bins == empty.most == empty.least == ()


def test_a_file_that_cannot_be_written_is_named(empty: LearningReport, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "nowhere" / "out.html", empty)


@pytest.mark.parametrize(("rewards", "low", "high"), [([1.0] * 10, 0.7, 1.0), ([0.0] * 10, 0.0, 0.3)])
def test_a_proportion_at_the_edge_still_has_an_interval(rewards: list[float], low: float, high: float) -> None:
    found = proportion(rewards)
    assert found.value == rewards[0]
    assert low <= found.low <= found.value <= found.high <= high


@pytest.mark.parts(*BROWSERS)
def test_a_browser_shows_the_page(lived: LearningReport, tmp_path: Path) -> None:
    file, profile = tmp_path / "out.html", tmp_path / "profile"
    write(file, lived)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom"]
    browser = next(found for name in BROWSERS if (found := shutil.which(name)))
    done = subprocess.run([browser, *options, file.as_uri()], capture_output=True, text=True, timeout=120)
    shown = Elements(done.stdout)
    assert sum(tag == "svg" for tag, _ in shown.found) == 4
    assert "script" not in {tag for tag, _ in shown.found}
    assert "What was learned" in shown.text
