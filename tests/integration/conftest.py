"""What the integration tests share: a prepared embedding model, and a bank file of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from memento_memory.embedding import prepare


@pytest.fixture(scope="session", autouse=True)
def prepared_model() -> Path:
    """The embedding model in the ordinary cache, prepared once per machine where it is missing."""
    return prepare()


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """Where a test keeps its bank; the file is not there yet."""
    return tmp_path / "bank.sqlite3"
