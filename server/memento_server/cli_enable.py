"""`memento tools enable NAME` and `disable NAME`: bundled servers in Memento's tools file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memento_server.cli_tool import command
from memento_toolhub.servers.bundled import BUNDLED, Bundled, Flag

if TYPE_CHECKING:
    from memento_server.bundled_flags import Given

app = typer.Typer(help="Put a bundled tool server into Memento's tools file.", no_args_is_help=True)

To = Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Which tools file; the one in use if left out.")]


def _enable(server: Bundled, flags: Mapping[Flag, Any], to: Path | None) -> None:
    from memento_server import console
    from memento_server.bundled import check, environment_of
    from memento_server.bundled_flags import Given
    from memento_toolhub.config.switching import switched_on

    given, target = Given.of(server, flags), _target(to)
    check(server, given)
    edit = switched_on(target, server.name, entry(server, given))
    edit.write()
    out = console.stdout()
    done = f"{server.name} is on, in {target}." if edit.changes else f"{server.name} was on already, in {target}."
    out.print(done, markup=False)
    for root in given.roots:
        out.print(f"  may use the files in {root}", markup=False)
    for host in given.allowed_hosts:
        out.print(f"  may fetch from {host} although it is private", markup=False)
    if Flag.NETWORK in given.settings:
        out.print("  may use the network, this machine's own services included", markup=False)
    for need in server.needs(environment_of(given)):
        if not need.ok:
            out.print(f"  without {need.name}: no {', '.join(need.tools)}; {need.fix}", markup=False)
    out.print(f"Next: memento tools test {server.name}{f' --tools {target}' if to else ''}", markup=False)


def entry(server: Bundled, given: Given) -> dict[str, object]:
    """The entry of a tools file that starts a bundled server, from whatever folder.

    Of what Memento's environment holds only names are written, no values.
    """
    import sys

    # -P: a module in the folder it is started in, perhaps one that a model wrote, is not taken for one of Python's.
    arguments = ["-P", "-m", "memento_server", "tool", server.name, *given.arguments()]
    variables = {name: f"${{{name}:-}}" for name in server.variables}
    # Its definitions come with this very package: an upgrade changes them, and there is nobody else to distrust.
    return {"command": sys.executable, "args": arguments, "env": variables, "pin": "off", **server.settings}


for _server in BUNDLED.values():
    app.command(_server.name)(command(_server, _enable, to=(To, None)))


def disable(
    name: Annotated[str, typer.Argument(help=f"The server: {', '.join(BUNDLED)}.")],
    to: To = None,
) -> None:
    """Switch a bundled tool server off in Memento's tools file; its settings there are kept."""
    from memento_memory.errors import InputError
    from memento_server import console
    from memento_toolhub.config.switching import switched_off

    if name not in BUNDLED:
        known = ", ".join(BUNDLED)
        raise InputError(
            "name", f"{name!r} is no bundled server; give one of {known} (others: set enabled to false in the file)"
        )
    target = _target(to)
    edit = switched_off(target, name)
    if edit is not None:
        edit.write()
    done = "is off" if edit is not None and edit.changes else "was off already"
    console.stdout().print(f"{name} {done}, in {target}.", markup=False)


def _target(to: Path | None) -> Path:
    import os

    from memento_memory.errors import InputError
    from memento_server.tools_file import NO_TOOLS, default_target, tools_file

    if to is None and os.environ.get("MEMENTO_TOOLS") == NO_TOOLS:
        raise InputError("MEMENTO_TOOLS", f"is {NO_TOOLS}, so that nothing is relayed; unset it or give --to FILE")
    return to.expanduser().absolute() if to else tools_file(None) or default_target()
