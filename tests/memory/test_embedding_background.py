"""The embedder of a server that already answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil
import pytest

from memento_memory.embedding import DEFAULT_MODEL, BackgroundEmbedder, Embedder, OnnxEmbedder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG = 3600.0


def exports() -> list[psutil.Process]:
    """The exporting processes that this one has started."""
    return [child for child in psutil.Process().children() if "memento_memory.embedding.export" in child.cmdline()]


@pytest.fixture
def unprepared(tmp_path: Path) -> Iterator[BackgroundEmbedder]:
    """One that is in the middle of preparing its model."""
    background = BackgroundEmbedder(cache=tmp_path)
    background.start()
    while not exports():
        assert background.state in ("loading", "preparing")
        time.sleep(0.01)
    yield background
    background.close()


def test_nothing_happens_before_the_start(embedder: OnnxEmbedder) -> None:
    background = BackgroundEmbedder()
    assert background.state == "idle"
    assert background.get(wait=LONG) is None


def test_a_prepared_model_is_worth_waiting_for(embedder: OnnxEmbedder) -> None:
    background = BackgroundEmbedder()
    background.start()
    loaded = background.get(wait=LONG)
    assert loaded is not None
    assert loaded.info == embedder.info
    assert background.state == "ready"
    assert background.problem == ""
    background.start()
    assert background.get() is loaded
    background.close()
    assert background.get() is loaded


def test_everyone_who_asked_is_told_once_that_it_is_ready(embedder: OnnxEmbedder) -> None:
    told: list[Embedder] = []

    def mistaken(_: Embedder) -> None:
        raise LookupError("a caller's mistake, which harms nobody else")

    background = BackgroundEmbedder()
    background.on_ready(mistaken)
    background.on_ready(told.append)
    background.start()
    loaded = background.get(wait=LONG)
    background.close()
    background.on_ready(told.append)
    assert told == [loaded, loaded]


def test_a_failure_says_why_and_may_be_tried_again(tmp_path: Path) -> None:
    background = BackgroundEmbedder(str(tmp_path / "nothing"), cache=tmp_path)
    for _ in range(2):
        background.start()
        assert background.get(wait=LONG) is None
        assert background.state == "failed"
        assert "nothing' is not a folder; give the path" in background.problem
    background.close()


@pytest.mark.slow
def test_a_preparation_is_never_waited_for(unprepared: BackgroundEmbedder) -> None:
    assert unprepared.get(wait=LONG) is None
    assert unprepared.state == "preparing"


@pytest.mark.slow
def test_closing_ends_a_preparation_at_once(unprepared: BackgroundEmbedder) -> None:
    unprepared.close()
    assert unprepared.state == "idle"
    assert exports() == []


@pytest.mark.slow
def test_a_preparation_that_dies_is_a_failure_with_its_reason(unprepared: BackgroundEmbedder) -> None:
    [child] = exports()
    child.kill()
    while unprepared.state == "preparing":
        time.sleep(0.01)
    assert unprepared.state == "failed"
    assert DEFAULT_MODEL in unprepared.problem
