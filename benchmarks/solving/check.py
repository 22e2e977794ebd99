"""Whether files say what they should, up to white space: `python check.py FOLDER EXPECTED` exits 0 if they do."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path


def missing(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """Names of the files that are not there or say something else; others may be there besides."""
    return [name for name, text in expected.items() if _words(folder / name) != text.split()]


def _words(file: Path) -> list[str] | None:
    return file.read_text(encoding="utf-8").split() if file.is_file() else None


if __name__ == "__main__":
    wrong = missing(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
    if wrong:
        sys.exit(f"{', '.join(wrong)}: not as it should be")
