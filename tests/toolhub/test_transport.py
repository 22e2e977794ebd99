"""Opening connections to downstream servers, and what is left when they close."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from mcp import Client
from mcp.types import TextContent

from memento_toolhub.config.hub import BackendConfig, Http, Stdio
from memento_toolhub.errors import HubError
from memento_toolhub.process.children import Children
from memento_toolhub.process.serverlog import tail
from memento_toolhub.process.transport import open_transport
from toolhub.processes import SERVERS, all_gone, eventually, read_pids

STUBBORN = str(SERVERS / "stubborn.py")
PLAIN = str(SERVERS / "plain.py")
SECRET = "hunter2-very-secret"
posix = pytest.mark.skipif(os.name == "nt", reason="process groups")


@pytest.fixture
def children() -> Iterator[Children]:
    """Children of this process with a guard of their own, which ends with the test."""
    own = Children()
    yield own
    own.close()


def python(*arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> BackendConfig:
    return BackendConfig(name="held", transport=Stdio(command=sys.executable, args=arguments, env=env or {}, cwd=cwd))


async def told(client: Client) -> dict[str, object]:
    """What the plain server says of itself."""
    result = await client.call_tool("told", {})
    assert isinstance(result.content[0], TextContent)
    found: dict[str, object] = json.loads(result.content[0].text)
    return found


def open_and_close(config: BackendConfig, logs: Path, chain: str = "") -> dict[str, object]:
    async def run() -> dict[str, object]:
        async with Client(open_transport(config, logs, chain=chain), mode="legacy") as client:
            return await told(client)

    return asyncio.run(run())


def failing(config: BackendConfig, logs: Path) -> str:
    """The message of the error that opening leads to."""

    async def run() -> None:
        async with open_transport(config, logs):
            pytest.fail("it was opened")

    with pytest.raises(HubError) as caught:
        asyncio.run(run())
    return str(caught.value)


def test_a_child_gets_its_folder_its_environment_and_the_chain(tmp_path: Path) -> None:
    child = open_and_close(python(PLAIN, env={"KEY": SECRET}, cwd=tmp_path), tmp_path / "logs", chain="a/b")
    assert child["cwd"] == str(tmp_path.resolve())
    assert isinstance(child["env"], dict)
    assert child["env"]["KEY"] == SECRET
    assert child["env"]["MEMENTO_CHAIN"] == "a/b"


def test_no_chain_is_told_where_there_is_none_and_nothing_else_is_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMENTO_CHAIN", "ours")
    monkeypatch.setenv("OTHER_KEY", SECRET)
    child = open_and_close(python(PLAIN), tmp_path)
    assert isinstance(child["env"], dict)
    assert not {"MEMENTO_CHAIN", "OTHER_KEY"} & child["env"].keys()


def test_the_stderr_of_a_child_goes_to_its_log_behind_a_line_with_its_pid(tmp_path: Path) -> None:
    child = open_and_close(python(PLAIN, "hello", "world"), tmp_path)
    start, *lines = tail(tmp_path, "held", 10)
    assert f"started, pid {child['pid']}," in start
    assert lines == ["hello", "world"]


def test_an_ordinary_child_is_gone_when_the_connection_is_closed(tmp_path: Path) -> None:
    child = open_and_close(python(PLAIN), tmp_path)
    assert not psutil.pid_exists(int(str(child["pid"])))


@posix
def test_nothing_of_ours_stays_open_after_many_connections(tmp_path: Path, children: Children) -> None:
    async def once() -> None:
        async with Client(open_transport(python(PLAIN), tmp_path, children=children), mode="legacy"):
            pass

    asyncio.run(once())
    own = psutil.Process()
    before = own.num_fds()
    for _ in range(3):
        asyncio.run(once())
    assert own.num_fds() == before
    assert not any(thread.name.startswith("stderr of") for thread in threading.enumerate())
    assert children.pids == []


@posix
@pytest.mark.parametrize("where", ["group", "session"])
def test_a_stubborn_child_and_its_grandchild_end_with_the_connection(
    where: str, tmp_path: Path, children: Children
) -> None:
    async def run() -> list[psutil.Process]:
        config = python(STUBBORN, str(tmp_path / "pids"), where)
        async with Client(open_transport(config, tmp_path, children=children), mode="legacy"):
            processes = read_pids(tmp_path / "pids")
            assert children.pids == [processes[0].pid]
            return processes

    all_gone(asyncio.run(run()))


@posix
@pytest.mark.parametrize("where", ["group", "session", "daemon"])
def test_a_grandchild_left_behind_by_a_child_that_ended_well_is_ended(
    where: str, tmp_path: Path, children: Children
) -> None:
    async def run() -> list[psutil.Process]:
        config = python(STUBBORN, str(tmp_path / "pids"), "leave", where)
        async with Client(open_transport(config, tmp_path, children=children), mode="legacy"):
            return read_pids(tmp_path / "pids")

    all_gone(asyncio.run(run()))


@posix
def test_a_cancelled_task_leaves_nothing_behind(tmp_path: Path, children: Children) -> None:
    async def hold() -> None:
        config = python(STUBBORN, str(tmp_path / "pids"), "session")
        async with Client(open_transport(config, tmp_path, children=children), mode="legacy"):
            await asyncio.Event().wait()

    async def run() -> list[psutil.Process]:
        task = asyncio.create_task(hold())
        processes = await asyncio.to_thread(read_pids, tmp_path / "pids")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return processes

    all_gone(asyncio.run(run()))


@posix
def test_tasks_cancelled_while_their_children_start_leave_nothing_behind(tmp_path: Path) -> None:
    marker = str(tmp_path / "pids")

    async def hold(children: Children) -> None:
        async with open_transport(python(STUBBORN, marker), tmp_path, children=children):
            await asyncio.Event().wait()

    async def run(owners: list[Children]) -> None:
        tasks = [asyncio.create_task(hold(children)) for children in owners]
        for task in tasks[:-1]:
            await asyncio.sleep(0.01)
            task.cancel()
        await asyncio.to_thread(read_pids, tmp_path / "pids")
        tasks[-1].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results), results

    def left() -> list[psutil.Process]:
        found = psutil.process_iter(["cmdline"])
        return [process for process in found if marker in (process.info["cmdline"] or [])]

    owners = [Children() for _ in range(8)]
    asyncio.run(run(owners))
    eventually(lambda: not left(), "a child of a cancelled start is still there")
    for children in owners:
        children.close()


def test_many_children_started_at_once_are_told_from_each_other(tmp_path: Path, children: Children) -> None:
    async def one(number: int) -> int:
        config = BackendConfig(name=f"s{number}", transport=Stdio(command=sys.executable, args=(PLAIN,)))
        async with Client(open_transport(config, tmp_path, children=children), mode="legacy") as client:
            pid = int(str((await told(client))["pid"]))
        assert f"pid {pid}," in tail(tmp_path, f"s{number}", 1)[0]
        return pid

    async def run() -> list[int]:
        return await asyncio.gather(*map(one, range(5)))

    assert len(set(asyncio.run(run()))) == 5


def test_a_missing_command_is_named_without_its_environment(tmp_path: Path) -> None:
    transport = Stdio(command="no-such-tool", args=(SECRET,), env={"KEY": SECRET})
    message = failing(BackendConfig(name="files", transport=transport), tmp_path)
    assert message.startswith("files: command 'no-such-tool' was not found; ")
    assert SECRET not in message


@posix
def test_a_command_that_may_not_be_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    config = BackendConfig(name="files", transport=Stdio(command=str(tmp_path / "tool")))
    assert "may not be run" in failing(config, tmp_path)


def test_an_argument_that_no_process_can_have_is_an_error_in_words(tmp_path: Path) -> None:
    message = failing(python("a\0b", env={"KEY": SECRET}), tmp_path)
    assert "NUL" in message
    assert SECRET not in message


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    message = failing(python(PLAIN, cwd=tmp_path / "gone"), tmp_path)
    assert message == f"held: its working directory {tmp_path / 'gone'} is not there; make it or correct cwd"


def test_a_log_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    assert failing(python(PLAIN), tmp_path / "logs").startswith(f"held: its log folder {tmp_path / 'logs'} cannot be")


@pytest.mark.parametrize("url", ["ftp://host/mcp", "host/mcp", "http://", "http://host:port/mcp"])
def test_a_url_that_cannot_be_used_is_an_error_in_words(url: str, tmp_path: Path) -> None:
    config = BackendConfig(name="remote", transport=Http(url=url, headers={"Authorization": SECRET}))
    assert failing(config, tmp_path).startswith("remote: its URL cannot be")


def test_a_header_that_cannot_be_sent_is_not_shown(tmp_path: Path) -> None:
    transport = Http(url="http://127.0.0.1/mcp", headers={"Authorization": f"{SECRET}…"})
    message = failing(BackendConfig(name="remote", transport=transport), tmp_path)
    assert message.startswith("remote: its headers cannot be sent")
    assert SECRET not in message


def test_an_entry_with_a_problem_says_it(tmp_path: Path) -> None:
    config = BackendConfig(name="odd", transport=None, problem="has no command; give it one")
    assert failing(config, tmp_path) == "odd: has no command; give it one"
