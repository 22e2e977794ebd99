"""`memento tools enable` and `disable`: what they write, what they refuse, and what they say."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from memento_memory.errors import InputError
from memento_server.cli import app
from memento_toolhub.config.hub import Stdio, load
from memento_toolhub.errors import HubError
from memento_toolhub.servers.bundled import BUNDLED


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, which holds Memento's own files too, with no variable of ours set."""
    for name in [name for name in os.environ if name.startswith("MEMENTO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MEMENTO_TOOLS", str(tmp_path / "tools.json"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["tools", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def entry(file: Path, name: str) -> dict[str, object]:
    return dict(json.loads(file.read_text(encoding="utf-8"))["mcpServers"][name])


def test_an_enabled_server_is_in_the_file_in_use_and_listed(tmp_path: Path) -> None:
    said = run("enable", "math")
    assert f"math is on, in {tmp_path / 'tools.json'}" in said
    assert "Next: memento tools test math" in said
    assert entry(tmp_path / "tools.json", "math")["args"] == ["-P", "-m", "memento_server", "tool", "math"]
    assert "ready" in run("list")


def test_enabling_twice_changes_nothing_and_says_so(tmp_path: Path) -> None:
    run("enable", "math")
    before = (tmp_path / "tools.json").stat().st_mtime_ns
    assert "was on already" in run("enable", "math")
    assert (tmp_path / "tools.json").stat().st_mtime_ns == before


def test_other_flags_take_the_place_of_the_earlier_ones(tmp_path: Path, somewhere: Path) -> None:
    (somewhere / "reports").mkdir()
    said = run("enable", "documents", "--root", "reports", "--allow-host", "intra")
    assert f"may use the files in {(somewhere / 'reports').resolve()}" in said
    assert "may fetch from intra" in said
    run("enable", "documents", "--root", ".")
    args = entry(tmp_path / "tools.json", "documents")["args"]
    assert args == ["-P", "-m", "memento_server", "tool", "documents", "--root", str(somewhere.resolve())]


def test_a_file_can_be_named_and_stays_named_in_the_next_step(tmp_path: Path) -> None:
    assert f"--tools {tmp_path / 'mine.json'}" in run("enable", "math", "--to", tmp_path / "mine.json")
    assert not (tmp_path / "tools.json").exists()


def test_what_comes_with_memento_may_change_with_it(tmp_path: Path) -> None:
    run("enable", "math")
    assert entry(tmp_path / "tools.json", "math")["pin"] == "off"


def test_disabling_keeps_the_entry_and_is_idempotent(tmp_path: Path) -> None:
    assert "was off already" in run("disable", "math")
    run("enable", "math")
    written = entry(tmp_path / "tools.json", "math")
    assert "math is off" in run("disable", "math")
    assert entry(tmp_path / "tools.json", "math") == {**written, "enabled": False}
    assert "was off already" in run("disable", "math")
    assert "math is on" in run("enable", "math")
    assert load(tmp_path / "tools.json").backends[0].enabled


def test_keys_are_handed_down_by_name_and_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2hunter2")
    run("enable", "media", "--vision-model", "openai:gpt-5-mini")
    file = tmp_path / "tools.json"
    assert "hunter2" not in file.read_text(encoding="utf-8")
    transport = load(file).backends[0].transport
    assert isinstance(transport, Stdio)
    assert transport.env["OPENAI_API_KEY"] == "hunter2hunter2"
    monkeypatch.delenv("OPENAI_API_KEY")
    (backend,) = load(file).backends
    assert not backend.problem, "a variable that is not set is no error"


def test_a_model_that_was_given_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "without a vision model: no describe_image" in run("enable", "media")
    assert "vision model" not in run("enable", "media", "--vision-model", "openai:gpt-5-mini@http://127.0.0.1:9/v1")
    monkeypatch.setenv("MEMENTO_MODEL", "openai:gpt-5-mini")
    assert "vision model" not in run("enable", "media")


@pytest.mark.skipif(bool(BUNDLED["code"].missing({})), reason="no sandbox here")
def test_leave_to_use_the_network_is_told() -> None:
    assert "may use the network" not in run("enable", "code")
    assert "may use the network" in run("enable", "code", "--network")


@pytest.mark.parametrize("model", ["gpt-5", "local:smollm2", "host"])
def test_a_vision_model_that_sees_nothing_is_refused_with_those_that_do(model: str) -> None:
    done = CliRunner().invoke(app, ["tools", "enable", "media", "--vision-model", model])
    assert isinstance(done.exception, InputError)
    assert "anthropic:<model>" in str(done.exception)
    assert "local" not in str(done.exception)


def test_nothing_is_written_where_a_flag_is_wrong(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["tools", "enable", "documents", "--root", "missing"])
    assert isinstance(done.exception, InputError)
    done = CliRunner().invoke(app, ["tools", "enable", "documents", "--loud"])
    assert done.exit_code == 2
    assert not (tmp_path / "tools.json").exists()


def test_nothing_is_written_where_what_the_server_is_built_on_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sympy", "mpmath", "pint"):
        monkeypatch.setitem(sys.modules, module, None)
    done = CliRunner().invoke(app, ["tools", "enable", "math"])
    assert isinstance(done.exception, HubError), done.output
    assert "pip install 'memento-cbr[math]'" in str(done.exception)
    assert not (tmp_path / "tools.json").exists()


def test_nothing_is_written_where_nothing_would_be_relayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMENTO_TOOLS", "none")
    done = CliRunner().invoke(app, ["tools", "enable", "math"])
    assert isinstance(done.exception, InputError)
    assert "--to FILE" in str(done.exception)


def test_only_bundled_servers_can_be_disabled_by_name() -> None:
    done = CliRunner().invoke(app, ["tools", "disable", "git"])
    assert isinstance(done.exception, InputError)
    assert "documents, web, code, math, media" in str(done.exception)
