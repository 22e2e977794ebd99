"""Nothing outlives its run: not when it is cancelled, nor when the server is killed; and no sandbox means no run."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio
import mcp
import pytest
from mcp import StdioServerParameters
from mcp.shared.exceptions import MCPError

from bundled.code.sandboxed import Caller, needs_sandbox, options, running, with_server
from memento_toolhub.servers.code import finding
from memento_toolhub.servers.code.finding import NoSandbox
from memento_toolhub.servers.code.server import build

SERVER = (
    "import sys\nfrom pathlib import Path\n"
    "from memento_toolhub.servers.code.server import build\n"
    "from memento_toolhub.servers.kit.options import Options\nfrom memento_toolhub.servers.kit.roots import Roots\n"
    "build(Options(Roots(()), Path(sys.argv[1]))).run('stdio')"
)


async def until(words: str, *, there: bool) -> list[int]:
    """The processes whose command line holds some words, once there are any, or none."""
    with anyio.fail_after(20):
        while bool(found := running(words)) != there:
            await anyio.sleep(0.02)
    return found


@needs_sandbox
def test_a_cancelled_run_is_gone_with_all_its_processes(tmp_path: Path) -> None:
    async def ask(caller: Caller) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(caller.shell, "setsid sleep 4721 & setsid setsid sleep 4721 & sleep 4721", 60)
            await until("sleep 4721", there=True)
            tasks.cancel_scope.cancel()
        await until("sleep 4721", there=False)

    with_server(tmp_path, ask)


@needs_sandbox
def test_when_the_server_is_killed_everything_in_the_sandbox_is(tmp_path: Path) -> None:
    async def main() -> None:
        server = StdioServerParameters(
            command=sys.executable, args=["-c", SERVER, str(tmp_path)], env={"HOME": str(tmp_path), "PATH": os.defpath}
        )
        with anyio.move_on_after(30) as gone:
            async with mcp.Client(server) as client, anyio.create_task_group() as tasks:
                caller = Caller(client)
                assert (await caller.python("1 + 1"))["stdout"] == "2\n"

                async def doomed() -> None:
                    with pytest.raises(MCPError):
                        await caller.shell("trap '' TERM HUP; setsid sleep 4722 & sleep 4722", 60)

                tasks.start_soon(doomed)
                await until("sleep 4722", there=True)
                (pid,) = running(f"-c {SERVER[:30]}")
                os.kill(pid, signal.SIGKILL)
                await until("sleep 4722", there=False)
                gone.cancel()

    anyio.run(main)
    assert not running("sleep 4722")


@needs_sandbox
def test_runs_of_one_plan_take_turns_and_those_of_others_do_not_wait_for_them(tmp_path: Path) -> None:
    async def ask(caller: Caller) -> None:
        async with anyio.create_task_group() as tasks:
            waits = "touch here; for i in $(seq 500); do [ -e go ] && exit 5; sleep 0.02; done"
            ended: list[object] = []

            async def run(command: str, plan: str) -> None:
                ended.append((plan, (await caller("run_shell", plan, command=command))["exit_code"]))

            tasks.start_soon(run, waits, "slow")
            while not [file for file in (await caller("list_files", "slow"))["files"] if file["name"] == "here"]:
                await anyio.sleep(0.02)
            tasks.start_soon(run, "exit 6", "slow")
            await run("exit 7", "quick")
            assert ended == [("quick", 7)]
            await caller("write_file", "slow", path="go", text="")
        assert ended == [("quick", 7), ("slow", 5), ("slow", 6)]

    with_server(tmp_path, ask)


def test_without_a_sandbox_nothing_is_offered_and_the_reason_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        server = build(options(tmp_path), sandbox=NoSandbox("user namespaces are off", "turn them on"))
        async with mcp.Client(server) as client:
            assert (await client.list_tools()).tools == []
            told = client.instructions or ""
            assert "user namespaces are off" in told
            assert "turn them on" in told

    anyio.run(main)


def test_a_bubblewrap_that_does_not_work_is_found_out(tmp_path: Path) -> None:
    refusals = {}
    for name, script in {
        "fails": "echo 'bwrap: No permissions to create new namespace' >&2; exit 1",
        "pretends": "echo sandboxed",
        "old": "echo 'bwrap: Unknown option --disable-userns' >&2; exit 1",
    }.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        refusals[name] = finding._refusal(program)
    refusals["missing"] = finding._refusal(tmp_path / "missing")
    assert refusals["fails"] == "bwrap: No permissions to create new namespace"
    assert refusals["old"] == "bwrap: Unknown option --disable-userns"
    assert refusals["pretends"] == "its processes cannot be seen in /proc"
    assert "No such file" in str(refusals["missing"])


@needs_sandbox
def test_needs_say_which_sandbox_there_is() -> None:
    from memento_toolhub.servers.code.needs import needs

    (closed,) = needs({})
    (opened,) = needs({"MEMENTO_CODE_NETWORK": "on"})
    assert closed.ok
    assert closed.found.endswith("bwrap, without network")
    assert opened.found.endswith("bwrap, with network")


@needs_sandbox
def test_hints_are_true_to_what_the_tools_do(tmp_path: Path) -> None:
    async def main() -> None:
        async with mcp.Client(build(options(tmp_path))) as client:
            hints = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
        assert set(hints) == {"run_python", "run_shell", "list_files", "read_file", "write_file", "read_more"}
        read_only = {name for name, hint in hints.items() if hint and hint.read_only_hint}
        assert read_only == {"list_files", "read_file", "read_more"}
        assert not any(hint and hint.open_world_hint for hint in hints.values())

    anyio.run(main)
