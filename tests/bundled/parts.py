"""Programs some tests need; `make test-media` installs them and then takes a missing one for a failure."""

from __future__ import annotations

import os
import shutil

import pytest

ALL_PARTS = "MEMENTO_TEST_ALL_PARTS"


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip a test where none of the programs is installed, unless every part has to be there."""
    missing = not any(map(shutil.which, programs)) and not os.environ.get(ALL_PARTS)
    return pytest.mark.skipif(missing, reason=f"{' or '.join(programs)} is not installed; see make test-media")
