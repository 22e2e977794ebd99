"""`memento distill` and `memento lessons`: draw lessons from cases, look at them, and drop one."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memento_server.options import AsJson, Bank, Namespace, settings_of

if TYPE_CHECKING:
    from rich.console import Console

    from memento_memory.bank import CaseBank
    from memento_memory.lessons import Lesson
    from memento_planner.distill import Report
    from memento_planner.models.chat import ChatModel

app = typer.Typer(help="Look at the lessons drawn from cases, and drop those that mislead.", no_args_is_help=True)

LessonId = Annotated[str, typer.Argument(help="Id of the lesson.")]
_BY_HAND = "dropped by hand"


def distill(
    model: Annotated[
        str,
        typer.Option("--model", metavar="SPEC", help="Who words the lessons, such as local:smollm2; a rule, if none."),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    bank: Bank = None,
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Draw lessons from groups of like cases: what their successes share and their failures lack."""
    import anyio

    from memento_server import console
    from memento_server.session import open_bank

    settings = settings_of(bank, namespace)
    chosen = _model(model)
    with open_bank(settings, with_model=not dry_run) as opened, console.progress("lessons") as tick:
        report = anyio.run(_distilled, opened, chosen, (settings.namespace,) if namespace else (), tick, dry_run)
    if as_json:
        console.write_json({"dry_run": dry_run, **report_json(report)})
    else:
        show_report(console.stdout(), report, dry_run=dry_run)


async def _distilled(
    bank: CaseBank, model: ChatModel | None, namespaces: Sequence[str], tick: Any, dry_run: bool
) -> Report:
    from memento_planner.distill import distill as distill_bank

    try:
        return await distill_bank(
            bank, model=model, namespaces=namespaces, progress=lambda done, _: tick(done), dry_run=dry_run
        )
    finally:
        if model is not None:
            await model.aclose()


def _model(text: str) -> ChatModel | None:
    if not text:
        return None
    from memento_planner.models.create import create
    from memento_planner.models.spec import parse_spec

    spec = parse_spec(text)
    return create(spec, os.environ) if spec else None


@app.command("list")
def list_(
    dropped: Annotated[bool, typer.Option("--dropped", help="Those that were dropped, with why.")] = False,
    bank: Bank = None,
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """List lessons, those of the highest value first."""
    from memento_server import console
    from memento_server.session import open_bank

    settings = settings_of(bank, namespace)
    with open_bank(settings) as opened:
        found = opened.lessons.all((settings.namespace,) if namespace else (), dropped=dropped)
    found = tuple(sorted(found, key=lambda lesson: -lesson.value))
    if as_json:
        console.write_json([lesson_json(lesson) for lesson in found])
    elif found:
        for lesson in found:
            show_lesson(console.stdout(), lesson)
    else:
        console.stdout().print("No lessons." if dropped else "No lessons yet; `memento distill` draws them from cases.")


@app.command()
def show(lesson_id: LessonId, bank: Bank = None, as_json: AsJson = False) -> None:
    """Show one lesson and the cases it rests on."""
    from rich.markup import escape

    from memento_memory.text import shown
    from memento_server import console
    from memento_server.session import open_bank

    with open_bank(settings_of(bank, "")) as opened:
        lesson = opened.lessons.one(lesson_id)
        cases = [opened.case(case_id) for case_id in lesson.case_ids]
    if as_json:
        console.write_json(lesson_json(lesson))
        return
    out = console.stdout()
    show_lesson(out, lesson)
    for case in cases:
        task = " ".join(shown(case.task.text, 120).split())
        out.print(f"  [dim]{case.id}[/dim] {case.result.outcome.value:<7} {escape(task)}")


@app.command()
def drop(
    lesson_id: LessonId,
    reason: Annotated[str, typer.Option(help="Why; kept with the lesson.")] = _BY_HAND,
    bank: Bank = None,
) -> None:
    """Take a lesson out of use for good: it is not drawn from these cases again."""
    from memento_memory.errors import InputError
    from memento_memory.lessons import BY_EVIDENCE
    from memento_memory.text import check
    from memento_server import console
    from memento_server.session import open_bank

    said = check("reason", reason, limit=1_000) or _BY_HAND
    if said.startswith(BY_EVIDENCE.strip()):
        raise InputError(
            "reason", f"begins with {BY_EVIDENCE.strip()!r}, as reasons of Memento's own do; say it otherwise"
        )
    with open_bank(settings_of(bank, "")) as opened:
        lesson = opened.lessons.drop(lesson_id, said)
    console.stdout().print(f"dropped {lesson.id}")


def lesson_json(lesson: Lesson) -> dict[str, Any]:
    """A lesson for machines."""
    found = dataclasses.asdict(lesson)
    return {"lesson_id": found.pop("id"), **found, "case_ids": list(lesson.case_ids)}


def report_json(report: Report) -> dict[str, Any]:
    """What a pass did, for machines."""
    changed = {"added": report.added, "updated": report.updated, "dropped": report.dropped}
    told = {name: [lesson_json(lesson) for lesson in lessons] for name, lessons in changed.items()}
    return {**told, "unchanged": report.unchanged, "remarks": list(report.remarks)}


def show_report(console: Console, report: Report, *, dry_run: bool) -> None:
    """The same for people."""
    from rich.markup import escape

    from memento_memory.text import shown

    for kind, colour, lessons in (
        ("added", "green", report.added),
        ("updated", "cyan", report.updated),
        ("dropped", "red", report.dropped),
    ):
        for lesson in lessons:
            console.print(f"[{colour}]{kind:<7}[/] [dim]{lesson.id}[/dim] {escape(shown(lesson.text, 300))}")
            if lesson.dropped_reason:
                console.print(f"        {escape(shown(lesson.dropped_reason, 300))}", style="dim")
    for remark in report.remarks:
        console.print(escape(shown(remark, 300)), style="yellow")
    counts = f"{len(report.added)} added, {len(report.updated)} updated, {len(report.dropped)} dropped"
    console.print(f"{counts}, {report.unchanged} as before{' (tried only: nothing was changed)' if dry_run else ''}")


def show_lesson(console: Console, lesson: Lesson) -> None:
    """A lesson and its record."""
    from rich.markup import escape

    from memento_memory.text import shown

    console.print(f"[dim]{lesson.id}[/dim] {escape(shown(lesson.text, 300))}")
    record = f"value {lesson.value:.2f} ({lesson.low:.2f}-{lesson.high:.2f}), shown {lesson.shown} times"
    origin = f"from {len(lesson.case_ids)} cases, worded by {escape(shown(lesson.source, 80))}"
    console.print(f"  {record}, {origin}, in {escape(shown(lesson.namespace, 60))}", style="dim")
    if lesson.dropped_at is not None:
        console.print(f"  {escape(shown(lesson.dropped_reason, 300))}", style="red")
