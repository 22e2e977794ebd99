"""Memento behind Memento: chains work, and loops are found out and refused."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from mcp import Client

from integration.processes import PATIENCE_S, answer_of, serve_command, until
from integration.relays import OWN_TOOLS, Entry, Relay, backend, free_port, kept_in, relaying, tools_file

LEGAL = re.compile(r"[A-Za-z0-9_-]{1,40}")


def memento_entry(folder: Path, servers: Mapping[str, Entry]) -> Entry:
    """The entry of a Memento that has servers of its own behind it."""
    folder.mkdir()
    command = [*serve_command(folder / "bank.sqlite3"), "--tools", str(tools_file(folder, servers))]
    return {"command": command[0], "args": command[1:], "env": kept_in(folder)}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """A Memento behind a Memento, with two servers behind the inner one."""
    folder = tmp_path_factory.mktemp("chain")
    servers = {"sound": backend("echo.py"), "both-eras-and-a-long-name": backend("sdk.py")}
    with relaying(folder, {"inner": memento_entry(folder / "inner", servers)}) as relay:
        until(lambda: len(relay.tools()) > 12, "the servers behind the inner Memento")
        yield relay


def named(relay: Relay, *parts: str) -> str:
    """The one tool whose name has all these parts."""
    (found,) = [name for name in relay.tools() if all(part in name for part in parts)]
    return found


def test_own_tools_come_first_and_every_name_is_short_and_legal(chain: Relay) -> None:
    names = list(chain.tools())
    assert names[:3] == OWN_TOOLS
    assert len(set(names)) == len(names)
    assert [name for name in names if not LEGAL.fullmatch(name)] == []
    assert list(chain.tools()) == names


def test_calls_and_results_pass_both(chain: Relay) -> None:
    assert chain.call(named(chain, "sound__echo"), text="there and back").text == "there and back"
    assert chain.ok(named(chain, "sound__add"), a=2, b=3) == {"sum": 5}
    failed = chain.call(named(chain, "sound__fail"), why="no sheep")
    assert (failed.is_error, failed.text) == (True, "no sheep")


@pytest.mark.parametrize("server", ["sound", "both-eras"])
def test_progress_passes_both(chain: Relay, server: str) -> None:
    heard: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    tool = named(chain, server, "steps")

    async def call() -> Any:
        return await chain.client.call_tool(tool, {"count": 3, "pause": 0.01}, progress_callback=note)

    assert answer_of(chain.do(call)).text == "3 steps"
    until(lambda: heard == [1, 2, 3], "progress")


def test_the_memory_of_the_inner_one_is_a_tool_like_any_other(chain: Relay) -> None:
    inner = chain.ok("inner__plan_with_memory", task="Count the sheep of the inner meadow")["plan_id"]
    outer = chain.ok("plan_with_memory", task="Count the sheep of the outer meadow")["plan_id"]
    outcome = {"outcome": "success", "plan": "1. Count"}
    assert "there is no episode" in chain.call("record_outcome", plan_id=inner, **outcome).text
    assert chain.ok("inner__record_outcome", plan_id=inner, **outcome)["status"] == "retained"
    assert chain.ok("record_outcome", plan_id=outer, **outcome)["status"] == "retained"


def test_both_keep_the_trace_of_what_passed_through_them(chain: Relay) -> None:
    plan_id = chain.ok("plan_with_memory", task="Echo once")["plan_id"]
    chain.call(named(chain, "sound__echo"), text="traced")

    def calls() -> list[dict[str, Any]]:
        return list(chain.read(f"memento://episodes/{plan_id}")["trace"])

    (call,) = until(calls, "the trace")
    assert (call["server"], json.loads(call["arguments"])) == ("inner", {"text": "traced"})


def test_a_file_that_starts_memento_with_itself_is_a_loop_and_grows_no_tree(tmp_path: Path) -> None:
    own = serve_command(tmp_path / "bank.sqlite3")
    itself = {"command": own[0], "args": [*own[1:], "--tools", str(tmp_path / "tools.json")], "env": kept_in(tmp_path)}
    with relaying(tmp_path, {"itself": itself, "sound": backend("echo.py")}) as relay:
        for _ in range(3):
            names = list(relay.tools())
            assert names[:3] == OWN_TOOLS
            assert "sound__echo" in names
            assert not [name for name in names if name.startswith("itself")]
            assert _started_with(tmp_path / "tools.json") <= 2
        until(lambda: "loop" in relay.state("itself")["error"], "the loop to be reported")


def _started_with(file: Path) -> int:
    """How many processes below this one were started with a tools file."""
    return sum(_names(process, str(file)) for process in psutil.Process().children(recursive=True))


def _names(process: psutil.Process, argument: str) -> bool:
    try:
        return argument in process.cmdline()
    except psutil.NoSuchProcess:
        return False


@contextmanager
def ring(folder: Path, size: int) -> Iterator[list[str]]:
    """So many Mementos over HTTP, each with the next behind it and the first behind the last: their URLs."""
    ports = [free_port() for _ in range(size)]
    urls = [f"http://127.0.0.1:{port}/mcp" for port in ports]
    processes = []
    try:
        for number, port in enumerate(ports):
            own = folder / str(number)
            own.mkdir()
            tools = tools_file(own, {"next": {"type": "http", "url": urls[(number + 1) % size]}})
            command = [*serve_command(own / "bank.sqlite3"), "--http", "--port", str(port), "--tools", str(tools)]
            with (own / "stderr.txt").open("w", encoding="utf-8") as log:
                environment = {**psutil.Process().environ(), **kept_in(own)}
                processes.append(psutil.Popen(command, stdin=subprocess.DEVNULL, stderr=log, env=environment))
        until(lambda: all(map(_listens, processes)), "all ports")
        yield urls
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _listens(process: psutil.Popen) -> bool:
    assert process.poll() is None, "a Memento ended"
    return any(connection.status == psutil.CONN_LISTEN for connection in process.net_connections("tcp"))


async def told(url: str, mode: str) -> tuple[list[str], dict[str, Any]]:
    """The tools of a Memento, and what it says of the one behind it."""
    async with Client(url, mode=mode, cache=None, read_timeout_seconds=PATIENCE_S) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        found = json.loads((await client.read_resource("memento://servers")).contents[0].text)  # type: ignore[union-attr]
        return names, found["servers"][0]


@pytest.mark.parametrize(("size", "modes"), [(1, ["auto"] * 3), (3, ["auto", "legacy", "auto", "legacy"])])
def test_mementos_that_name_each_other_in_a_ring_list_each_once_and_nothing_grows(
    tmp_path: Path, size: int, modes: Sequence[str]
) -> None:
    once = [*OWN_TOOLS, *[f"{'next__' * deep}{tool}" for deep in range(1, size) for tool in OWN_TOOLS]]

    async def rounds(urls: Sequence[str]) -> None:
        errors = dict.fromkeys(modes, "")
        for mode in modes:
            for url in urls:
                with anyio.fail_after(PATIENCE_S):  # a server that was not there yet is listed when it is
                    while (known := await told(url, mode))[0] != once:
                        await anyio.sleep(0.2)
                errors[mode] += known[1]["error"]
        assert all("loop" in error for error in errors.values())

    with ring(tmp_path, size) as urls:
        anyio.run(rounds, urls)
    assert "loop" in "".join(log.read_text(encoding="utf-8") for log in tmp_path.glob("*/stderr.txt"))
