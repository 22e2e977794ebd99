"""Banks for the memory's tests; the real embedding model comes from the conftest above."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memento_memory.bank import CaseBank
from memory.making import TASKS, report


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
