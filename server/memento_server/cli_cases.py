"""`memento cases`: look at cases, carry them in and out, forget and restore them."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memento_server.options import AsJson, Bank, Namespace, one_of, settings_of

if TYPE_CHECKING:
    from memento_memory.bank import CaseBank
    from memento_memory.case import Outcome

app = typer.Typer(help="Look at cases, carry them in and out, forget and restore them.", no_args_is_help=True)

CaseId = Annotated[str, typer.Argument(help="Id of the case.")]
OutcomeOption = Annotated[str, typer.Option("--outcome", help="Only success, failure or unknown.")]
Limit = Annotated[int, typer.Option("--limit", "-n", help="How many at most.", min=1)]


def _outcome(value: str) -> Outcome | None:
    from memento_memory.case import Outcome

    return one_of(value, Outcome, "outcome") if value else None


@app.command("list")
def list_(
    outcome: OutcomeOption = "",
    tag: Annotated[str, typer.Option(help="Only with this tag.")] = "",
    forgotten: Annotated[bool, typer.Option("--forgotten", help="What was forgotten and can be restored.")] = False,
    limit: Limit = 20,
    bank: Bank = None,
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """List cases, newest first."""
    from memento_server import console, show
    from memento_server.as_json import case_json
    from memento_server.session import open_bank

    with open_bank(settings_of(bank, "")) as opened:
        pages = opened.pages(
            namespaces=(namespace,) if namespace else (),
            outcome=_outcome(outcome),
            tag=tag,
            forgotten=forgotten,
            newest_first=True,
            size=min(limit, 500),
        )
        found = list(islice((case for page in pages for case in page), limit))
    if as_json:
        console.write_json([case_json(case) for case in found])
    else:
        show.case_table(console.stdout(), found)


@app.command()
def show(case_id: CaseId, bank: Bank = None, as_json: AsJson = False) -> None:
    """Show one case in full."""
    from memento_server import console
    from memento_server import show as view
    from memento_server.as_json import case_json
    from memento_server.session import open_bank

    with open_bank(settings_of(bank, "")) as opened:
        case = opened.case(case_id)
    if as_json:
        kept = {"forgotten_reason": case.forgotten_reason, "quarantined_at": case.quarantined_at}
        console.write_json({**case_json(case), **kept, "confirmed": case.confirmed, "pinned": case.pinned})
    else:
        view.case(console.stdout(), case)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="A task, or words to look for.")],
    k: Annotated[int, typer.Option("-k", help="How many cases.", min=1, max=20)] = 5,
    outcome: OutcomeOption = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Only with this tag; repeat for more.")] = None,
    bank: Bank = None,
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Find cases like a task, most similar first."""
    from memento_memory.limits import check_task
    from memento_server import console, render
    from memento_server import show as view
    from memento_server.session import open_bank

    settings = settings_of(bank, namespace)
    with open_bank(settings, with_model=True) as opened:
        opened.embed_pending()
        slate = opened.retrieve(
            check_task(query, field="query"),
            k=k,
            namespaces=(settings.namespace,),
            outcome=_outcome(outcome),
            tags=tuple(tag or ()),
            browse=True,
        )
    if as_json:
        console.write_json(render.cases_result(slate, render.search_note(slate)).structured_content)
    else:
        view.slate(console.stdout(), slate)


@app.command("export")
def export_(
    file: Annotated[Path | None, typer.Argument(help="Where to; standard output when left out.")] = None,
    bank: Bank = None,
    namespace: Namespace = "",
) -> None:
    """Write all cases as JSON lines."""
    from memento_memory.transfer import export_cases
    from memento_server import console
    from memento_server.session import open_bank

    namespaces = (namespace,) if namespace else ()
    with open_bank(settings_of(bank, "")) as opened:
        if file is None:
            count = export_cases(opened, sys.stdout.write, namespaces=namespaces)
        else:
            count = _export_to(file, opened, namespaces)
    console.stderr().print(f"{count} cases written")


def _export_to(file: Path, bank: CaseBank, namespaces: tuple[str, ...]) -> int:
    """Write all cases to a file that appears only when it is complete."""
    from memento_memory.errors import InputError
    from memento_memory.transfer import export_cases

    partial = file.with_name(file.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as out:
            count = export_cases(bank, out.write, namespaces=namespaces)
        partial.replace(file)
    except OSError as error:
        raise InputError("file", f"{file} cannot be written ({error.strerror}); choose another place") from error
    return count


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="JSON lines, gzip'd or not; - reads standard input.")],
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Tag the imported cases; repeat for more.")] = None,
    bank: Bank = None,
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Read cases from JSON lines: Memento's own, the reference implementation's, or plain task and plan pairs."""
    from memento_memory.limits import check_tags
    from memento_memory.transfer import import_cases, open_lines
    from memento_server import console
    from memento_server.session import open_bank

    settings = settings_of(bank, namespace)
    tags = check_tags(tuple(tag or ()))
    lines = sys.stdin if str(file) == "-" else open_lines(file)
    with lines, open_bank(settings, with_model=True) as opened:
        with console.progress("lines read") as tick:
            report = import_cases(opened, lines, namespace=settings.namespace, tags=tags, progress=tick)
        with console.progress("vectors", opened.stats().without_vector) as tick:
            opened.embed_pending(lambda made, _: tick(made))
    if as_json:
        came_in = {"imported": report.imported, "quarantined": report.quarantined}
        console.write_json({**came_in, "skipped": dict(report.skipped), "examples": report.examples})
        return
    out = console.stdout()
    out.print(f"{report.imported} cases imported, {report.total_skipped} lines skipped")
    if report.quarantined:
        out.print(
            f"  {report.quarantined} of them kept in quarantine, for their texts give instructions to the reader; "
            f"`memento curate --dry-run` lists them, `memento confirm ID` brings one back",
            style="yellow",
        )
    for reason, count in report.skipped.most_common():
        out.print(f"  {count} × {reason} (for example {report.examples[reason]})", markup=False)


@app.command()
def forget(case_id: CaseId, bank: Bank = None) -> None:
    """Take a case out of every search; `restore` brings it back until it is purged."""
    from memento_server import console
    from memento_server.session import open_bank

    settings = settings_of(bank, "")
    with open_bank(settings) as opened:
        case = opened.forget(case_id)
    console.stdout().print(
        f"forgot {case.id}; `memento cases restore {case.id}` brings it back within {settings.retention_days:g} days"
    )


@app.command()
def restore(case_id: CaseId, bank: Bank = None) -> None:
    """Bring a forgotten case back."""
    from memento_memory.errors import InputError
    from memento_server import console
    from memento_server.session import open_bank

    held = "is in quarantine; `memento cases show` says why, and `memento confirm` brings it back if it is in order"
    with open_bank(settings_of(bank, ""), with_model=True) as opened:
        if opened.case(case_id).quarantined_at is not None:
            raise InputError("case_id", f"{case_id} {held}")
        case = opened.restore(case_id)
    if case.quarantined_at is not None:
        raise InputError("case_id", f"{case_id} {held}")
    console.stdout().print(f"restored {case.id}")
