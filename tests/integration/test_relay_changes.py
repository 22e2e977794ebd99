"""Tool servers that change their tools: hosts hear of it, and a definition that was seen before is watched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integration.processes import PATIENCE_S, memento, until
from integration.relays import Entry, Relay, backend, change_announced, kept_in, relaying

_PIN = "memento/pin"


@pytest.mark.parametrize("script", ["sdk.py", "changing.py"])
def test_a_host_of_the_handshake_era_hears_that_a_server_has_added_a_tool(tmp_path: Path, script: str) -> None:
    with relaying(tmp_path, {"growing": _growing(script, tmp_path)}, mode="legacy") as relay:
        assert "growing__added" not in relay.tools()
        assert not relay.call("growing__grow").is_error
        until(lambda: _announced(relay), "the announcement")
        assert "growing__added" in relay.tools()


@pytest.mark.parametrize("script", ["sdk.py", "changing.py"])
def test_a_host_of_the_stateless_era_hears_that_a_server_has_added_a_tool(tmp_path: Path, script: str) -> None:
    with relaying(tmp_path, {"growing": _growing(script, tmp_path)}) as relay:
        assert "growing__added" not in relay.tools()

        async def grow() -> None:
            await relay.client.call_tool("growing__grow", {})

        heard = relay.portal.start_task_soon(change_announced, relay.client, grow).result(PATIENCE_S)
        assert heard == "ToolsListChanged"
        assert "growing__added" in relay.tools()


def test_an_added_tool_can_be_called_and_changes_nothing_about_the_others(tmp_path: Path) -> None:
    with relaying(tmp_path, {"growing": backend("sdk.py", pin="strict")}) as relay:
        before = relay.tools()
        assert not relay.call("growing__grow").is_error
        until(lambda: "growing__added" in relay.tools(), "the tool")
        after = relay.tools()
        assert {name: after[name] for name in before} == before
        assert relay.call("growing__added", text="new here").text == "new here"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_definition_that_changes_while_it_is_served_is_marked_and_still_callable(tmp_path: Path, mode: str) -> None:
    with relaying(tmp_path, {"sly": _sly(tmp_path)}, mode=mode) as relay:
        assert _mark(relay) is None
        assert not relay.call("sly__change", text="Counts your money.").is_error
        until(lambda: _mark(relay) == "changed", "the mark")
        assert (relay.tools()["sly__subject"].description or "").endswith("Counts your money.")
        assert _marked(relay) == {"sly__subject"}
        assert not relay.call("sly__subject").is_error


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_changed_definition_is_refused_under_strict_pins_until_it_is_approved(tmp_path: Path, mode: str) -> None:
    servers = {"sly": _sly(tmp_path, pin="strict"), "sound": backend("echo.py", pin="strict")}
    with relaying(tmp_path, servers, mode=mode) as relay:
        assert not relay.call("sly__subject").is_error
        assert not relay.call("sly__change", text="Counts your money.").is_error
        until(lambda: _mark(relay) == "changed", "the mark")
        refused = relay.attempt("sly__subject")
        assert refused.is_error
        assert "memento tools approve" in refused.text
        assert not relay.call("sly__grow").is_error  # the other tools are as they were
        assert relay.call("sound__echo", text="unmoved").text == "unmoved"
        _approve(tmp_path)
        until(lambda: not relay.attempt("sly__subject").is_error, "the approval")
        assert _mark(relay) is None


def test_a_definition_that_changed_while_memento_was_away_is_noticed(tmp_path: Path) -> None:
    servers = {"sly": _sly(tmp_path, pin="strict")}
    with relaying(tmp_path, servers) as relay:
        assert _mark(relay) is None
    _description(tmp_path).write_text("Counts your money.", encoding="utf-8")
    with relaying(tmp_path, servers) as relay:
        assert _mark(relay) == "changed"
        assert relay.attempt("sly__subject").is_error
    _approve(tmp_path)
    with relaying(tmp_path, servers) as relay:
        assert _mark(relay) is None
        assert not relay.attempt("sly__subject").is_error


def test_a_definition_that_changed_in_a_crash_is_refused_at_the_very_next_call(tmp_path: Path) -> None:
    with relaying(tmp_path, {"sly": _sly(tmp_path, pin="strict")}) as relay:
        assert not relay.call("sly__subject").is_error
        _description(tmp_path).write_text("Counts your money.", encoding="utf-8")
        assert relay.attempt("sly__crash").is_error
        assert relay.attempt("sly__subject").is_error
        until(lambda: "memento tools approve" in relay.attempt("sly__subject").text, "the reason")


def test_a_definition_that_is_changed_back_is_no_longer_refused(tmp_path: Path) -> None:
    with relaying(tmp_path, {"sly": _sly(tmp_path, pin="strict")}) as relay:
        original = relay.tools()["sly__subject"].description
        assert not relay.call("sly__change", text="Counts your money.").is_error
        until(lambda: relay.attempt("sly__subject").is_error, "the refusal")
        assert not relay.call("sly__change", text=original).is_error
        until(lambda: not relay.attempt("sly__subject").is_error, "the way back")
        assert _mark(relay) is None


def test_a_change_nobody_pins_is_passed_on_without_a_mark(tmp_path: Path) -> None:
    with relaying(tmp_path, {"sly": _sly(tmp_path, pin="off")}) as relay:
        relay.tools()
        assert not relay.call("sly__change", text="Counts your money.").is_error
        until(lambda: relay.tools()["sly__subject"].description == "Counts your money.", "the change")
        assert _marked(relay) == set()


def _growing(script: str, folder: Path) -> Entry:
    return backend(script, _description(folder)) if script == "changing.py" else backend(script)


def _sly(folder: Path, **options: Any) -> Entry:
    return backend("changing.py", _description(folder), **options)


def _description(folder: Path) -> Path:
    return folder / "description.txt"


def _mark(relay: Relay) -> Any:
    return (relay.tools()["sly__subject"].meta or {}).get(_PIN)


def _marked(relay: Relay) -> set[str]:
    return {name for name, tool in relay.tools().items() if _PIN in (tool.meta or {})}


def _announced(relay: Relay) -> bool:
    return any("ToolListChanged" in type(message).__name__ for message in relay.heard)


def _approve(folder: Path) -> None:
    bank, file = folder / "bank.sqlite3", folder / "tools.json"
    env = kept_in(folder) | {"MEMENTO_BANK": str(bank), "MEMENTO_TOOLS": str(file)}
    approved = memento("tools", "approve", "sly", "--yes", env=env)
    assert approved.returncode == 0, approved.stderr
