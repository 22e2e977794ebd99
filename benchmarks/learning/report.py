"""What a run of the learning benchmarks found: shown as it is found, kept as JSON, and turned into Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Cell = str | float | int | None
Block = dict[str, Any]

BEGIN, END = "<!-- figures: made by the benchmark, do not edit -->", "<!-- end of figures -->"
_CONSOLE = Console(width=None if Console().is_terminal else 160, highlight=False, markup=False)


class MissingDataError(Exception):
    """A part needs a file that the data folder does not have; the message says which."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that must hold, and what was measured.

    Attributes:
        value: what was measured; the bounds are for it.
        low, high: its 95 % interval, where there is one.
        above: the lower end of the interval must lie above this.
    """

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    low: float | None = None
    high: float | None = None
    above: float | None = None

    @property
    def met(self) -> bool:
        """Whether it holds."""
        return (
            (self.at_least is None or self.value >= self.at_least)
            and (self.at_most is None or self.value <= self.at_most)
            and (self.above is None or (self.low is not None and self.low > self.above))
        )

    @property
    def asked(self) -> str:
        """What is asked, in words."""
        bounds = ((">=", self.at_least), ("<=", self.at_most), ("interval above", self.above))
        return ", ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)

    @property
    def found(self) -> str:
        """What was measured, in words."""
        if self.low is None or self.high is None:
            return number(self.value)
        return interval(self.value, self.low, self.high, sign=self.value < 0 or self.low < 0)


@dataclass
class Report:
    """Collects what the parts find, one part after the other.

    Attributes:
        about: the same for the whole run: data, model, versions; nothing of the machine but what times depend on.
        parts: by name; each a title, the command that makes it, and its blocks.
    """

    about: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    _now: dict[str, Any] = field(default_factory=dict, repr=False)

    def part(self, name: str, command: str) -> None:
        """Begin a part; what an earlier run found for it is replaced."""
        self._now = {"command": command, "blocks": [], "targets": []}
        self.parts[name] = self._now

    def section(self, title: str, prose: str = "") -> None:
        """Begin a section."""
        _CONSOLE.print(f"\n## {title}", style="bold")
        self._add({"kind": "section", "title": title})
        if prose:
            self.say(prose)

    def say(self, prose: str) -> None:
        """A paragraph of plain words; Markdown is allowed."""
        _CONSOLE.print(prose)
        self._add({"kind": "prose", "text": prose})

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """A table whose first column is words and whose others are numbers or words; None leaves a cell empty."""
        drawn = Table(title=title, title_justify="left", title_style="bold")
        for place, column in enumerate(columns):
            drawn.add_column(column, justify="left" if place == 0 else "right")
        worded = [[_worded(cell) for cell in row] for row in rows]
        for row in worded:
            if len(row) != len(columns):
                raise ValueError(f"{title}: a row has {len(row)} cells for {len(columns)} columns: {row}")
            drawn.add_row(*row)
        _CONSOLE.print(drawn)
        self._add({"kind": "table", "title": title, "columns": list(columns), "rows": [list(row) for row in rows]})

    def target(
        self,
        name: str,
        value: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        within: tuple[float, float] | None = None,
        above: float | None = None,
    ) -> Target:
        """Something that must hold.

        Args:
            within: the 95 % interval of the value.
            above: what its lower end must exceed.
        """
        low, high = (None, None) if within is None else (float(within[0]), float(within[1]))
        target = Target(name, float(value), at_least, at_most, low, high, above)
        words = "met" if target.met else "MISSED"
        _CONSOLE.print(
            f"  {name}: {target.found} ({target.asked}) {words}", style="green" if target.met else "bold red"
        )
        self._now["targets"].append(asdict(target))
        return target

    def note_seconds(self, seconds: float) -> None:
        """How long the part took."""
        self._now["seconds"] = round(seconds, 1)

    def drop(self, name: str) -> None:
        """Forget a part that could not be run."""
        self.parts.pop(name, None)

    def targets(self) -> list[Target]:
        """All that must hold, in the order of the parts."""
        return [Target(**target) for part in self.parts.values() for target in part["targets"]]

    def summary(self) -> None:
        """Show what must hold and whether it does."""
        if found := self.targets():
            drawn = Table(title="What must hold", title_justify="left", title_style="bold")
            for column in _SUMMARY:
                drawn.add_column(column)
            for row in _summary(found):
                drawn.add_row(*row)
            _CONSOLE.print(drawn)

    def save(self, path: Path) -> None:
        """Write the run as JSON, and as Markdown beside it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"about": self.about, "parts": self.parts}
        path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(self.markdown(), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Report:
        """An earlier run, or an empty report where there is none."""
        if not path.exists():
            return cls()
        kept = json.loads(path.read_text(encoding="utf-8"))
        return cls(kept["about"], kept["parts"])

    def markdown(self) -> str:
        """The whole report: what must hold first, then the parts."""
        lines = [f"- {name.replace('_', ' ')}: {value}" for name, value in self.about.items()]
        if found := self.targets():
            lines += ["", "**What must hold**", "", *_grid(_SUMMARY, _summary(found))]
        for part in self.parts.values():
            for block in part["blocks"]:
                lines += ["", *_block(block)]
            took = f", {part['seconds']:g} s" if "seconds" in part else ""
            lines += ["", f"Made by `{part['command']}`{took}."]
        return "\n".join(lines) + "\n"

    def put_into(self, document: Path) -> None:
        """Write the report between the two marks of a Markdown file.

        Raises:
            ValueError: if the file does not have both.
        """
        text = document.read_text(encoding="utf-8")
        before, begun, rest = text.partition(BEGIN)
        _, ended, after = rest.partition(END)
        if not begun or not ended:
            raise ValueError(f"{document.name} has no lines {BEGIN} and {END} to write between")
        document.write_text(f"{before}{BEGIN}\n\n{self.markdown()}\n{END}{after}", encoding="utf-8")

    def _add(self, block: Block) -> None:
        self._now.setdefault("blocks", []).append(block)


def number(value: float, *, sign: bool = False) -> str:
    """Three decimals below 100, fewer above; `sign` always shows one."""
    digits = 3 if abs(value) < 100 else 1 if abs(value) < 1_000 else 0
    return f"{value:{'+' if sign else ''},.{digits}f}"


def interval(value: float, low: float, high: float, *, sign: bool = True) -> str:
    """A value with its interval: +0.079 [+0.052, +0.105]."""
    return f"{number(value, sign=sign)} [{number(low, sign=sign)}, {number(high, sign=sign)}]"


_SUMMARY = ("figure", "measured", "asked", "")


def _summary(found: Sequence[Target]) -> list[list[str]]:
    return [[target.name, target.found, target.asked, "met" if target.met else "MISSED"] for target in found]


def _worded(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else number(float(cell))


def _block(block: Block) -> list[str]:
    if block["kind"] == "section":
        return [f"## {block['title']}"]
    if block["kind"] == "prose":
        return [block["text"]]
    return [f"**{block['title']}**", "", *_grid(block["columns"], [[_worded(c) for c in row] for row in block["rows"]])]


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = "|".join([" --- ", *[" ---: "] * (len(columns) - 1)])
    cells = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return [f"| {' | '.join(columns)} |", f"|{rule}|", *[f"| {row} |" for row in cells]]
