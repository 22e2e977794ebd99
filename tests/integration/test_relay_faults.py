"""Tool servers that crash, are dead, or talk nonsense: each is an error of its own calls and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.processes import Answer, until
from integration.relays import OWN_TOOLS, SERVERS, Relay, backend, free_port, relaying

_ECHO_TOOLS = ["echo", "add", "image", "fail", "hold", "steps", "huge", "most", "pid", "crash"]
_BROKEN = {
    "absent": {"command": "no-such-command-anywhere"},
    "stillborn": backend("crashing.py", "start", "never"),
    "fainting": backend("crashing.py", "initialize", "never"),
    "fragile": backend("crashing.py", "listing", "never"),
    "deaf": backend("silent.py", "everything", connectTimeout=2),
    "mute": backend("silent.py", "initialize", connectTimeout=2),
    "secretive": backend("silent.py", "listing", connectTimeout=2),
    "babbling": backend("garbage.py", "initialize", connectTimeout=2),
    "raving": backend("garbage.py", "listing"),
    "unreachable": {"type": "http", "url": "http://127.0.0.1:9/mcp"},
}

Bad = tuple[Relay, Path, int]


@pytest.fixture(scope="module", params=["auto", "legacy"])
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """Two sound servers, before and after every broken one, and one that crashes when it is told to."""
    servers = {"first": backend("echo.py"), **_BROKEN, "last": backend("echo.py"), "shaky": backend("echo.py")}
    with relaying(tmp_path_factory.mktemp("company"), servers, mode=request.param) as relay:
        yield relay


@pytest.fixture(scope="module")
def bad_company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bad]:
    """Servers with faults that are the same for every host; what repairs one of them, and the port of another."""
    folder = tmp_path_factory.mktemp("faults")
    repaired, port = folder / "repaired", free_port()
    servers = {
        "noise": backend("garbage.py", "noise"),
        "bytes": backend("garbage.py", "bytes"),
        "mad": backend("garbage.py", "results", timeout=2),
        "frail": backend("crashing.py", "start", repaired),
        "remote": {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"},
        "stateless": backend("sdk.py"),
        "sound": backend("echo.py"),
    }
    repaired.touch()
    with relaying(folder, servers) as relay:
        yield relay, repaired, port


def test_what_the_sound_servers_offer_is_listed_in_order_whatever_is_wrong_with_the_others(company: Relay) -> None:
    sound = [f"{server}__{tool}" for server in ("first", "last") for tool in _ECHO_TOOLS]
    assert [tool for tool in company.tools() if not tool.startswith("shaky")] == OWN_TOOLS + sound


@pytest.mark.parametrize("name", _BROKEN)
def test_a_call_to_a_broken_server_is_an_error_that_names_it(company: Relay, name: str) -> None:
    _is_blamed(company.attempt(f"{name}__echo", text="anyone there?"), name, f"{name}__echo")
    assert company.ok("first__add", a=1, b=2) == {"sum": 3}


@pytest.mark.parametrize("name", _BROKEN)
def test_the_servers_resource_says_what_is_wrong_with_a_broken_server(company: Relay, name: str) -> None:
    company.tools()
    state = company.state(name)
    assert state["error"]
    assert not state["tools"]


def test_the_servers_resource_has_no_complaint_about_a_sound_server(company: Relay) -> None:
    company.tools()
    state = company.state("last")
    assert not state["error"]
    assert state["breaker"] == "closed"
    assert state["tools"] in (len(_ECHO_TOOLS), _ECHO_TOOLS)


def test_a_server_that_crashes_during_a_call_fails_its_own_calls_and_is_started_anew_for_the_next(
    company: Relay, tmp_path: Path
) -> None:
    _fails_its_own_calls_alone(company, "shaky", "first", tmp_path)


def test_a_server_of_the_stateless_era_that_crashes_fails_its_own_calls_alone_too(
    bad_company: Bad, tmp_path: Path
) -> None:
    _fails_its_own_calls_alone(bad_company[0], "stateless", "sound", tmp_path)


def _fails_its_own_calls_alone(relay: Relay, shaky: str, sound: str, folder: Path) -> None:
    gate = folder / "gate"
    before = _answered(relay, f"{shaky}__pid").text
    elsewhere = relay.begin(f"{sound}__hold", gate=str(gate))
    held = [relay.begin(f"{shaky}__hold", gate=str(folder / f"held{i}")) for i in range(8)]
    until(lambda: all((folder / f"held{i}.begun").exists() for i in range(8)), "the calls")
    _is_blamed(relay.attempt(f"{shaky}__crash"), shaky, f"{shaky}__crash")
    for call in held:
        _is_blamed(call.result(60), shaky, f"{shaky}__hold")
    assert relay.state(shaky)["breaker"] == "closed"  # one lost connection is one failure
    assert relay.call(f"{sound}__echo", text="unmoved").text == "unmoved"
    gate.touch()
    assert elsewhere.result(60).text == "held"
    assert _answered(relay, f"{shaky}__pid").text != before


def test_a_server_killed_between_two_calls_is_started_anew_for_a_later_one(company: Relay) -> None:
    before = int(_answered(company, "shaky__pid").text)
    os.kill(before, signal.SIGKILL)
    assert int(_answered(company, "shaky__pid").text) != before


def test_a_http_server_that_goes_away_during_a_call_is_connected_to_again_when_it_is_back(bad_company: Bad) -> None:
    relay, _, port = bad_company
    server = _serve_http(port)
    try:
        assert _answered(relay, "remote__echo", text="there").text == "there"
        _is_blamed(relay.attempt("remote__crash"), "remote", "remote__crash")
        server.wait()
        _is_blamed(relay.attempt("remote__echo", text="gone"), "remote", "remote__echo")
        assert relay.call("sound__echo", text="unmoved").text == "unmoved"
        server = _serve_http(port)
        assert _answered(relay, "remote__echo", text="back").text == "back"
    finally:
        server.kill()
        server.wait()


def test_a_server_that_keeps_failing_is_left_alone_and_taken_back_when_it_is_repaired(bad_company: Bad) -> None:
    relay, repaired, _ = bad_company
    assert relay.call("frail__echo", text="well").text == "well"
    repaired.unlink()
    assert relay.attempt("frail__crash").is_error
    broken = until(lambda: _refused_by_the_breaker(relay), "the breaker")
    _is_blamed(broken, "frail", "frail__echo")
    assert not [tool for tool in relay.tools() if tool.startswith("frail")]
    repaired.touch()
    assert _answered(relay, "frail__echo", text="well again").text == "well again"
    state = relay.state("frail")
    assert state["breaker"] == "closed"
    assert not state["error"]
    assert "frail__echo" in relay.tools()


@pytest.mark.parametrize("about", ["noise", "bytes"])
def test_noise_between_the_messages_of_a_server_is_skipped(bad_company: Bad, about: str) -> None:
    relay, _, _ = bad_company
    assert [tool for tool in relay.tools() if tool.startswith(about)] == [f"{about}__echo", f"{about}__nonsense"]
    assert relay.call(f"{about}__echo", text="heard all the same").text == "heard all the same"
    assert "Traceback" not in relay.stderr


def test_a_result_no_client_could_read_is_an_error_that_names_the_server(bad_company: Bad) -> None:
    relay, _, _ = bad_company
    kinds = ["a number", "a text", "content that is no list", "an unknown block", "a block without text"]
    for kind in [*kinds, "nested too deep"]:
        _is_blamed(relay.attempt("mad__nonsense", kind=kind), "mad", "mad__nonsense")
        assert relay.call("mad__echo", text=kind).text == kind
    assert relay.state("mad")["breaker"] == "closed"


def _is_blamed(answer: Answer, server: str, tool: str) -> None:
    assert answer.is_error
    assert server in answer.text.replace(tool, ""), answer.text


def _answered(relay: Relay, tool: str, **arguments: object) -> Answer:
    """The first answer that is no error, for a server that may be on its way back."""

    def good() -> Answer | None:
        answer = relay.attempt(tool, **arguments)
        return None if answer.is_error else answer

    answer = until(good, f"an answer from {tool}")
    assert answer is not None
    return answer


def _refused_by_the_breaker(relay: Relay) -> Answer | None:
    """The answer of a call that was refused because the server keeps failing."""
    answer = relay.attempt("frail__echo", text="anyone there?")
    return answer if relay.state("frail")["breaker"] == "open" and "circuit is open" in answer.text else None


def _serve_http(port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SERVERS / "sdk.py"), str(port)], stderr=subprocess.DEVNULL)
