"""The processes behind Memento: cancelled calls end there, and no end of Memento leaves any of them behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest
from mcp.types import ElicitResult

from integration.processes import RawServer, raw_server, until
from integration.relays import SERVERS, Entry, Relay, backend, kept_in, relaying, tools_file
from toolhub.processes import all_gone, read_pids

_ENDS: dict[str, Callable[[RawServer], object]] = {
    "closed stdin": lambda server: server.process.stdin.close(),
    "SIGTERM": lambda server: server.process.send_signal(signal.SIGTERM),
    "SIGINT": lambda server: server.process.send_signal(signal.SIGINT),
    "SIGKILL": lambda server: server.process.kill(),
}


@pytest.mark.parametrize("end", _ENDS)
def test_no_end_of_memento_leaves_a_server_or_its_children_behind(tmp_path: Path, end: str) -> None:
    files = {kind: tmp_path / f"{kind}.pids" for kind in ("session", "daemon")}
    unwilling = {kind: backend("stubborn.py", file, kind) for kind, file in files.items()}
    with _raw(tmp_path, {**unwilling, "plain": backend("echo.py")}) as server:
        server.initialize()
        assert server.call("plain__echo", text="there").text == "there"
        until(lambda: all(file.exists() for file in files.values()), "the grandchildren")
        processes = set(server.process.children(recursive=True))
        for file in files.values():
            processes |= set(read_pids(file))
        assert len(processes) >= 5
        _ENDS[end](server)
        server.wait()
        all_gone(list(processes))


@pytest.mark.parametrize("end", ["closed stdin", "SIGKILL"])
def test_no_end_of_memento_in_the_middle_of_a_call_leaves_a_server_behind(tmp_path: Path, end: str) -> None:
    gate = tmp_path / "gate"
    with _raw(tmp_path, {"plain": backend("echo.py"), "sdk": backend("sdk.py")}) as server:
        server.initialize()
        server.request("tools/list")
        for i, name in enumerate(("plain", "sdk")):
            params = {"name": f"{name}__hold", "arguments": {"gate": str(gate / name)}}
            gate.mkdir(exist_ok=True)
            server.send(json.dumps({"jsonrpc": "2.0", "id": 1000 + i, "method": "tools/call", "params": params}))
        until(lambda: len(list(gate.glob("*.begun"))) == 2, "the calls")
        processes = server.process.children(recursive=True)
        _ENDS[end](server)
        server.wait()
        all_gone(processes)


def test_a_memento_that_ends_while_its_servers_are_being_connected_leaves_none_behind(tmp_path: Path) -> None:
    servers = {f"mute{i}": backend("silent.py", "everything") for i in range(3)}
    with _raw(tmp_path, servers) as server:
        server.initialize()
        processes = until(lambda: _at_least(3, _of(server.process, "silent.py")), "the servers")
        server.process.stdin.close()
        server.wait()
        all_gone(processes)


@pytest.fixture(scope="module", params=["auto", "legacy"])
def relay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """A Memento for hosts of one era, with a server for each test that needs one of its own."""
    servers = {
        "slow": backend("echo.py", timeout=900),
        "crowded": backend("echo.py", concurrency=4),
        "shaky": backend("echo.py"),
    }
    with relaying(tmp_path_factory.mktemp("lifetime"), servers, mode=request.param) as relay:
        yield relay


def test_a_cancelled_call_is_cancelled_at_the_server(relay: Relay, tmp_path: Path) -> None:
    _cancels(relay, "slow", tmp_path / "gate")


def test_many_cancelled_calls_leave_room_for_others(relay: Relay, tmp_path: Path) -> None:
    for round_ in range(3):
        gates = [tmp_path / f"gate{round_}-{i}" for i in range(12)]
        calls = [relay.begin("crowded__hold", gate=str(gate)) for gate in gates]
        until(lambda gates=gates: any(gate.with_suffix(".begun").exists() for gate in gates), "a call")
        for call in calls:
            call.cancel()
    assert relay.call("crowded__echo", text="room").text == "room"


def test_a_crashing_server_leaves_no_dead_process_behind(relay: Relay) -> None:
    relay.tools()
    before = len(_of(relay.process, "echo.py"))
    for _ in range(3):
        assert relay.attempt("shaky__crash").is_error
        until(lambda: not relay.attempt("shaky__pid").is_error, "the server's return")
    until(lambda: len(_of(relay.process, "echo.py")) == before == 3, "one process for each server")
    assert not [child for child in relay.process.children() if child.status() == psutil.STATUS_ZOMBIE]


def test_a_server_of_the_stateless_era_hears_of_a_cancelled_call_and_what_another_writes_is_kept(
    tmp_path: Path,
) -> None:
    words = "I have read 17 configuration files"
    with relaying(
        tmp_path, {"stateless": backend("sdk.py", timeout=900), "chatty": backend("plain.py", words)}
    ) as relay:
        _cancels(relay, "stateless", tmp_path / "gate")
        assert not relay.call("chatty__told").is_error
        (log,) = until(lambda: [*tmp_path.rglob("chatty.log")], "the log")
        until(lambda: words in log.read_text(encoding="utf-8"), "the line")
        assert words not in relay.stderr


def test_a_call_that_may_ask_its_host_in_the_middle_is_cancelled_at_the_server_too(tmp_path: Path) -> None:
    async def decline(*_: object) -> ElicitResult:
        return ElicitResult(action="decline")

    with relaying(
        tmp_path, {"slow": backend("echo.py", timeout=900)}, callbacks={"elicitation_callback": decline}
    ) as relay:
        _cancels(relay, "slow", tmp_path / "gate")


def _cancels(relay: Relay, server: str, gate: Path) -> None:
    held = relay.begin(f"{server}__hold", gate=str(gate))
    until(gate.with_suffix(".begun").exists, "the call")
    held.cancel()
    until(gate.with_suffix(".cancelled").exists, "the cancellation")
    assert relay.call(f"{server}__echo", text="still there").text == "still there"


def _raw(folder: Path, servers: dict[str, Entry]) -> AbstractContextManager[RawServer]:
    file = tools_file(folder, servers)
    return raw_server(folder / "bank.sqlite3", "--tools", str(file), env=kept_in(folder))


def _of(process: psutil.Process, script: str) -> list[psutil.Process]:
    found = []
    for child in process.children(recursive=True):
        try:
            if any(word.endswith(str(SERVERS / script)) for word in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue  # it ended in the meantime
    return found


def _at_least(number: int, processes: list[psutil.Process]) -> list[psutil.Process]:
    return processes if len(processes) >= number else []
