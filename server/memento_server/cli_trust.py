"""`memento tools test`, `approve` and `log`: are the servers well, are they what they were, what did they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from memento_server.options import AsJson, Tools

if TYPE_CHECKING:
    from memento_toolhub.config.hub import HubConfig
    from memento_toolhub.examine import Finding


def try_out(
    server: Annotated[str, typer.Argument(help="Only this server.")] = "",
    tools: Tools = None,
    as_json: AsJson = False,
) -> None:
    """Connect to each server, list its tools, time it, and say what is wrong; exit status 1 if anything is."""
    import dataclasses

    import anyio

    from memento_server import console

    config = _config(tools)
    _known(server, config)
    findings = anyio.run(_examine, config, server)
    if as_json:
        console.write_json([dataclasses.asdict(finding) for finding in findings])
    else:
        for finding in findings:
            _show(finding)
        for warning in config.warnings:
            console.stdout().print(f"note: {warning}", markup=False)
    if any(finding.problem for finding in findings):
        raise typer.Exit(1)


def approve(
    server: Annotated[str, typer.Argument(help="The server whose changed tools are approved.")] = "",
    tool: Annotated[str, typer.Argument(help="Only this tool, by the server's own name for it.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Approve without asking.")] = False,
) -> None:
    """Show the tool definitions that changed since they were approved, and approve them as they are now."""
    import sys

    from memento_memory.errors import InputError
    from memento_server import console
    from memento_server.relaying import Places
    from memento_toolhub.trust.pins import Pins

    pins, out = Pins(Places.of_user().pins), console.stdout()
    changes = [c for c in pins.pending() if server in ("", c.backend) and tool in ("", c.tool)]
    for change in changes:
        out.print(f"{change.backend}: {change.tool} changed", style="bold", markup=False)
        for line in change.diff:
            out.print(f"  {line}", markup=False)
    if not changes:
        out.print("No changed definitions wait for approval." + (" Names are case-sensitive." if server else ""))
        return
    if not yes and not sys.stdin.isatty():
        raise InputError("approve", "nothing was approved; run it again with --yes to approve what is shown")
    if not yes and not typer.confirm(f"Approve {len(changes)} changed definitions?"):
        raise typer.Exit(1)
    for name in dict.fromkeys(change.backend for change in changes):
        done = pins.approve(name, tool or None, shown=changes)
        out.print(f"{name}: approved {', '.join(done)}", markup=False)


def log(
    server: Annotated[str, typer.Argument(help="The server whose stderr to show; none: the calls relayed.")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many, from the end.", min=1)] = 50,
    tools: Tools = None,
) -> None:
    """Show what a server wrote to stderr, or the calls relayed lately, and where the file is."""
    from memento_server import console
    from memento_server.relaying import Places
    from memento_toolhub.process.serverlog import log_file, tail

    places, out = Places.of_user(), console.stdout()
    if server:
        _known(server, _config(tools))
        found, file = tail(places.logs, server, lines), log_file(places.logs, server)
    else:
        file = places.calls
        found = file.read_text(encoding="utf-8").splitlines()[-lines:] if file.exists() else []
    for line in found:
        out.print(line, markup=False)
    console.stderr().print(f"{file}" if found else f"nothing yet in {file}", markup=False)


def _config(tools: Tools) -> HubConfig:
    from memento_memory.errors import InputError
    from memento_server.tools_file import tools_file
    from memento_toolhub.config.hub import load

    file = tools_file(tools)
    if file is None:
        raise InputError(
            "tools",
            "there is no file of downstream servers; give --tools FILE, or make one with `memento tools import`",
        )
    return load(file)


def _known(server: str, config: HubConfig) -> None:
    from memento_memory.errors import InputError

    names = [backend.name for backend in config.backends]
    if server and server not in names:
        raise InputError("server", f"{server!r} is not in {config.file}; it has {', '.join(names) or 'none'}")


async def _examine(config: HubConfig, server: str) -> list[Finding]:
    from memento_server.relaying import Places, relay_id, why
    from memento_toolhub.examine import examine
    from memento_toolhub.process.transport import open_transport
    from memento_toolhub.trust.pins import Pins

    places, through = Places.of_user(), relay_id(config.file) if config.file else ""
    return [
        await examine(
            backend,
            lambda given: open_transport(given, places.logs, chain=through),
            lambda given, error: why(given, error, places.logs),
            Pins(places.pins),
        )
        for backend in config.backends
        if server in ("", backend.name)
    ]


def _show(finding: Finding) -> None:
    from memento_server import console

    out = console.stdout()
    if finding.problem:
        out.print(f"[red]FAIL[/red] {finding.name}: ", end="")
        out.print(finding.problem, markup=False)
        return
    if finding.skipped:
        out.print(f"off  {finding.name}: is switched off in the tools file", markup=False)
        return
    out.print(f"[green]ok[/green]   {finding.name}: ", end="")
    out.print(
        f"{len(finding.tools)} tools, about {finding.tokens} tokens, in {finding.seconds:.2f} s, "
        f"MCP {finding.protocol}",
        markup=False,
    )
    out.print(f"       {', '.join(finding.tools)}", markup=False)
    if finding.hidden:
        out.print(f"       left out by allow and deny: {', '.join(finding.hidden)}", markup=False)
    if finding.changed:
        out.print(
            f"       changed since approved: {', '.join(finding.changed)}; see `memento tools approve {finding.name}`",
            markup=False,
        )
