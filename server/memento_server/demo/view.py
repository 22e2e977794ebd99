"""Results of the tools, as they came over the wire, in the form a person wants to read."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

_COLOUR = {"success": "green", "failure": "red", "unknown": "yellow"}


def heading(out: Console, text: str) -> None:
    """A line that begins a new part of the story."""
    out.print(f"\n[bold reverse] {escape(text)} [/]")


def planned(out: Console, result: dict[str, Any], *, most: int = 4) -> None:
    """The slate and the draft of one plan_with_memory result."""
    if result["verdict"] != "cases":
        out.print("Memory: no useful case, so nothing is shown. Plan from scratch.", style="yellow")
        return
    out.print("Memory shows:")
    for case in result["cases"][:most]:
        colour = _COLOUR[case["outcome"]]
        out.print(f"  [{colour}]{case['outcome']}[/] {escape(case['task'])}")
        _indented(out, case["why"], 10, style="dim")
    draft = result["draft_plan"]
    if draft is None:
        out.print(f"No draft: {escape(result['draft_reason'])}", style="yellow")
        return
    out.print("Draft plan, adapted:")
    steps(out, draft["plan"])
    for replacement in draft["replacements"]:
        out.print(f"     replaced {escape(replacement)}", style="cyan")
    if draft["unplaced"]:
        out.print(f"     found no place: {escape(', '.join(draft['unplaced']))}", style="yellow")


def steps(out: Console, plan: list[dict[str, Any]]) -> None:
    """The steps of a plan."""
    for step in plan:
        _indented(out, f"{step['id']}. {step['description']}", 2)


def recorded(out: Console, result: dict[str, Any]) -> None:
    """What recording an outcome changed."""
    out.print(f"Recorded ({result['status']}): {escape('; '.join(result['changes']))}", style="magenta")


def _indented(out: Console, text: str, by: int, *, style: str = "") -> None:
    if out.is_terminal:
        out.print(Padding(escape(text), (0, 0, 0, by), style=style))
    else:
        out.print(" " * by + text, markup=False)
