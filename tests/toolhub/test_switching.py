"""Bundled servers switched on and off in a tools file that a person keeps by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memento_toolhub.config import jsonc
from memento_toolhub.config.hub import load
from memento_toolhub.config.switching import switched_off, switched_on
from memento_toolhub.errors import HubError

ENTRY = {"command": "python", "args": ["-m", "memento_server", "tool", "math"], "env": {"A": "${A:-}"}}
BY_HAND = """\
{
  // what we use here
  "mcpServers": {
    "git": {"command": "uvx", "args": ["mcp-server-git"],},  // ours
    "math": {
      "command": "/old/python", "args": ["-m", "memento_server", "tool", "math"],
      "timeout": 120, // slow machine
      "env": {"B": "2"}
    },
  },
}
"""


def on(file: Path, entry: dict[str, object] = ENTRY) -> bool:
    edit = switched_on(file, "math", entry)
    edit.write()
    return edit.changes


def off(file: Path) -> bool:
    edit = switched_off(file, "math")
    assert edit is not None
    edit.write()
    return edit.changes


def entries(file: Path) -> dict[str, dict[str, object]]:
    document, _ = jsonc.parse(file.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return dict(document["mcpServers"])


def test_a_file_that_is_not_there_is_made_with_the_server_on(tmp_path: Path) -> None:
    file = tmp_path / "new" / "tools.json"
    assert on(file)
    assert entries(file) == {"math": ENTRY}
    assert not on(file)


def test_settings_comments_and_other_servers_of_a_person_survive(tmp_path: Path) -> None:
    file = tmp_path / "tools.json"
    file.write_text(BY_HAND, encoding="utf-8")
    assert on(file)
    text = file.read_text(encoding="utf-8")
    assert all(comment in text for comment in ("// what we use here", "// ours", "// slow machine"))
    assert entries(file) == {
        "git": {"command": "uvx", "args": ["mcp-server-git"]},
        "math": {**ENTRY, "timeout": 120, "env": {"B": "2", "A": "${A:-}"}},
    }
    assert not on(file)


@pytest.mark.parametrize("switch", ['"enabled": true', '"enabled": false', '"disabled": true', '"disabled": false', ""])
def test_off_and_on_again_use_the_word_that_is_there(tmp_path: Path, switch: str) -> None:
    file = tmp_path / "tools.json"
    entry = json.dumps(ENTRY).removesuffix("}") + (f", {switch}" if switch else "") + "}"
    file.write_text(f'{{"mcpServers": {{"math": {entry}}}}}', encoding="utf-8")
    off(file)
    assert [backend.enabled for backend in load(file, {}).backends] == [False]
    assert not off(file)
    assert on(file)
    config = load(file, {})
    assert [backend.enabled for backend in config.backends] == [True]
    assert config.warnings == ()
    assert not on(file)


def test_the_servers_of_a_host_in_other_words_are_added_to(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text('{"servers": {"git": {"command": "git-mcp"}}}', encoding="utf-8")
    assert on(file)
    assert [backend.name for backend in load(file, {}).backends] == ["git", "math"]


def test_another_server_of_that_name_is_neither_changed_nor_switched_off(tmp_path: Path) -> None:
    file = tmp_path / "tools.json"
    file.write_text('{"mcpServers": {"math": {"command": "npx", "args": ["math-mcp"]}}}', encoding="utf-8")
    for change in (lambda: on(file), lambda: off(file)):
        with pytest.raises(HubError, match="another server named 'math'"):
            change()


def test_nothing_is_switched_off_where_there_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tools.json"
    assert switched_off(file, "math") is None
    file.write_text('{"mcpServers": {}}', encoding="utf-8")
    assert switched_off(file, "math") is None


def test_what_somebody_else_wrote_meanwhile_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "tools.json"
    edit = switched_on(file, "math", ENTRY)
    file.write_text('{"mcpServers": {"a": {"command": "b"}}}', encoding="utf-8")
    with pytest.raises(HubError, match="changed meanwhile"):
        edit.write()
    assert list(entries(file)) == ["a"]


def test_toml_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[mcp_servers]\n", encoding="utf-8")
    with pytest.raises(HubError, match="--to"):
        on(file)
