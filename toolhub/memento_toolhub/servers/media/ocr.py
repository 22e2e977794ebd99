"""Reading the text in a picture with the program Tesseract."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import anyio
from mcp.server.mcpserver.exceptions import ToolError

INSTALL = "install Tesseract (Debian: apt install tesseract-ocr; macOS: brew install tesseract)"
_SECONDS = 90.0
_SPARSE = "11"  # Tesseract's page mode for scattered text, where its first look finds none


@dataclass(frozen=True, slots=True)
class Read:
    """The text of a picture.

    Attributes:
        confidence: mean over its words, weighted by their letters, from 0 to 100; None where there are none.
    """

    text: str
    confidence: float | None


def program() -> str | None:
    """Where Tesseract is; None where it is not installed."""
    return shutil.which("tesseract")


async def languages(tesseract: str) -> tuple[str, ...]:
    """The languages that are installed."""
    listed = (await _run([tesseract, "--list-langs"])).splitlines()[1:]
    return tuple(sorted(line.strip() for line in listed if line.strip() and line.strip() != "osd"))


async def read(tesseract: str, png: bytes, language: str) -> Read:
    """The text of a picture.

    Args:
        language: one or several of those installed, joined with +.

    Raises:
        ToolError: if a language is not installed, or Tesseract fails or takes too long.
    """
    known = await languages(tesseract)
    missing = [one for one in language.split("+") if one not in known]
    if missing:
        raise ToolError(
            f"language: {', '.join(map(repr, missing))} is not installed for Tesseract; there are {', '.join(known)}"
            " (Debian: apt install tesseract-ocr-deu for deu)"
        )
    with tempfile.TemporaryDirectory(prefix="memento-ocr-") as folder:
        picture = Path(folder) / "picture.png"
        await anyio.to_thread.run_sync(picture.write_bytes, png)
        found = await _recognised(tesseract, picture, language, ())
        return found if found.text else await _recognised(tesseract, picture, language, ("--psm", _SPARSE))


async def _recognised(tesseract: str, picture: Path, language: str, more: tuple[str, ...]) -> Read:
    base = picture.with_suffix("")
    await _run([tesseract, str(picture), str(base), "-l", language, *more, "txt", "tsv"])
    text = base.with_suffix(".txt").read_text(encoding="utf-8", errors="replace").replace("\f", "\n")
    lines = [line.rstrip() for line in text.strip().splitlines()]
    kept = [line for i, line in enumerate(lines) if line or (i and lines[i - 1])]
    return Read("\n".join(kept), _confidence(base.with_suffix(".tsv")))


def _confidence(table: Path) -> float | None:
    with table.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    words = [(float(row["conf"]), len(row["text"].strip())) for row in rows if (row.get("text") or "").strip()]
    weighed = [(confidence, letters) for confidence, letters in words if confidence >= 0]
    letters = sum(count for _, count in weighed)
    return round(sum(confidence * count for confidence, count in weighed) / letters, 1) if letters else None


async def _run(command: list[str]) -> str:
    # One thread: on small pictures more of them cost more than they bring.
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        with anyio.fail_after(_SECONDS):
            done = await anyio.run_process(command, stderr=subprocess.PIPE, check=False, env=environment)
    except TimeoutError:
        raise ToolError(f"Tesseract took longer than {_SECONDS:g} s and was stopped; give a smaller picture") from None
    except OSError as error:
        raise ToolError(f"Tesseract could not be started ({error}); {INSTALL}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise ToolError(f"Tesseract could not read the picture: {said or f'it ended with {done.returncode}'}")
    return done.stdout.decode(errors="replace")
