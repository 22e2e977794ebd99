"""What the tests of solving share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planner.solving import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    """A bank, files and a crew without a script."""
    made = Workshop.at(tmp_path)
    yield made
    made.bank.close()
