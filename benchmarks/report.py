"""Tables on the terminal, and the file a run is kept in."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from measure import Figure
from rich.console import Console
from rich.table import Table
from rich.text import Text

_CONSOLE = Console(width=None if Console().is_terminal else 140, highlight=False)
_WORDS = {True: Text("met", "green"), False: Text("MISSED", "bold red"), None: Text("")}


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """Print a table; all columns but the first are numbers."""
    drawn = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        drawn.add_row(*row)
    _CONSOLE.print(drawn)


def figures(found: Sequence[Figure]) -> None:
    """Print figures beside what they are compared with and what they should be."""
    columns = ["figure", "ours", "baseline", "ratio", "target", "", "baseline is"]
    table("Figures", columns, [_row(figure) for figure in found])


def save(folder: Path, machine: dict[str, Any], about: dict[str, Any], found: Sequence[Figure]) -> Path:
    """Write a run as JSON, named by the time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    rows = [{**asdict(figure), "ratio": figure.ratio, "met": figure.met} for figure in found]
    path.write_text(json.dumps({"machine": machine, **about, "figures": rows}, indent=2), encoding="utf-8")
    return path


def _row(figure: Figure) -> list[str | Text]:
    comparison = ">=" if figure.at_least else "<="
    unit = " x" if figure.ratio is not None else f" {figure.unit}".rstrip()
    return [
        figure.name,
        _amount(figure.ours, figure.unit),
        "" if figure.baseline is None else _amount(figure.baseline, figure.unit),
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        "" if figure.bound is None else f"{comparison} {figure.bound:,g}{unit}",
        _WORDS[figure.met],
        figure.against,
    ]


def _amount(value: float, unit: str) -> str:
    digits = 4 if not unit else 0 if value >= 1_000 else 1 if value >= 100 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()
