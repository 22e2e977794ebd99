"""Tool servers that are slow, silent, too loud or too long-winded: nobody else waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, as_completed
from pathlib import Path

import pytest

from integration.processes import Answer, until
from integration.relays import OWN_TOOLS, Relay, backend, relaying

_FAST = ("one", "two", "three", "four")


@pytest.fixture(scope="module", params=["auto", "legacy"])
def relay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """A Memento for hosts of one era, with servers of all kinds."""
    servers = {
        "slow": backend("echo.py", timeout=1),
        "busy": backend("echo.py", timeout=1.5),
        "wide": backend("echo.py", concurrency=64),
        "wordy": backend("echo.py"),
        "loud": backend("flooding.py"),
        **{name: backend("echo.py", concurrency=64) for name in _FAST},
    }
    with relaying(tmp_path_factory.mktemp("patience"), servers, mode=request.param) as relay:
        yield relay


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """A Memento whose servers have limits that are the same for every host."""
    servers = {
        "stateless": backend("sdk.py", timeout=1.5),
        "brief": backend("echo.py", timeout=60, maxTime=1.5),
        "narrow": backend("echo.py", concurrency=2),
        "terse": backend("echo.py", maxResult=100),
        "plain": backend("echo.py"),
    }
    with relaying(tmp_path_factory.mktemp("limited"), servers) as relay:
        yield relay


def test_a_call_that_is_never_answered_ends_at_its_time_limit_and_is_cancelled_there(
    relay: Relay, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    answer = relay.attempt("slow__hold", gate=str(gate))
    assert answer.is_error
    assert "slow" in answer.text.replace("slow__hold", "")
    until(gate.with_suffix(".cancelled").exists, "the cancellation")
    assert relay.call("slow__echo", text="still there").text == "still there"
    assert relay.state("slow")["breaker"] == "closed"  # a slow tool is not a broken server


def test_progress_keeps_a_call_alive_beyond_its_idle_limit(relay: Relay) -> None:
    assert relay.call("busy__steps", count=12, pause=0.25).text == "12 steps"


def test_progress_of_a_server_of_the_stateless_era_keeps_its_call_alive_too(limited: Relay) -> None:
    assert limited.call("stateless__steps", count=12, pause=0.25).text == "12 steps"


def test_progress_does_not_keep_a_call_alive_beyond_its_absolute_limit(limited: Relay, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    answer = limited.attempt("brief__hold", gate=str(gate), progress=True)
    assert answer.is_error
    assert "brief" in answer.text.replace("brief__hold", "")
    until(gate.with_suffix(".cancelled").exists, "the cancellation")


def test_a_server_that_is_silent_during_one_call_answers_others_meanwhile(limited: Relay, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    held = limited.begin("plain__hold", gate=str(gate))
    until(gate.with_suffix(".begun").exists, "the call")
    assert limited.call("plain__echo", text="meanwhile").text == "meanwhile"
    assert not held.done()
    gate.touch()
    assert held.result(60).text == "held"


def test_no_call_waits_for_a_slow_server_it_is_not_made_to(relay: Relay, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    slow = [relay.begin("wide__hold", gate=str(gate)) for _ in range(40)]
    fast = _begin_many(relay, 10)
    for call in as_completed(fast, 120):
        assert call.result().text == fast[call]
    assert not any(call.done() for call in slow)
    gate.touch()
    assert {call.result(60).text for call in slow} == {"held"}


def test_calls_beyond_a_servers_concurrency_wait_for_their_turn(limited: Relay, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    calls = [limited.begin("narrow__hold", gate=str(gate)) for _ in range(10)]
    until(gate.with_suffix(".begun").exists, "the first call")
    assert limited.call("plain__echo", text="unmoved").text == "unmoved"
    gate.touch()
    assert [call.result(60).text for call in calls] == ["held"] * 10
    assert limited.call("narrow__most").text == "2"


def test_fifty_megabytes_come_back_as_a_piece_and_a_link_and_block_nobody(limited: Relay) -> None:
    long = limited.portal.start_task_soon(limited.client.call_tool, "plain__huge", {"megabytes": 50})
    for i in range(20):
        assert limited.call("narrow__echo", text=str(i)).text == str(i)
    result = long.result(120)
    assert not result.is_error
    (link,) = [block for block in result.content if block.type == "resource_link"]
    assert link.uri.startswith("memento://results/")
    assert sum(len(block.text) for block in result.content if block.type == "text") < 110_000
    assert link.size in (None, 50 * 2**20)
    assert limited.call("plain__echo", text="done").text == "done"


def test_what_was_cut_off_can_be_read_whole_under_its_link(relay: Relay) -> None:
    result = relay.do(relay.client.call_tool, "wordy__huge", {"megabytes": 1})
    assert not result.is_error
    assert sum(len(block.text) for block in result.content if block.type == "text") < 110_000
    (link,) = [block for block in result.content if block.type == "resource_link"]
    (kept,) = relay.do(relay.client.read_resource, link.uri).contents
    assert kept.text == "0123456789abcdef" * 65_536


def test_a_short_result_comes_back_whole_and_an_image_unchanged(limited: Relay) -> None:
    assert limited.call("terse__echo", text="x" * 100).text == "x" * 100
    cut = limited.do(limited.client.call_tool, "terse__echo", {"text": "x" * 5000})
    assert [block.type for block in cut.content] == ["text", "resource_link"]
    (image,) = limited.do(limited.client.call_tool, "terse__image").content
    assert (image.type, image.mime_type) == ("image", "image/png")
    failed = limited.call("terse__fail", why="no such file")
    assert failed.is_error
    assert failed.text == "no such file"


def test_thousands_of_notifications_starve_nobody(relay: Relay, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    heard = _list_changes(relay)
    flood = relay.begin("loud__flood", times=2000, begun=str(begun))
    until(begun.exists, "the flood")
    for i in range(20):
        assert relay.call("one__echo", text=str(i)).text == str(i)
    assert relay.call("loud__echo", text="through the flood").text == "through the flood"
    assert list(relay.tools())[:3] == OWN_TOOLS
    assert flood.result(120).text == "drained"
    assert _list_changes(relay) - heard < 100  # nothing had changed


def _begin_many(relay: Relay, each: int) -> dict[Future[Answer], str]:
    """Begin so many calls to each fast server; what each is to answer."""
    words = [(name, f"{name} {i}") for i in range(each) for name in _FAST]
    return {relay.begin(f"{name}__echo", text=text): text for name, text in words}


def _list_changes(relay: Relay) -> int:
    """How many announcements of a changed list the host has heard."""
    return sum("ToolListChanged" in type(message).__name__ for message in relay.heard)
