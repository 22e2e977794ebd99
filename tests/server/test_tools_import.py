"""`memento tools import` and `list`, and which file is meant when none is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from memento_server.cli_tools import app
from memento_server.tools_file import tools_file
from memento_toolhub.errors import HubError

SECRET = "hunter2hunter2"
HOST_FILE = {
    "mcpServers": {
        "fs": {"command": "npx", "args": ["--token", SECRET], "env": {"API_TOKEN": SECRET}, "what": 1},
        "web": {"url": f"https://u:{SECRET}@example.org/mcp", "headers": {"Authorization": f"Bearer {SECRET}"}},
        "old": {"type": "sse", "url": "https://example.org/sse"},
    }
}


@pytest.fixture
def host_file(tmp_path: Path) -> Path:
    file = tmp_path / "host.json"
    file.write_text(json.dumps(HOST_FILE), encoding="utf-8")
    return file


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.output


def test_an_import_nobody_can_answer_for_only_shows_what_it_would_do(host_file: Path, tmp_path: Path) -> None:
    status, output = run("import", host_file, "--to", tmp_path / "tools.json")
    assert status == 1
    assert "add      fs  npx; env: API_TOKEN" in output
    assert "--yes" in output
    assert SECRET not in output
    assert not (tmp_path / "tools.json").exists()


def test_an_import_with_yes_writes_and_its_servers_are_listed(host_file: Path, tmp_path: Path) -> None:
    status, output = run("import", host_file, "--to", tmp_path / "tools.json", "--yes")
    assert (status, SECRET in output) == (0, False)
    assert "the key 'what' is not known" in output
    status, output = run("list", "--tools", tmp_path / "tools.json", "--json")
    listed = json.loads(output)
    assert [(it["name"], it["transport"], it["where"]) for it in listed["servers"]] == [
        ("fs", "stdio", "npx"),
        ("web", "http", "example.org"),
    ]
    assert listed["warnings"] == []
    assert SECRET not in output + run("list", "--tools", tmp_path / "tools.json")[1]


def test_a_second_import_has_nothing_to_write(host_file: Path, tmp_path: Path) -> None:
    for expected in ("Wrote", "Nothing to write"):
        status, output = run("import", host_file, "--to", tmp_path / "tools.json", "--yes")
        assert status == 0
        assert expected in output


def test_a_file_that_cannot_be_read_is_one_of_the_errors_the_command_knows(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["list", "--tools", str(tmp_path / "missing.json")])
    assert isinstance(done.exception, HubError)
    assert "missing.json" in str(done.exception)


def test_the_given_file_goes_before_the_environment_and_none_means_none(tmp_path: Path) -> None:
    given, named = tmp_path / "given.json", str(tmp_path / "named.json")
    assert tools_file(given, {"MEMENTO_TOOLS": named}) == given
    assert tools_file(None, {"MEMENTO_TOOLS": named}) == Path(named)
    assert tools_file(Path("none"), {"MEMENTO_TOOLS": named}) is None
    assert tools_file(None, {"MEMENTO_TOOLS": "none"}) is None


def test_mementos_own_file_is_used_once_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "tools.json"
    monkeypatch.setattr("memento_server.tools_file.default_target", lambda: own)
    assert tools_file(None, {}) is None
    own.write_text("{}", encoding="utf-8")
    assert tools_file(None, {}) == own
