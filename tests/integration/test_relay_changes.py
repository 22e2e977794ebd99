"""Tool servers that change their tools: hosts hear of it, and a definition that was seen before is watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from integration.processes import PATIENCE_S, memento, until
from integration.relays import Entry, Relay, backend, change_announced, commanded, kept_in, relaying

_PIN = "memento/pin"


@pytest.fixture(scope="module", params=["auto", "legacy"])
def relay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """A Memento for hosts of one era, with a server for each test of which tools can be changed."""
    folder = tmp_path_factory.mktemp("changes")
    servers = {
        "growing": _sly(folder, "growing"),
        "sly": _sly(folder, "sly"),
        "strict": _sly(folder, "strict", pin="strict"),
        "sound": backend("echo.py", pin="strict"),
    }
    with relaying(folder, servers, mode=request.param) as relay:
        yield relay


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """The same where the host's era makes no difference."""
    folder = tmp_path_factory.mktemp("others")
    servers = {
        "stateless": backend("sdk.py", pin="strict"),
        "fainting": _sly(folder, "fainting", pin="strict"),
        "fickle": _sly(folder, "fickle", pin="strict"),
        "free": _sly(folder, "free", pin="off"),
    }
    with relaying(folder, servers) as relay:
        yield relay


def test_a_host_hears_that_a_server_has_added_a_tool(relay: Relay) -> None:
    assert "growing__added" not in relay.tools()
    relay.heard.clear()
    if relay.client.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
        assert not relay.call("growing__grow").is_error
        until(lambda: _announced(relay), "the announcement")
    else:
        assert _heard_on_growth(relay, "growing") == "ToolsListChanged"
    assert "growing__added" in relay.tools()


def test_a_tool_added_by_a_server_of_the_stateless_era_can_be_called_and_changes_nothing_else(other: Relay) -> None:
    before = other.tools()
    assert "stateless__added" not in before
    assert _heard_on_growth(other, "stateless") == "ToolsListChanged"
    after = other.tools()
    assert {name: after[name] for name in before} == before
    assert other.call("stateless__added", text="new here").text == "new here"


def test_a_definition_that_changes_while_it_is_served_is_marked_and_still_callable(relay: Relay) -> None:
    assert _mark(relay, "sly") is None
    assert not relay.call("sly__change", text="Counts your money.").is_error
    until(lambda: _mark(relay, "sly") == "changed", "the mark")
    assert (relay.tools()["sly__subject"].description or "").endswith("Counts your money.")
    assert _marked(relay, "sly") == {"sly__subject"}
    assert not relay.call("sly__subject").is_error


def test_a_changed_definition_is_refused_under_strict_pins_until_it_is_approved(relay: Relay) -> None:
    assert not relay.call("strict__subject").is_error
    assert not relay.call("strict__change", text="Counts your money.").is_error
    until(lambda: _mark(relay, "strict") == "changed", "the mark")
    refused = relay.attempt("strict__subject")
    assert refused.is_error
    assert "memento tools approve" in refused.text
    assert not relay.call("strict__grow").is_error  # the other tools are as they were
    assert relay.call("sound__echo", text="unmoved").text == "unmoved"
    commanded(relay.folder, "tools", "approve", "strict", "--yes")
    until(lambda: not relay.attempt("strict__subject").is_error, "the approval")
    assert _mark(relay, "strict") is None


def test_a_definition_that_changed_while_memento_was_away_is_noticed(tmp_path: Path) -> None:
    servers = {"sly": _sly(tmp_path, "sly", pin="strict")}
    with relaying(tmp_path, servers) as relay:
        assert _mark(relay, "sly") is None
    _description(tmp_path, "sly").write_text("Counts your money.", encoding="utf-8")
    with relaying(tmp_path, servers) as relay:
        assert _mark(relay, "sly") == "changed"
        assert relay.attempt("sly__subject").is_error
        env = kept_in(tmp_path) | {"MEMENTO_TOOLS": str(tmp_path / "tools.json")}
        approved = memento("tools", "approve", "sly", "--yes", env=env)
        assert approved.returncode == 0, approved.stderr
        until(lambda: not relay.attempt("sly__subject").is_error, "the approval")
        assert _mark(relay, "sly") is None


def test_a_definition_that_changed_in_a_crash_is_refused_at_the_very_next_call(other: Relay) -> None:
    assert not other.call("fainting__subject").is_error
    _description(other.folder, "fainting").write_text("Counts your money.", encoding="utf-8")
    assert other.attempt("fainting__crash").is_error
    assert other.attempt("fainting__subject").is_error
    until(lambda: "memento tools approve" in other.attempt("fainting__subject").text, "the reason")


def test_a_definition_that_is_changed_back_is_no_longer_refused(other: Relay) -> None:
    original = other.tools()["fickle__subject"].description
    assert not other.call("fickle__change", text="Counts your money.").is_error
    until(lambda: other.attempt("fickle__subject").is_error, "the refusal")
    assert not other.call("fickle__change", text=original).is_error
    until(lambda: not other.attempt("fickle__subject").is_error, "the way back")
    assert _mark(other, "fickle") is None


def test_a_change_nobody_pins_is_passed_on_without_a_mark(other: Relay) -> None:
    other.tools()
    assert not other.call("free__change", text="Counts your money.").is_error
    until(lambda: other.tools()["free__subject"].description == "Counts your money.", "the change")
    assert _marked(other, "free") == set()


def _sly(folder: Path, name: str, **options: Any) -> Entry:
    return backend("changing.py", _description(folder, name), **options)


def _description(folder: Path, name: str) -> Path:
    return folder / f"{name}.txt"


def _heard_on_growth(relay: Relay, server: str) -> str:
    """What a host of the stateless era hears when a server adds a tool."""

    async def grow() -> None:
        await relay.client.call_tool(f"{server}__grow", {})

    heard = relay.portal.start_task_soon(change_announced, relay.client, grow)
    return str(heard.result(PATIENCE_S))


def _mark(relay: Relay, server: str) -> Any:
    return (relay.tools()[f"{server}__subject"].meta or {}).get(_PIN)


def _marked(relay: Relay, server: str) -> set[str]:
    marked = {name for name, tool in relay.tools().items() if _PIN in (tool.meta or {})}
    return {name for name in marked if name.startswith(server)}


def _announced(relay: Relay) -> bool:
    return any("ToolListChanged" in type(message).__name__ for message in relay.heard)
