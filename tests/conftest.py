"""What tests of every component share: the real embedding model, a bank on disk, a clock that stands still."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from memento_memory.bank import CaseBank
from memento_memory.embedding import OnnxEmbedder, Ready, load, prepare

settings.register_profile("memento", deadline=None)
settings.load_profile("memento")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a program that is not here; where all have to be here, its lack is a failure."""
    for mark in item.iter_markers("parts"):
        if not any(map(shutil.which, mark.args)):
            why = f"{' or '.join(mark.args)} is not installed; `make test-media` installs it"
            (pytest.fail if os.environ.get("MEMENTO_TEST_ALL_PARTS") else pytest.skip)(why)


@pytest.fixture(scope="session", autouse=True)
def own_priority() -> Iterator[None]:
    """A learner that works in this process must not make all tests after it wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("memento_memory.learning.spawn.lower_priority", lambda: None)
        yield


class FrozenClock:
    """A clock that goes on only when told to; it takes the place of time.time."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, *, seconds: float = 0.0, days: float = 0.0) -> None:
        """Let time pass."""
        self.now += seconds + days * 86_400


@pytest.fixture(scope="session")
def embedder() -> OnnxEmbedder:
    """The real MiniLM from the ordinary cache, prepared there if it was not yet."""
    return load(prepare())


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def bank(tmp_path: Path, embedder: OnnxEmbedder, clock: FrozenClock) -> Iterator[CaseBank]:
    """An empty bank with the real embedder."""
    opened = CaseBank(tmp_path / "bank.db", Ready(embedder), clock=clock)
    yield opened
    opened.close()
