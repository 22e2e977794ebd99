"""Reading the text in a picture with the program Tesseract."""

from __future__ import annotations

import csv
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import anyio

from memento_toolhub.servers.kit.call_error import CallError

INSTALL = "install Tesseract (Debian: apt install tesseract-ocr; macOS: brew install tesseract)"
_SECONDS = 90.0
_OUTPUTS = ("txt", "tsv")
_BLOCK = ("--psm", "6")
_SPARSE = ("--psm", "11")  # for scattered text, where Tesseract's first look finds none


@dataclass(frozen=True, slots=True)
class Read:
    """The text of a picture.

    Attributes:
        confidence: mean over its words, weighted by their letters, from 0 to 100; None where there are none.
        sure: how many letters there are, each counted by its confidence.
    """

    text: str
    confidence: float | None
    sure: float


def program() -> str | None:
    """Where Tesseract is; None where it is not installed."""
    return shutil.which("tesseract")


async def read(tesseract: str, png: bytes, language: str, *, block: bool = False) -> Read:
    """The text of a picture.

    Args:
        language: one or several of those installed, joined with +.
        block: whether it is one block of text, to be read line by line.

    Raises:
        CallError: if a language is not installed, or Tesseract fails or takes too long.
    """
    known = (await _run([tesseract, "--list-langs"])).split()
    missing = [one for one in language.split("+") if one not in known]
    if missing:
        there = ", ".join(sorted(line for line in known if re.fullmatch(r"[a-zA-Z]{3}(_\w+)?", line)))
        raise CallError(
            f"language: {', '.join(map(repr, missing))} is not installed for Tesseract; there are {there}"
            " (Debian: apt install tesseract-ocr-deu for deu)"
        )
    with tempfile.TemporaryDirectory(prefix="memento-ocr-") as folder:
        picture = Path(folder) / "picture.png"
        picture.write_bytes(png)
        command = [tesseract, str(picture), str(picture), "-l", language]
        await _run([*command, *(_BLOCK if block else ()), *_OUTPUTS])
        found = _written(picture)
        if not found.text and not block:
            await _run([*command, *_SPARSE, *_OUTPUTS])
            found = _written(picture)
        return found


def _written(base: Path) -> Read:
    text = Path(f"{base}.txt").read_text(encoding="utf-8", errors="replace").replace("\f", "\n")
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    with Path(f"{base}.tsv").open(encoding="utf-8", errors="replace", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    words = [(float(row["conf"]), len((row["text"] or "").strip())) for row in rows if float(row["conf"]) >= 0]
    letters = sum(count for _, count in words)
    sure = sum(sure * count for sure, count in words)
    return Read(re.sub(r"\n{3,}", "\n\n", lines), round(sure / letters, 1) if letters else None, sure)


async def _run(command: list[str]) -> str:
    # One thread: on small pictures more of them cost more than they bring.
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        with anyio.fail_after(_SECONDS):
            done = await anyio.run_process(command, check=False, env=environment)
    except TimeoutError:
        raise CallError(f"Tesseract took longer than {_SECONDS:g} s and was stopped; give a smaller picture") from None
    except OSError as error:
        raise CallError(f"Tesseract could not be started ({error}); {INSTALL}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise CallError(f"Tesseract could not read the picture: {said or f'it ended with {done.returncode}'}")
    return done.stdout.decode(errors="replace")
