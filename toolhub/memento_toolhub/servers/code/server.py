"""The code server: Python and shell commands in a sandbox, each plan with files of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import Field

from memento_toolhub.servers.code.desk import MOST_SECONDS, Desk
from memento_toolhub.servers.code.finding import NoSandbox, find_sandbox
from memento_toolhub.servers.code.results import FileText, Listing, RunResult, Written
from memento_toolhub.servers.code.sandbox import Sandbox
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.rest import DEFAULT_CHARS, MaxChars, Rests, offer_read_more
from memento_toolhub.servers.kit.tool_server import ToolServer

Files = Annotated[
    Sequence[str],
    Field(description="paths of the user's files to copy into the working folder first, under their own names"),
]
Timeout = Annotated[float, Field(ge=0.1, le=MOST_SECONDS, description=f"seconds it may run, up to {MOST_SECONDS}")]
Path = Annotated[str, Field(min_length=1, max_length=1000, description="path below /workspace")]
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)


def build(options: Options, *, sandbox: Sandbox | NoSandbox | None = None) -> MCPServer:
    """The server; without a sandbox it offers no tool, and says why.

    Args:
        sandbox: what to run in; found on this machine where it is not given.
    """
    sandbox = sandbox or find_sandbox(options.environment)
    server = ToolServer("code", instructions=_instructions(sandbox))
    if isinstance(sandbox, NoSandbox):
        return server
    rests = Rests()
    desk = Desk(options, sandbox, rests)
    _offer_running(server, desk, open_world=sandbox.network)
    _offer_files(server, desk)
    offer_read_more(server, rests)
    return server


def _instructions(sandbox: Sandbox | NoSandbox) -> str:
    if isinstance(sandbox, NoSandbox):
        return (
            f"No tool is offered, for there is no sandbox to run code in: {sandbox.why}. To change that: {sandbox.fix}."
        )
    network = "The network can be reached." if sandbox.network else "There is no network."
    return (
        "Python and shell commands in a sandbox. The working folder /workspace is kept between calls of a plan; "
        f"variables and processes are not. {network}"
    )


def _offer_running(server: MCPServer, desk: Desk, *, open_world: bool) -> None:
    hints = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=open_world)

    @server.tool(title="Run Python", annotations=hints)
    async def run_python(
        code: Annotated[str, Field(max_length=200_000, description="Python source; the last expression is printed")],
        ctx: Context,
        files: Files = (),
        timeout: Timeout = 60,  # noqa: ASYNC109, the run is ended with all its processes
        max_chars: MaxChars = DEFAULT_CHARS,
    ) -> Annotated[CallToolResult, RunResult]:
        """Run Python code in a sandbox, to compute, or to read and change files in /workspace, the current folder.

        Variables are gone after each call, files stay. Open matplotlib figures are saved; new PNG and JPEG files come
        back as images.
        """
        return await desk.run("python", code, files, timeout, max_chars, ctx)

    @server.tool(title="Run a shell command", annotations=hints)
    async def run_shell(
        command: Annotated[str, Field(min_length=1, max_length=200_000, description="for bash, or sh without it")],
        ctx: Context,
        files: Files = (),
        timeout: Timeout = 60,  # noqa: ASYNC109, the run is ended with all its processes
        max_chars: MaxChars = DEFAULT_CHARS,
    ) -> Annotated[CallToolResult, RunResult]:
        """Run a shell command or script in a sandbox, with the programs of this machine, in /workspace.

        Only files in /workspace stay; processes left in the background end with the command.
        """
        return await desk.run("shell", command, files, timeout, max_chars, ctx)


def _offer_files(server: MCPServer, desk: Desk) -> None:
    @server.tool(title="List the files of the workspace", annotations=_READS)
    async def list_files(ctx: Context) -> Listing:
        """List the files in /workspace, where run_python and run_shell work."""
        return await desk.listing(ctx)

    @server.tool(title="Read a file of the workspace", annotations=_READS)
    async def read_file(
        path: Path, ctx: Context, max_chars: MaxChars = DEFAULT_CHARS
    ) -> Annotated[CallToolResult, FileText]:
        """Read a text file in /workspace, or look at a PNG or JPEG image there."""
        return await desk.read(path, max_chars, ctx)

    @server.tool(
        title="Write a file of the workspace",
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
        ),
    )
    async def write_file(
        path: Path, text: Annotated[str, Field(max_length=5_000_000, description="all it shall hold")], ctx: Context
    ) -> Written:
        """Write a text file in /workspace, in the place of an older one; folders are made."""
        return await desk.write(path, text, ctx)
