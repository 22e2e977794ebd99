"""Memento over streamable HTTP with servers behind it: several hosts of both eras at once."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from mcp import Client
from mcp.client import advertise

from integration.processes import PATIENCE_S, answer_of, serve_command, until
from integration.relays import OWN_TOOLS, Entry, attempt, backend, change_announced, free_port, kept_in, tools_file
from toolhub.processes import all_gone


@contextmanager
def _served(folder: Path, servers: dict[str, Entry]) -> Iterator[tuple[psutil.Popen, str]]:
    """Memento over HTTP: its process and its URL."""
    port = free_port()
    command = [*serve_command(folder / "bank.sqlite3"), "--http", "--port", str(port)]
    log = folder / "stderr.txt"
    with log.open("w", encoding="utf-8") as errors:
        process = psutil.Popen(
            [*command, "--tools", str(tools_file(folder, servers))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**psutil.Process().environ(), **kept_in(folder)},
        )
    try:
        until(lambda: _listens(process, port), "the port")
        yield process, f"http://127.0.0.1:{port}/mcp"
    finally:
        if process.is_running():
            process.kill()
        process.wait()


def _listens(process: psutil.Popen, port: int) -> bool:
    assert process.poll() is None, "Memento ended"
    return any(c.laddr.port == port and c.status == psutil.CONN_LISTEN for c in process.net_connections("tcp"))


def _client(url: str, mode: str, heard: list[Any] | None = None) -> Client:
    async def hear(message: Any) -> None:
        if heard is not None:
            heard.append(type(message).__name__)

    return Client(url, mode=mode, cache=None, read_timeout_seconds=PATIENCE_S, message_handler=hear)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Memento over HTTP with a server for each test that needs one of its own."""
    folder = tmp_path_factory.mktemp("http")
    echoing = {name: backend("echo.py") for name in ("shaky", "sound", "slow")}
    with _served(folder, {"growing": backend("changing.py", folder / "description.txt"), **echoing}) as (_, url):
        yield url


def test_hosts_of_both_eras_at_once_hear_that_a_server_has_added_a_tool(url: str) -> None:
    async def work() -> None:
        heard: list[str] = []
        async with _client(url, "legacy", heard) as old, _client(url, "auto") as new:
            for host in (old, new):
                assert (await _names(host))[:3] == OWN_TOOLS

            async def grow() -> None:
                await new.call_tool("growing__grow", {})

            with anyio.fail_after(PATIENCE_S):
                assert await change_announced(new, grow) == "ToolsListChanged"
                assert "growing__added" in await _names(new)
                await old.call_tool("growing__grow", {})  # each era has a server process of its own
                while "ToolListChangedNotification" not in heard or "growing__added" not in await _names(old):
                    await anyio.sleep(0.02)

    anyio.run(work)


async def _names(host: Client) -> list[str]:
    return [tool.name for tool in (await host.list_tools()).tools]


def test_hosts_of_ever_new_kinds_do_not_make_ever_more_server_processes(tmp_path: Path) -> None:
    async def work(url: str, memento: psutil.Process) -> None:
        for kind in range(12):
            extension = advertise("org.example/kind", {"number": kind})
            async with Client(url, cache=None, read_timeout_seconds=PATIENCE_S, extensions=[extension]) as host:
                assert "sound__echo" in await _names(host)
                answer = answer_of(await host.call_tool("sound__echo", {"text": f"kind {kind}"}))
                assert (answer.is_error, answer.text) == (False, f"kind {kind}")
        with anyio.fail_after(PATIENCE_S):
            while sum("echo.py" in " ".join(child.cmdline()) for child in memento.children()) > 8:
                await anyio.sleep(0.05)

    with _served(tmp_path, {"sound": backend("echo.py")}) as (process, url):
        anyio.run(work, url, process)


def test_hosts_keep_working_while_one_of_them_crashes_a_server(url: str) -> None:
    async def echo(host: Client, i: int) -> str:
        return answer_of(await host.call_tool("sound__echo", {"text": str(i)})).text

    async def work() -> None:
        async with _client(url, "legacy") as old, _client(url, "auto") as new:
            calls = [asyncio.create_task(echo(host, i)) for i in range(25) for host in (old, new)]
            assert (await attempt(new, "shaky__crash", {})).is_error
            assert sorted(await asyncio.gather(*calls)) == sorted(str(i) for i in range(25) for _ in "ab")

    anyio.run(work)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_host_that_goes_away_in_the_middle_of_a_call_cancels_it_at_the_server(
    url: str, tmp_path: Path, mode: str
) -> None:
    gate = tmp_path / "gate"

    async def work() -> None:
        async with _client(url, mode) as host:
            call = asyncio.create_task(host.call_tool("slow__hold", {"gate": str(gate)}))
            while not gate.with_suffix(".begun").exists():
                await anyio.sleep(0.02)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    anyio.run(work)
    until(gate.with_suffix(".cancelled").exists, "the cancellation")


def test_hosts_keep_their_plans_apart(url: str) -> None:
    async def plan(host: Client, task: str) -> str:
        return str(answer_of(await host.call_tool("plan_with_memory", {"task": task})).structured["plan_id"])

    async def texts(host: Client, plan_id: str) -> list[str]:
        content = (await host.read_resource(f"memento://episodes/{plan_id}")).contents[0]
        return [json.loads(call["arguments"])["text"] for call in json.loads(content.text)["trace"]]  # type: ignore[union-attr]

    async def work() -> None:
        async with _client(url, "legacy") as one, _client(url, "legacy") as two:
            plans = [await plan(one, "Sing the first voice"), await plan(two, "Sing the second voice")]
            for text, host in (("a", one), ("b", two), ("c", one)):
                await host.call_tool("sound__echo", {"text": text})
            for host, plan_id in zip((one, two), plans, strict=True):
                await host.call_tool("record_outcome", {"outcome": "success", "plan_id": plan_id})
            assert [await texts(one, plan_id) for plan_id in plans] == [["a", "c"], ["b"]]

    anyio.run(work)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_no_end_of_memento_over_http_leaves_a_server_behind(tmp_path: Path, end: signal.Signals) -> None:
    async def use(url: str) -> None:
        for mode in ("auto", "legacy"):
            async with _client(url, mode) as host:
                assert not answer_of(await host.call_tool("plain__echo", {"text": "there"})).is_error

    servers = {"plain": backend("echo.py"), "unwilling": backend("stubborn.py", tmp_path / "pids", "session")}
    with _served(tmp_path, servers) as (process, url):
        anyio.run(use, url)
        children = process.children(recursive=True)
        assert children
        process.send_signal(end)
        process.wait(30)
        all_gone(children)
