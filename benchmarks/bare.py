"""The other side of bare_process.py."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from wire import beside


class Bare:
    """A bare process that searches and commits; use it as a context manager."""

    def __init__(self, bank: Path, folder: Path) -> None:
        command = [*beside("bare_process.py"), str(bank), str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def search(self, text: str) -> float:
        """Milliseconds to embed a text and find its ten nearest exactly."""
        return self._ask("search", text)

    def commit(self, text: str) -> float:
        """Milliseconds to embed a text and write one row to disk."""
        return self._ask("commit", text)

    def _ask(self, do: str, text: str) -> float:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, "text": text}).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("bare_process.py ended; run it by hand to see why")
        return float(answer)
