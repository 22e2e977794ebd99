"""A sandbox is found wherever bubblewrap works, so that a broken one is no reason to skip its tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

from memento_toolhub.servers.code.finding import _programs, find_sandbox
from memento_toolhub.servers.code.sandbox import Sandbox

_PLAIN = ["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]


@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is of Linux")
def test_where_bubblewrap_starts_anything_it_starts_the_sandbox() -> None:
    works = [
        program
        for program in _programs()
        if subprocess.run([program, *_PLAIN, "true"], capture_output=True, timeout=60).returncode == 0
    ]
    if not works:
        pytest.skip("bubblewrap cannot start anything here")
    found = find_sandbox({})
    assert isinstance(found, Sandbox), found
