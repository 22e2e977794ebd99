"""Cases, slates and plans as a person wants to read them on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from memento_memory.case import Case, Outcome, Slate
from memento_memory.plan import Plan
from memento_memory.store.stats import Stats
from memento_memory.text import shown
from memento_planner.brief import HELD_OUT, is_held_out, why
from memento_planner.planner import Planned
from memento_server.render import lesson_line

if TYPE_CHECKING:
    from rich.console import Console

_COLOUR = {Outcome.SUCCESS: "green", Outcome.FAILURE: "red", Outcome.UNKNOWN: "yellow"}


def planned(console: Console, result: Planned) -> None:
    """A planning request: the slate, then the draft or why there is none."""
    slate(console, result.episode.slate)
    draft = result.draft
    if draft is None and is_held_out(result.episode.slate):
        pass  # said already why there is none
    elif draft is None or draft.plan is None:
        reason = draft.reason if draft else "no success to adapt"
        console.print(f"No draft: {escape(shown(reason, 300))}", style="yellow")
    else:
        console.print(f"Draft plan, adapted from {result.adapted_from}:", style="bold")
        steps(console, draft.plan)
        for old, new in draft.replacements:
            console.print(f"  replaced: {escape(shown(old, 80))} → [cyan]{escape(shown(new, 80))}[/cyan]")
        if draft.unplaced:
            console.print(f"  found no place: {escape(shown(', '.join(draft.unplaced), 200))}", style="yellow")
    for entry in result.advice.lessons:
        console.print(f"Lesson: {escape(shown(lesson_line(entry), 500))}", style="cyan")
    for passage in result.advice.passages:
        console.print(f"Note {escape(shown(passage.heading, 120))}: {escape(shown(passage.text, 300))}", style="dim")
    console.print(f"plan_id: {result.episode.plan_id}", style="dim")


def slate(console: Console, found: Slate) -> None:
    """The cases of a slate, best first."""
    if not found.shown:
        nothing = HELD_OUT if is_held_out(found) else "No useful case: plan this from scratch."
        console.print(nothing, style="yellow")
    for entry in found.shown:
        outcome = entry.case.result.outcome
        console.print(
            f"[{_COLOUR[outcome]}]{outcome.value:<7}[/] [dim]{entry.case.id}[/dim] "
            f"{escape(shown(entry.case.task.text, 160))}"
        )
        console.print(f"        {escape(why(entry))}", style="dim")


def steps(console: Console, plan: Plan) -> None:
    """The steps of a plan."""
    for step in plan.subtasks:
        tool = f" [dim]({escape(shown(step.tool, 60))})[/dim]" if step.tool else ""
        console.print(f"  {step.id}. {escape(shown(step.description, 600))}{tool}")


def case(console: Console, found: Case) -> None:
    """One case in full."""
    result = found.result
    console.print(f"[bold]{found.id}[/bold] in {found.namespace}{_kept(found)}")
    if found.forgotten_at and found.forgotten_reason:
        console.print(f"why      {escape(shown(found.forgotten_reason, 400))}", style="yellow")
    console.print(f"task     {escape(shown(found.task.text, 20_000))}")
    if found.task.context:
        console.print(f"context  {escape(shown(found.task.context, 20_000))}")
    reward = "" if result.reward is None else f", reward {result.reward:.2f}"
    console.print(f"outcome  [{_COLOUR[result.outcome]}]{result.outcome.value}[/]{reward}, by {result.evidence.value}")
    if result.notes:
        console.print(f"notes    {escape(shown(result.notes, 20_000))}")
    steps(console, found.plan)
    console.print(
        f"value {found.record:.2f} from {found.successes:.1f} success and "
        f"{found.failures:.1f} failure, shown {found.shown}, used {found.used}",
        style="dim",
    )
    origin = " ".join(filter(None, (found.host, found.model))) or "unknown"
    console.print(f"created {_day(found.created_at)} by {escape(shown(origin, 100))}", style="dim")
    if found.tags:
        console.print(f"tags {escape(shown(', '.join(found.tags), 400))}", style="dim")


def _kept(found: Case) -> str:
    """Whether it is in use, and what people said of it."""
    said = []
    if found.forgotten_at:
        said.append("in quarantine" if found.quarantined_at else "forgotten")
    if found.pinned:
        said.append("pinned")
    if found.confirmed:
        said.append("confirmed")
    return f" ({', '.join(said)})" if said else ""


def case_table(console: Console, found: Sequence[Case]) -> None:
    """Cases, one a line."""
    if not found:
        console.print("No cases. Import some with `memento cases import FILE`, or record outcomes.")
        return
    if not console.is_terminal:
        for item in found:
            task = " ".join(shown(item.task.text, 200).split())  # a line and a column of its own
            console.file.write(f"{item.id}\t{item.result.outcome.value}\t{item.namespace}\t{task}\n")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("id", "outcome", "namespace", "task", "updated"):
        table.add_column(name, overflow="ellipsis" if name == "task" else "fold", no_wrap=name == "task")
    for item in found:
        outcome = f"[{_COLOUR[item.result.outcome]}]{item.result.outcome.value}[/]"
        table.add_row(item.id, outcome, item.namespace, escape(shown(item.task.text, 200)), _day(item.updated_at))
    console.print(table)


def counts(console: Console, found: Stats) -> None:
    """Counts of what is in the bank."""
    by_outcome = ", ".join(f"{number} {name}" for name, number in sorted(found.cases.items())) or "none"
    console.print(f"bank         {found.path} ({found.size_bytes / 1e6:.1f} MB)", markup=False)
    console.print(f"cases        {found.total} ({by_outcome})")
    console.print(f"namespaces   {_listed(found.namespaces)}")
    console.print(f"tags         {_listed(found.tags)}")
    console.print(f"forgotten    {found.forgotten}")
    console.print(f"episodes     {found.episodes}, {found.recorded} with an outcome")
    waiting = f", {found.without_vector} cases wait for their vector" if found.without_vector else ""
    console.print(f"embeddings   {found.model or 'no vectors yet'}{waiting}")


def _listed(numbers: dict[str, int]) -> str:
    return ", ".join(f"{escape(shown(name, 60))} {number}" for name, number in numbers.items()) or "none"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")
