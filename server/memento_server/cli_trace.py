"""`memento trace`: the tool calls that were relayed while a plan was carried out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from memento_server.options import AsJson, Bank, settings_of

if TYPE_CHECKING:
    from rich.console import Console

    from memento_memory.case import Episode
    from memento_memory.trace import ToolCall


def trace(
    plan_id: Annotated[str, typer.Argument(help="Id of the episode, from plan.")],
    bank: Bank = None,
    as_json: AsJson = False,
) -> None:
    """Show the tool calls that were relayed while a plan was carried out."""
    from memento_memory.trace import MAX_CALL_CHARS
    from memento_server import console
    from memento_server.as_json import call_json
    from memento_server.session import open_bank

    with open_bank(settings_of(bank, "")) as opened:
        episode, calls = opened.episode(plan_id), opened.trace(plan_id)
    if as_json:
        console.write_json([call_json(call, MAX_CALL_CHARS) for call in calls])
    else:
        call_table(console.stdout(), episode, calls)


def call_table(console: Console, episode: Episode, calls: Sequence[ToolCall]) -> None:
    """Tool calls, one a line."""
    from rich.markup import escape
    from rich.table import Table

    if not calls:
        console.print(f"No tool call was relayed for {episode.plan_id}.")
        return
    rows = [
        (_time(c.at), str(c.subtask or ""), _line(c.name), _state(c), f"{c.duration_ms:.0f} ms", _line(c.arguments))
        for c in calls
    ]
    if not console.is_terminal:
        for row in rows:
            console.file.write("\t".join(row) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("began", "step", "tool", "state", "time", "arguments"):
        table.add_column(name, overflow="ellipsis", no_wrap=True, justify="right" if name == "time" else "left")
    colours = {"ok": "green", "error": "red", "infrastructure": "yellow"}
    for began, step, tool, state, time, arguments in rows:
        table.add_row(began, step, escape(tool), f"[{colours[state]}]{state}[/]", time, escape(arguments))
    console.print(table)
    failed = sum(call.failed for call in calls)
    more = f", {episode.calls - len(calls)} more were only counted" if episode.calls > len(calls) else ""
    console.print(f"{len(calls)} calls, {failed} failed{more}", style="dim")


def _state(call: ToolCall) -> str:
    return "infrastructure" if call.infrastructure else "error" if call.is_error else "ok"


def _line(text: str) -> str:
    from memento_memory.text import shown

    return " ".join(shown(text, 200).split())


def _time(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
