"""Tool servers that are slow, silent, too loud or too long-winded: nobody else waits for them."""

from __future__ import annotations

from concurrent.futures import Future, as_completed
from pathlib import Path

import pytest

from integration.processes import Answer, until
from integration.relays import OWN_TOOLS, Relay, backend, relaying

_SCRIPTS = ["echo.py", "sdk.py"]
_MODES = ["auto", "legacy"]


@pytest.mark.parametrize("mode", _MODES)
def test_a_call_that_is_never_answered_ends_at_its_time_limit_and_is_cancelled_there(tmp_path: Path, mode: str) -> None:
    gate = tmp_path / "gate"
    with relaying(tmp_path, {"slow": backend("echo.py", timeout=1), "sound": backend("echo.py")}, mode=mode) as relay:
        answer = relay.attempt("slow__hold", gate=str(gate))
        assert answer.is_error
        assert "slow" in answer.text.replace("slow__hold", "")
        until(gate.with_suffix(".cancelled").exists, "the cancellation")
        assert relay.call("slow__echo", text="still there").text == "still there"
        assert relay.state("slow")["breaker"] == "closed"  # a slow tool is not a broken server


@pytest.mark.parametrize("script", _SCRIPTS)
@pytest.mark.parametrize("mode", _MODES)
def test_progress_keeps_a_call_alive_beyond_its_idle_limit(tmp_path: Path, mode: str, script: str) -> None:
    with relaying(tmp_path, {"busy": backend(script, timeout=1.5)}, mode=mode) as relay:
        assert relay.call("busy__steps", count=12, pause=0.25).text == "12 steps"


def test_progress_does_not_keep_a_call_alive_beyond_its_absolute_limit(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with relaying(tmp_path, {"busy": backend("echo.py", timeout=60, maxTime=1.5)}) as relay:
        answer = relay.attempt("busy__hold", gate=str(gate), progress=True)
        assert answer.is_error
        assert "busy" in answer.text.replace("busy__hold", "")
        until(gate.with_suffix(".cancelled").exists, "the cancellation")


def test_a_server_that_is_silent_during_one_call_answers_others_meanwhile(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with relaying(tmp_path, {"slow": backend("echo.py")}) as relay:
        held = relay.begin("slow__hold", gate=str(gate))
        until(gate.with_suffix(".begun").exists, "the call")
        assert relay.call("slow__echo", text="meanwhile").text == "meanwhile"
        assert not held.done()
        gate.touch()
        assert held.result(60).text == "held"


@pytest.mark.parametrize("mode", _MODES)
def test_no_call_waits_for_a_slow_server_it_is_not_made_to(tmp_path: Path, mode: str) -> None:
    servers = {name: backend("echo.py", concurrency=64) for name in ("one", "two", "three", "four", "slow")}
    gate = tmp_path / "gate"
    with relaying(tmp_path, servers, mode=mode) as relay:
        slow = [relay.begin("slow__hold", gate=str(gate)) for _ in range(40)]
        fast = _begin_many(relay, ["one", "two", "three", "four"], 40)
        for call in as_completed(fast, 120):
            assert call.result().text == fast[call]
        assert not any(call.done() for call in slow)
        gate.touch()
        assert {call.result(60).text for call in slow} == {"held"}


def test_calls_beyond_a_servers_concurrency_wait_for_their_turn(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with relaying(tmp_path, {"narrow": backend("echo.py", concurrency=2), "sound": backend("echo.py")}) as relay:
        calls = [relay.begin("narrow__hold", gate=str(gate)) for _ in range(10)]
        until(gate.with_suffix(".begun").exists, "the first call")
        assert relay.call("sound__echo", text="unmoved").text == "unmoved"
        gate.touch()
        assert [call.result(60).text for call in calls] == ["held"] * 10
        assert relay.call("narrow__most").text == "2"


@pytest.mark.parametrize("mode", _MODES)
def test_fifty_megabytes_come_back_as_a_piece_and_a_link_and_block_nobody(tmp_path: Path, mode: str) -> None:
    with relaying(tmp_path, {"wordy": backend("echo.py"), "sound": backend("echo.py")}, mode=mode) as relay:
        long = relay.portal.start_task_soon(relay.client.call_tool, "wordy__huge", {"megabytes": 50})
        for i in range(20):
            assert relay.call("sound__echo", text=str(i)).text == str(i)
        result = long.result(120)
        assert not result.is_error
        (link,) = [block for block in result.content if block.type == "resource_link"]
        assert link.uri.startswith("memento://results/")
        assert sum(len(block.text) for block in result.content if block.type == "text") < 110_000
        assert link.size in (None, 50 * 2**20)
        assert relay.call("wordy__echo", text="done").text == "done"


@pytest.mark.parametrize("mode", _MODES)
def test_what_was_cut_off_can_be_read_whole_under_its_link(tmp_path: Path, mode: str) -> None:
    with relaying(tmp_path, {"wordy": backend("echo.py")}, mode=mode) as relay:
        result = relay.do(relay.client.call_tool, "wordy__huge", {"megabytes": 1})
        (link,) = [block for block in result.content if block.type == "resource_link"]
        (kept,) = relay.do(relay.client.read_resource, link.uri).contents
        assert kept.text == "0123456789abcdef" * 65_536


def test_a_short_result_comes_back_whole_and_an_image_unchanged(tmp_path: Path) -> None:
    with relaying(tmp_path, {"wordy": backend("echo.py", maxResult=100)}) as relay:
        assert relay.call("wordy__echo", text="x" * 100).text == "x" * 100
        cut = relay.do(relay.client.call_tool, "wordy__echo", {"text": "x" * 5000})
        assert [block.type for block in cut.content] == ["text", "resource_link"]
        (image,) = relay.do(relay.client.call_tool, "wordy__image").content
        assert (image.type, image.mime_type) == ("image", "image/png")
        failed = relay.call("wordy__fail", why="no such file")
        assert failed.is_error
        assert failed.text == "no such file"


@pytest.mark.parametrize("mode", _MODES)
def test_thousands_of_notifications_starve_nobody(tmp_path: Path, mode: str) -> None:
    begun = tmp_path / "begun"
    with relaying(tmp_path, {"loud": backend("flooding.py"), "sound": backend("echo.py")}, mode=mode) as relay:
        flood = relay.begin("loud__flood", times=5000, begun=str(begun))
        until(begun.exists, "the flood")
        for i in range(20):
            assert relay.call("sound__echo", text=str(i)).text == str(i)
        assert relay.call("loud__echo", text="through the flood").text == "through the flood"
        assert list(relay.tools())[:3] == OWN_TOOLS
        assert flood.result(120).text == "drained"
        assert len(_list_changes(relay)) < 100  # nothing had changed


def _begin_many(relay: Relay, names: list[str], each: int) -> dict[Future[Answer], str]:
    """Begin so many calls to each server; what each is to answer."""
    words = [(name, f"{name} {i}") for i in range(each) for name in names]
    return {relay.begin(f"{name}__echo", text=text): text for name, text in words}


def _list_changes(relay: Relay) -> list[object]:
    return [message for message in relay.heard if "ToolListChanged" in type(message).__name__]
