"""What the package promises to others."""

from __future__ import annotations

import subprocess
import sys

import pytest

import memento_memory


def test_everything_promised_is_there() -> None:
    assert all(getattr(memento_memory, name) is not None for name in memento_memory.__all__)
    assert sorted(memento_memory._MODULE_OF) == sorted(memento_memory.__all__)


def test_anything_else_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Casebank"):
        memento_memory.Casebank  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = "import sys, memento_memory; print([m for m in ('numpy', 'apsw', 'onnxruntime') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
