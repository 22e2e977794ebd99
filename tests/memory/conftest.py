"""Banks and notes for the memory's tests; the real embedding model comes from the conftest above."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memento_memory.bank import CaseBank
from memento_memory.embedding import Ready
from memento_memory.notes import Notes
from memory.making import TASKS, report
from memory.noting import ACCOUNTING, OPERATIONS


@pytest.fixture
def words_bank(tmp_path: Path, clock: Callable[[], float]) -> Iterator[CaseBank]:
    """An empty bank without an embedding model."""
    opened = CaseBank(tmp_path / "bank.db", clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def filled(bank: CaseBank) -> CaseBank:
    """A bank with the real embedder and a handful of cases."""
    for task, step in TASKS.items():
        bank.retain(report(task, step))
    return bank


@pytest.fixture
def bank_of(tmp_path: Path, embedder) -> Iterator[Callable[[str], CaseBank]]:
    """Makes banks that are filled alike, by name."""
    made: list[CaseBank] = []

    def make(name: str) -> CaseBank:
        bank = CaseBank(tmp_path / f"{name}.sqlite3", Ready(embedder), clock=lambda: 1_700_000_000.0)
        made.append(bank)
        for task, step in TASKS.items():
            bank.retain(report(task, step))
        return bank

    yield make
    for bank in made:
        bank.close()


@pytest.fixture
def by_words(words_bank: CaseBank, clock) -> Notes:
    return Notes(words_bank.database, words_bank.embeddings, clock)


@pytest.fixture
def notes(bank: CaseBank, clock) -> Iterator[Notes]:
    """Two notes with the real embedder, their vectors made."""
    found = Notes(bank.database, bank.embeddings, clock)
    found.add("default", "operations.md", OPERATIONS)
    found.add("default", "accounting.md", ACCOUNTING)
    assert found.embed_pending() == 5
    return found
