"""`memento tools`: the downstream servers Memento relays to, and how they got into its file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memento_server.options import AsJson, Tools

if TYPE_CHECKING:
    from memento_toolhub.config.hub import BackendConfig, HubConfig
    from memento_toolhub.config.importing import ImportPlan

app = typer.Typer(help="The downstream servers Memento relays to.", no_args_is_help=True)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A host's file: mcpServers JSON, VS Code's mcp.json, Codex's TOML.")],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Where to; Memento's own file if left out.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
) -> None:
    """Take over the servers of a host's file; shows what it would do before anything is written."""
    from memento_server import console
    from memento_server.tools_file import default_target
    from memento_toolhub.config.importing import plan_import, write

    target = (to or default_target()).expanduser().absolute()
    plan = plan_import(file.expanduser(), target)
    _show_plan(plan)
    if not plan.added:
        console.stdout().print("Nothing to write.")
        return
    if not yes and not sys.stdin.isatty():
        console.stderr().print("Nothing was written; run it again with --yes to write it.")
        raise typer.Exit(1)
    if not yes and not typer.confirm(f"Write {target}?"):
        raise typer.Exit(1)
    write(plan)
    console.stdout().print(f"Wrote {target}.", markup=False)


def _show_plan(plan: ImportPlan) -> None:
    from memento_server import console

    out = console.stdout()
    out.print(f"{plan.source} → {plan.target}", markup=False)
    for item in plan.items:
        values = item.entry
        fields = [
            f"{key}: {', '.join(table)}" for key in ("env", "headers") if isinstance(table := values.get(key), dict)
        ]
        shown = "; ".join((_where(values), *fields)) if values else ""
        out.print(f"  {item.fate.value:8} {item.name}  {shown}".rstrip(), markup=False)
        for note in item.notes:
            out.print(f"           {note}", markup=False)
    for warning in plan.warnings:
        out.print(f"  note: {warning}", markup=False)


def _where(values: object) -> str:
    from memento_toolhub.config.address import host_of
    from memento_toolhub.config.expand import masked

    command, url = (values.get("command"), values.get("url")) if isinstance(values, dict) else (None, None)
    return masked(command) if isinstance(command, str) else host_of(url) if isinstance(url, str) else ""


@app.command("list")
def list_(tools: Tools = None, as_json: AsJson = False) -> None:
    """List the configured servers, without connecting to any."""
    from memento_server import console
    from memento_server.tools_file import tools_file
    from memento_toolhub.config.hub import HubConfig, load

    file = tools_file(tools)
    config = load(file) if file else HubConfig(None, ())
    if as_json:
        servers = [_described(backend) for backend in config.backends]
        console.write_json({"file": str(file) if file else "", "servers": servers, "warnings": list(config.warnings)})
    else:
        _show_servers(config)


def _described(backend: BackendConfig) -> dict[str, object]:
    from memento_toolhub.config.hub import Http

    kind = "http" if isinstance(backend.transport, Http) else "stdio" if backend.transport else ""
    return {
        "name": backend.name,
        "transport": kind,
        "where": backend.transport.shown if backend.transport else "",
        "enabled": backend.enabled,
        "expose": list(backend.listed) if backend.expose == "listed" else backend.expose.value,
        "pin": backend.pin.value,
        "problem": backend.problem,
    }


def _show_servers(config: HubConfig) -> None:
    from rich.table import Table
    from rich.text import Text

    from memento_server import console

    out = console.stdout()
    if not config.backends:
        out.print(f"No servers in {config.file}." if config.file else "No file of downstream servers.", markup=False)
        return out.print("`memento tools import FILE` takes them over from a host's file.")
    table = Table("name", "transport", "where", "state", "expose", "pin", box=None, pad_edge=False)
    for backend in config.backends:
        shown = _described(backend)
        state = "off" if not backend.enabled else "problem" if backend.problem else "ready"
        expose = ", ".join(backend.listed) if backend.expose == "listed" else backend.expose.value
        cells = (backend.name, str(shown["transport"]), str(shown["where"]), state, expose, backend.pin.value)
        table.add_row(*(Text(cell) for cell in cells))
    out.print(table)
    for text in (*(backend.problem for backend in config.backends if backend.problem), *config.warnings):
        out.print(f"- {text}", markup=False)
