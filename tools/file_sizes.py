"""Fail when a Python file outgrows its limit: 300 lines, or the number that file_sizes.txt allows it for now.

The list may only shrink: an entry that is larger than its file needs is an error too.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LIMIT = 300
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Print every file that breaks a limit and every entry that can shrink; return the exit status."""
    allowed = dict(_entries())
    problems = []
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in sorted(set(listing.stdout.split())):
        path = ROOT / name
        if not path.exists():
            continue
        lines = len(path.read_text(encoding="utf-8").splitlines())
        limit = allowed.pop(name, LIMIT)
        if lines > limit:
            problems.append(f"{name} has {lines} lines, at most {limit} are allowed: split it by idea")
        elif limit > LIMIT and lines < limit:
            problems.append(f"{name} is down to {lines} lines: write that into tools/file_sizes.txt, or drop the entry")
    problems += [f"tools/file_sizes.txt names {name}, which does not exist: drop the entry" for name in allowed]
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


def _entries() -> list[tuple[str, int]]:
    text = (ROOT / "tools" / "file_sizes.txt").read_text(encoding="utf-8")
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return [(name, int(lines)) for name, lines in rows]


if __name__ == "__main__":
    sys.exit(main())
