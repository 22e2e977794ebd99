"""The flags of bundled servers: checked before anything starts, and written so that they mean the same anywhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from memento_memory.errors import InputError
from memento_server.bundled_flags import Given, settings_in
from memento_server.cli_tool import command
from memento_toolhub.servers.bundled import BUNDLED, Bundled

GIVEN = {
    "documents": ["--root", "{folder}", "--allow-host", "intra:8080", "--allow-host", "10.0.0.7"],
    "web": ["--allow-host", "[::1]:80", "--searxng", "http://search:8888/", "--browser", "{program}"],
    "code": ["--root", "{folder}", "--network"],
    "math": [],
    "media": ["--root", "{folder}", "--vision-model", "openai:gpt-5-mini", "--speech-model", "whisper:base"],
}


def parsed(server: str, *arguments: object) -> Given:
    """What the command line makes of a server's flags."""
    kept: list[Given] = []
    app = typer.Typer()

    def keep(bundled: Bundled, flags: Any) -> None:
        kept.append(Given.of(bundled, flags))

    app.command()(command(BUNDLED[server], keep))
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return kept[0]


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with no variable of ours set."""
    for name in [name for name in os.environ if name.startswith("MEMENTO_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("server", BUNDLED)
def test_flags_written_into_a_tools_file_mean_there_what_they_meant_here(server: str, tmp_path: Path) -> None:
    words = [word.format(folder=tmp_path, program=sys.executable) for word in GIVEN[server]]
    given = parsed(server, *words)
    assert parsed(server, *given.arguments()) == given
    assert settings_in(given.arguments()) == {str(flag): value for flag, value in given.settings.items()}


@pytest.mark.parametrize("server", BUNDLED)
def test_every_flag_can_be_given_by_its_variable(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [word.format(folder=tmp_path, program=sys.executable) for word in GIVEN[server]]
    expected = parsed(server, *words)
    monkeypatch.setenv("MEMENTO_ROOTS", str(tmp_path))
    monkeypatch.setenv("MEMENTO_ALLOW_HOSTS", " ".join(expected.allowed_hosts))
    for flag, value in expected.settings.items():
        monkeypatch.setenv(flag, value)
    assert parsed(server) == expected


def test_several_folders_stand_in_one_variable_as_in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("MEMENTO_ROOTS", os.pathsep.join(("a", str(tmp_path / "b"))))
    assert parsed("documents").roots == ((tmp_path / "a").resolve(), (tmp_path / "b").resolve())


def test_without_a_root_it_is_the_current_folder_unless_that_holds_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parsed("documents").roots == (tmp_path.resolve(),)
    for home in (tmp_path, tmp_path / "home" / "ann"):
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("USERPROFILE", str(home))
        with pytest.raises(InputError, match="--root DIR"):
            parsed("documents")
    monkeypatch.chdir(Path(tmp_path.anchor))
    with pytest.raises(InputError, match="--root DIR"):
        parsed("documents")


@pytest.mark.parametrize(
    ("server", "arguments", "field"),
    [
        ("documents", ["--root", "missing"], "--root"),
        ("documents", ["--root", os.path.abspath(os.sep)], "--root"),
        ("documents", ["--allow-host", "http://intra/"], "--allow-host"),
        ("web", ["--searxng", "search:8888"], "--searxng"),
        ("web", ["--browser", "missing"], "--browser"),
        ("media", ["--vision-model", "gpt"], "--vision-model"),
        ("media", ["--speech-model", "loud"], "--speech-model"),
    ],
)
def test_a_flag_that_cannot_be_used_is_named(server: str, arguments: list[str], field: str) -> None:
    with pytest.raises(InputError, match=f"^{field}: .*(;|,) "):
        parsed(server, *arguments)


def test_a_folder_that_a_tools_file_would_take_for_a_variable_is_refused(tmp_path: Path) -> None:
    odd = tmp_path / "${HOME}"
    odd.mkdir()
    with pytest.raises(InputError, match="variable"):
        parsed("documents", "--root", odd).arguments()
