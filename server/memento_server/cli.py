"""The command line: serve, plan, record, look after cases, and find out what is wrong."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memento_server import (
    cli_cases,
    cli_curate,
    cli_distill,
    cli_enable,
    cli_evaluate,
    cli_explain,
    cli_learn,
    cli_notes,
    cli_solve,
    cli_tool,
    cli_tools,
    cli_trace,
    cli_trust,
)
from memento_server.options import AsJson, Bank, Namespace, Tools, settings_of

if TYPE_CHECKING:
    from memento_memory.retention import Report

app = typer.Typer(
    name="memento",
    help="Case-based planning for any MCP host: agents that plan from experience.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cli_cases.app, name="cases")
cli_tools.app.command("test")(cli_trust.try_out)
cli_tools.app.command()(cli_trust.approve)
cli_tools.app.command()(cli_trust.log)
cli_tools.app.add_typer(cli_enable.app, name="enable")
cli_tools.app.command()(cli_enable.disable)
app.add_typer(cli_tools.app, name="tools")
app.add_typer(cli_tool.app, name="tool")
app.command()(cli_solve.solve)
app.add_typer(cli_notes.app, name="notes")
app.command()(cli_distill.distill)
app.add_typer(cli_distill.app, name="lessons")
app.command()(cli_trace.trace)
app.command()(cli_explain.explain)
app.command()(cli_learn.learn)
app.command()(cli_evaluate.evaluate)
app.command()(cli_curate.curate)
app.command()(cli_curate.pin)
app.command()(cli_curate.unpin)
app.command()(cli_curate.confirm)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"memento {version('memento-cbr')}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Case-based planning for any MCP host: agents that plan from experience."""


@app.command()
def serve(
    bank: Bank = None,
    namespace: Namespace = "",
    tools: Tools = None,
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP instead of stdio.")] = False,
    host: Annotated[
        str, typer.Option(help="Address for --http; stay on localhost unless you know better.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port for --http.", min=0, max=65535)] = 7411,
) -> None:
    """Run the MCP server, on stdio unless --http is given, with the tools of other servers behind it."""
    from memento_server.serve import run
    from memento_server.tools_file import tools_file

    settings = dataclasses.replace(settings_of(bank, namespace), tools=tools_file(tools))
    run(settings, http=http, host=host, port=port)


@app.command()
def plan(
    task: Annotated[str, typer.Argument(help="What is to be done; - reads it from standard input.")],
    context: Annotated[str, typer.Option(help="The environment in a few words.")] = "",
    k: Annotated[int, typer.Option("-k", help="Most cases to show.", min=1, max=20)] = 4,
    bank: Bank = None,
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Plan a task from past cases, as plan_with_memory does."""
    from memento_memory.limits import check_task
    from memento_planner.planner import plan_from_cases
    from memento_server import console, render, show
    from memento_server.session import open_bank

    settings = settings_of(bank, namespace)
    state = check_task(sys.stdin.read() if task == "-" else task, context)
    with open_bank(settings, with_model=True) as opened:
        opened.embed_pending()
        planned = plan_from_cases(opened, state, k=k, namespaces=(settings.namespace,), host="memento plan")
    if as_json:
        result = render.plan_result(planned.episode, planned.draft, planned.adapted_from, planned.advice)
        console.write_json(result.structured_content)
    else:
        show.planned(console.stdout(), planned)


@app.command()
def record(
    outcome: Annotated[str, typer.Argument(help="success, failure or unknown.")],
    plan_id: Annotated[str, typer.Option(help="The episode, from plan.")] = "",
    task: Annotated[str, typer.Option(help="What was done, where it was not planned here.")] = "",
    context: Annotated[str, typer.Option(help="The environment, with --task.")] = "",
    plan: Annotated[str, typer.Option(help="The plan as executed: numbered lines or JSON; @FILE reads a file.")] = "",
    reward: Annotated[float | None, typer.Option(help="Grade in [0, 1].")] = None,
    evidence: Annotated[
        str, typer.Option(help="test_passed, tool_result, user_confirmed, judge or self_report.")
    ] = "self_report",
    notes: Annotated[str, typer.Option(help="Why it failed, what to watch.")] = "",
    used: Annotated[list[str] | None, typer.Option("--used", help="Id of a case that helped; repeat for more.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Tag the case; repeat for more.")] = None,
    bank: Bank = None,
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Record how a plan went, as record_outcome does."""
    from memento_planner import feedback
    from memento_server import console, render
    from memento_server.session import open_bank

    settings = settings_of(bank, namespace)
    report = _report(outcome, plan_id, task, context, plan, reward, evidence, notes, used, tag, settings.namespace)
    with open_bank(settings, with_model=True) as opened:
        retained = feedback.record(opened, report)
    result = render.outcome_result(retained)
    if as_json:
        console.write_json(result.structured_content)
    else:
        out = console.stdout()
        out.print(
            f"{retained.status.value}: {retained.case.id if retained.case else retained.plan_id}",
            style="bold",
        )
        for change in render.changes(retained):
            out.print(f"  {change}", markup=False)


def _report(
    outcome: str,
    plan_id: str,
    task: str,
    context: str,
    plan: str,
    reward: float | None,
    evidence: str,
    notes: str,
    used: list[str] | None,
    tags: list[str] | None,
    namespace: str,
) -> Report:
    from memento_memory.case import Evidence, Outcome, Result
    from memento_memory.limits import check_notes, check_tags, check_task
    from memento_memory.plan import parse_plan
    from memento_memory.retention import Report
    from memento_server.options import one_of

    text = _file_text(Path(plan[1:])) if plan.startswith("@") else plan
    result = Result.graded(
        one_of(outcome, Outcome, "outcome"),
        reward,
        one_of(evidence, Evidence, "evidence"),
        check_notes(notes),
    )
    return Report(
        result=result,
        plan_id=plan_id,
        task=check_task(task, context) if task else None,
        plan=parse_plan(text) if text.strip() else None,
        used=tuple(used) if used else None,
        namespace=namespace,
        tags=check_tags(tuple(tags or ())),
        host="memento record",
    )


def _file_text(file: Path) -> str:
    from memento_memory.errors import InputError

    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("plan", f"the file {file} cannot be read ({error}); give the path of a text file") from error


@app.command()
def stats(bank: Bank = None, as_json: AsJson = False) -> None:
    """Count what is in the bank."""
    from memento_server import console, show
    from memento_server.session import open_bank

    with open_bank(settings_of(bank, "")) as opened:
        counts = opened.stats()
    if as_json:
        console.write_json(dataclasses.asdict(counts))
    else:
        show.counts(console.stdout(), counts)


@app.command()
def reembed(bank: Bank = None) -> None:
    """Make all vectors anew with the embedding model in use; safe to interrupt and to run again."""
    from memento_server import console
    from memento_server.session import open_bank

    with open_bank(settings_of(bank, ""), with_model=True) as opened:
        total = opened.stats().total
        with console.progress("vectors", total) as tick:
            done = opened.reembed(lambda made, _: tick(made))
    console.stdout().print(f"{done} vectors made, {total - done} were there already")


@app.command()
def prepare() -> None:
    """Prepare the embedding model now, once per machine, instead of when it is first needed."""
    from memento_server import console
    from memento_server.session import load_model

    info = load_model(settings_of(None, "")).info
    console.stdout().print(f"{info.id} is ready ({info.dimension} dimensions)")


@app.command()
def doctor(bank: Bank = None, as_json: AsJson = False) -> None:
    """Check everything Memento needs; every failing line says the fix."""
    from memento_server import console
    from memento_server.doctor import examine

    checks = examine(settings_of(bank, ""))
    if as_json:
        console.write_json([{"check": c.name, "ok": c.ok, "found": c.found, "fix": c.fix} for c in checks])
    else:
        out = console.stdout()
        for check in checks:
            mark = "[green]ok  [/green]" if check.ok else "[red]FAIL[/red]"
            out.print(f"{mark} {check.name}: ", end="")
            out.print(check.found, markup=False)
            if not check.ok:
                out.print(f"     fix: {check.fix}", markup=False)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@app.command()
def demo(
    tasks: Annotated[
        Path | None,
        typer.Option("--tasks", help="Your own JSONL file of tasks with plans, instead of the example."),
    ] = None,
    bank: Annotated[Path | None, typer.Option(help="Keep the demo's bank in this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Watch a real client talk to the real server: plan, record, and plan better."""
    from memento_server.demo.run import run_demo

    report = run_demo(tasks, bank, quiet=as_json)
    if as_json:
        sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=2) + "\n")
