"""Programs some tests need and pip does not bring."""

from __future__ import annotations

import pytest

BROWSERS = ("chromium", "google-chrome", "chrome")


def needs(*programs: str) -> pytest.MarkDecorator:
    """A test that one of these programs is needed for; it is skipped without, but by `make test-media` failed."""
    return pytest.mark.parts(*programs)
