"""The README says what is so: its commands run, its snippets parse, and no command is left out."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from memento_server.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


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
    done = subprocess.run(
        [sys.executable, "-m", "memento_server", *name.split(), "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage:" in done.stdout


@pytest.mark.parametrize("text", blocks("json"))
def test_every_snippet_is_json(text: str) -> None:
    snippet = json.loads(text)
    for server in (*snippet.get("mcpServers", {}).values(), *snippet.get("servers", {}).values()):
        assert server["args"][0] == "serve"


def test_the_commands_of_the_readme_run_as_written(tmp_path: Path, embedder: object) -> None:
    script = next(block for block in blocks("sh") if "memento cases import" in block)
    line = next(text for text in blocks("json") if '"task"' in text)
    (tmp_path / "examples.jsonl").write_text(line, encoding="utf-8")
    lines = re.split(r"\n(?=memento )", script.strip())
    assert len(lines) >= 6
    for command in lines:
        arguments = [sys.executable, "-m", "memento_server", *shlex.split(command)[1:]]
        environment = {**os.environ, "MEMENTO_BANK": str(tmp_path / "bank.sqlite3")}
        done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_python_example_of_the_readme_runs_as_written(tmp_path: Path) -> None:
    (code,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["retained", "[\"Fix the failing test 'test_login'\"]"]


def test_every_page_the_readme_links_to_exists() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
