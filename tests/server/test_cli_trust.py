"""`memento tools test`, `approve` and `log`, with real servers and entries that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from integration.processes import serve_command
from integration.relays import Entry, backend, tools_file
from memento_memory.errors import InputError
from memento_server import relaying
from memento_server.cli import app

SECRET = "hunter2hunter2"
SECRETS: Mapping[str, Any] = {"env": {"API_TOKEN": SECRET}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test keeps everything a user would have in his folders."""
    places = relaying.Places(tmp_path / "pins.json", tmp_path / "results", tmp_path / "logs")
    monkeypatch.setattr(relaying.Places, "of_user", classmethod(lambda _: places))
    monkeypatch.delenv("MEMENTO_TOOLS", raising=False)
    return tmp_path


def run(folder: Path, command: str, *arguments: str, servers: Mapping[str, Entry] | None = None) -> Result:
    given = () if servers is None else ("--tools", str(tools_file(folder, servers)))
    done = CliRunner().invoke(app, ["tools", command, *arguments, *given])
    assert SECRET not in done.output
    assert SECRET not in str(done.exception)
    return done


def changing(folder: Path, **options: Any) -> dict[str, Entry]:
    """A server with a tool whose description is in a file."""
    return {"farm": backend("changing.py", folder / "description.txt", **options)}


def test_servers_that_are_well_are_listed_with_what_they_cost(folder: Path) -> None:
    servers = {
        "old": backend("echo.py", deny=["crash"], **SECRETS),
        "few": backend("echo.py", allow=["echo"]),
        "new": backend("modern_only.py"),
    }
    done = run(folder, "test", servers=servers)
    assert done.exit_code == 0
    assert "ok   old: 9 tools, about " in done.output
    assert "left out by allow and deny: crash" in done.output
    assert "ok   few: 1 tools, about " in done.output
    assert "ok   new: 1 tools, about " in done.output
    findings = json.loads(run(folder, "test", "--json", servers=servers).stdout)
    assert [finding["name"] for finding in findings] == ["old", "few", "new"]
    assert findings[1]["tools"] == ["echo"]
    assert findings[0]["protocol"] < findings[2]["protocol"]
    for finding in findings:
        assert (finding["problem"], finding["changed"]) == ("", [])
        assert finding["tokens"] > 0
        assert finding["seconds"] > 0


def test_one_that_is_not_well_is_told_in_words_and_does_not_hide_the_others(folder: Path) -> None:
    itself = serve_command(folder / "bank.sqlite3")
    servers = {
        "missing": {"command": "no-such-program", **SECRETS},
        "refused": {"url": "http://127.0.0.1:1/mcp", "headers": {"Authorization": f"Bearer {SECRET}"}},
        "unset": {"command": "x", "env": {"KEY": "${SURELY_NOT_SET_ANYWHERE}"}},
        "off": backend("echo.py", enabled=False),
        "itself": {"command": itself[0], "args": [*itself[1:], "--tools", str(folder / "tools.json")]},
        "crashed": backend("crashing.py", "start", folder / "repaired"),
        "silent": backend("silent.py", "listing", connectTimeout=2),
        "sound": backend("echo.py"),
    }
    done = run(folder, "test", "--json", servers=servers)
    assert done.exit_code == 1
    problems = {finding["name"]: finding["problem"] for finding in json.loads(done.stdout)}
    assert "'no-such-program' was not found" in problems["missing"]
    assert "nothing answers at 127.0.0.1:1" in problems["refused"]
    assert "SURELY_NOT_SET_ANYWHERE" in problems["unset"]
    assert "a loop" in problems["itself"]
    assert "ended before it had answered" in problems["crashed"]
    assert "did not answer within 2 s" in problems["silent"]
    assert problems["sound"] == problems["off"] == ""
    told = run(folder, "test", "missing", servers=servers)
    assert (told.exit_code, told.output.startswith("FAIL missing: ")) == (1, True)
    for name, begins in (("sound", "ok   sound: "), ("off", "off  off: is switched off")):
        well = run(folder, "test", name, servers=servers)
        assert (well.exit_code, well.output.startswith(begins)) == (0, True)


def test_a_server_nobody_knows_is_a_mistake_that_names_those_there_are(folder: Path) -> None:
    for command in ("test", "log"):
        done = run(folder, command, "sheep", servers={"farm": backend("echo.py")})
        assert isinstance(done.exception, InputError)
        assert "'sheep'" in str(done.exception)
        assert "farm" in str(done.exception)


def test_without_a_file_the_command_says_how_to_come_by_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMENTO_TOOLS", "none")
    done = run(folder, "test")
    assert isinstance(done.exception, InputError)
    assert "memento tools import" in str(done.exception)


def test_where_nothing_is_pinned_no_change_is_reported(folder: Path) -> None:
    servers = changing(folder, pin="off")
    run(folder, "test", servers=servers)
    (folder / "description.txt").write_text("Sends the sheep away.", encoding="utf-8")
    assert "changed since" not in run(folder, "test", servers=servers).output


def test_a_changed_definition_is_reported_shown_and_approved(folder: Path) -> None:
    servers = changing(folder)
    assert run(folder, "test", servers=servers).exit_code == 0
    assert "No changed definitions" in run(folder, "approve").output
    (folder / "description.txt").write_text("Sends the sheep away.", encoding="utf-8")
    told = run(folder, "test", servers=servers).output
    assert "changed since approved: subject; see `memento tools approve farm`" in told
    shown = run(folder, "approve")
    assert isinstance(shown.exception, InputError)
    assert "--yes" in str(shown.exception)
    assert "farm: subject changed" in shown.output
    assert "Counts the sheep." in shown.output
    assert "Sends the sheep away." in shown.output
    assert "No changed definitions" in run(folder, "approve", "barn", "--yes").output
    assert "No changed definitions" in run(folder, "approve", "farm", "grow", "--yes").output
    done = run(folder, "approve", "farm", "subject", "--yes")
    assert (done.exit_code, "farm: approved subject" in done.output) == (0, True)
    assert json.loads(run(folder, "test", "--json", servers=servers).stdout)[0]["changed"] == []
    assert "No changed definitions" in run(folder, "approve").output


def test_what_a_server_wrote_and_what_was_called_can_be_read(folder: Path) -> None:
    servers = changing(folder, **SECRETS)
    empty = run(folder, "log", "farm", servers=servers)
    assert (empty.exit_code, "nothing yet in" in empty.output) == (0, True)
    assert "nothing yet in" in run(folder, "log").output
    run(folder, "test", servers=servers)
    assert "started, pid" in run(folder, "log", "farm", servers=servers).stdout
    calls = relaying.Places.of_user().calls
    calls.write_text('{"tool": "a"}\n{"tool": "[b]"}\n', encoding="utf-8")
    assert run(folder, "log", "-n", "1").stdout == '{"tool": "[b]"}\n'
    assert str(calls) in run(folder, "log").stderr.replace("\n", "")
