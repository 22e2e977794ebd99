"""Taking a host's servers over: what is planned, and what then lies on disk."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_toolhub.config.hub import BackendConfig, Http, Stdio, load
from memento_toolhub.config.importing import Fate, ImportPlan, plan_import, write
from memento_toolhub.config.portable import is_memento
from memento_toolhub.errors import HubError

ENVIRONMENT = {"KEY": "k", "HOME": "/home/ann", "USERPROFILE": "/home/ann"}


def source(folder: Path, servers: object) -> Path:
    file = folder / "host.json"
    file.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    return file


def fates(plan: ImportPlan) -> dict[str, Fate]:
    return {item.name: item.fate for item in plan.items}


def servers_in(file: Path) -> dict[str, object]:
    found = json.loads(file.read_text(encoding="utf-8"))["mcpServers"]
    assert isinstance(found, dict)
    return found


def test_planning_writes_nothing_and_writing_makes_a_private_file_we_can_read(tmp_path: Path) -> None:
    target = tmp_path / "config" / "memento" / "tools.json"
    file = source(tmp_path, {"fs": {"command": "npx", "env": {"A": "${KEY}"}}, "web": {"url": "https://h/mcp"}})
    plan = plan_import(file, target, ENVIRONMENT)
    assert not target.parent.exists()
    write(plan)
    assert servers_in(target) == {"fs": {"command": "npx", "env": {"A": "${KEY}"}}, "web": {"url": "https://h/mcp"}}
    assert load(target, ENVIRONMENT).backends == (
        BackendConfig("fs", Stdio("npx", env={"A": "k"})),
        BackendConfig("web", Http("https://h/mcp")),
    )
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not list(target.parent.glob("*.partial"))


def test_what_is_there_stays_and_a_conflict_is_not_written(tmp_path: Path) -> None:
    target = tmp_path / "tools.json"
    kept = {"same": {"command": "a"}, "other": {"command": "b", "pin": "strict"}, "odd name": {"command": "c"}}
    target.write_text(json.dumps({"note": 1, "mcpServers": kept}), encoding="utf-8")
    imported = {
        "same": {"command": "a"},
        "other": {"command": "x"},
        "odd-name": {"command": "x"},
        "new": {"command": "d"},
    }
    plan = plan_import(source(tmp_path, imported), target, ENVIRONMENT)
    assert fates(plan) == {
        "same": Fate.PRESENT,
        "other": Fate.CONFLICT,
        "odd-name": Fate.CONFLICT,
        "new": Fate.ADD,
    }
    write(plan)
    assert servers_in(target) == {**kept, "new": {"command": "d"}}
    assert json.loads(target.read_text(encoding="utf-8"))["note"] == 1
    assert not plan_import(source(tmp_path, imported), target, ENVIRONMENT).added


@pytest.mark.parametrize(
    ("entry", "itself"),
    [
        ({"command": "memento", "args": ["serve"]}, True),
        ({"command": "/opt/x/bin/memento", "args": ["serve", "--tools", "f"]}, True),
        ({"command": "C:\\Tools\\Memento.exe", "args": ["serve"]}, True),
        ({"command": "python", "args": ["-m", "memento_server", "serve"]}, True),
        ({"command": "uvx", "args": ["--from", "memento-cbr", "memento", "serve"]}, True),
        ({"url": "http://127.0.0.1:7411/mcp"}, True),
        ({"url": "https://memento.example.org/mcp"}, False),
        ({"command": "npx", "args": ["memento-mori", "serve"]}, False),
        ({"command": "memento", "args": 3}, False),
        ({"url": "http://[/"}, False),
    ],
)
def test_memento_itself_is_left_out(tmp_path: Path, entry: dict[str, object], itself: bool) -> None:
    assert is_memento(entry) is itself
    plan = plan_import(source(tmp_path, {"m": entry}), tmp_path / "tools.json", ENVIRONMENT)
    assert (plan.items[0].fate is Fate.LOOP) is itself


def test_an_editors_file_is_put_into_our_words(tmp_path: Path) -> None:
    servers = {
        "api": {
            "type": "streamableHttp",
            "httpUrl": "https://h",
            "headers": {"X": "${input:api-key}"},
            "timeout": 30_000,
        },
        "local": {
            **{"type": "stdio", "command": "${workspaceFolder}/run", "cwd": "sub", "envFile": "${userHome}/.env"},
            **{"disabled": True, "dev": {"watch": "*"}, "timeout": 1_200_000},
        },
    }
    file = tmp_path / ".vscode" / "mcp.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"servers": servers}), encoding="utf-8")
    plan = plan_import(file, tmp_path / "tools.json", ENVIRONMENT)
    api, local = plan.items
    assert api.entry == {"type": "http", "url": "https://h", "headers": {"X": "${API_KEY}"}, "timeout": 30}
    assert local.entry == {
        **{"type": "stdio", "command": f"{tmp_path}/run", "cwd": str(tmp_path / "sub"), "envFile": "${userHome}/.env"},
        **{"enabled": False, "timeout": 1_200_000},
    }
    assert any("${input:api-key} became ${API_KEY}" in note for note in api.notes)
    assert any("API_KEY is not set" in note for note in api.notes)


def test_a_long_timeout_survives_the_way_through_our_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[mcp_servers.s]\ncommand = "x"\ntool_timeout_sec = 1200\n[mcp_servers.s.env]\nD = 1979-05-27', "utf-8"
    )
    write(plan_import(file, tmp_path / "tools.json", ENVIRONMENT))
    assert servers_in(tmp_path / "tools.json") == {
        "s": {"command": "x", "timeout": 1_200_000, "env": {"D": "1979-05-27"}}
    }
    assert load(tmp_path / "tools.json", {}).backends[0].timeout == 1200


def test_what_cannot_work_is_not_written_and_says_why(tmp_path: Path) -> None:
    servers = {
        "old": {"type": "sse", "url": "https://h/sse"},
        "none": {},
        "a b": {"command": "x"},
        "a-b": {"command": "y"},
    }
    plan = plan_import(source(tmp_path, servers), tmp_path / "tools.json", ENVIRONMENT)
    assert [item.name for item in plan.added] == ["a-b"]
    notes = {item.name: " ".join(item.notes) for item in plan.items}
    assert "HTTP+SSE" in notes["old"]
    assert "neither" in notes["none"]
    assert "another server has" in notes["a-b-2"]


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ({"command": "x", "env": {"GITHUB_TOKEN": "abc"}}, "env.GITHUB_TOKEN seems to be a secret"),
        ({"command": "x", "env": {"VALUE": "ghp_" + "a1B2" * 6}}, "env.VALUE seems to be a secret"),
        (
            {"url": "https://h", "headers": {"Authorization": "Bearer abc"}},
            "headers.Authorization seems to be a secret",
        ),
        ({"command": "x", "args": ["--key", "sk-" + "a1B2" * 6]}, "a secret in plain text seems to be in args"),
        ({"command": "x", "args": ["--api-key=abc"]}, "a secret in plain text seems to be in args"),
        ({"command": "x", "args": ["--token", "abc"]}, "a secret in plain text seems to be in args"),
        ({"url": "https://u:abc@h/"}, "a secret in plain text seems to be in url"),
        ({"url": "https://h/?v=1&api_key=abc"}, "a secret in plain text seems to be in url"),
        ({"command": "x", "args": ["--token", "${KEY}", "--auth", "--verbose", "file"]}, ""),
        ({"url": "https://${KEY}@h/?api_key=${KEY}&v=2"}, ""),
        ({"command": "x", "env": {"GITHUB_TOKEN": "${GITHUB_TOKEN}", "LANG": "C", "KEYBOARD": "de"}}, ""),
        ({"url": "https://h", "headers": {"Authorization": "Bearer ${KEY}"}}, ""),
    ],
)
def test_a_secret_in_plain_text_gets_a_hint(tmp_path: Path, entry: dict[str, object], hint: str) -> None:
    plan = plan_import(source(tmp_path, {"s": entry}), tmp_path / "tools.json", {**ENVIRONMENT, "GITHUB_TOKEN": "t"})
    (item,) = plan.added
    assert [note[: len(hint)] for note in item.notes] == ([hint] if hint else [])


def test_a_target_that_would_lose_something_is_refused(tmp_path: Path) -> None:
    file = source(tmp_path, {"s": {"command": "x"}})
    (tmp_path / "commented.json").write_text('{"mcpServers": {} /* mine */}', encoding="utf-8")
    (tmp_path / "broken.json").write_text('{"mcpServers": ', encoding="utf-8")
    for name, what in (("commented.json", "comments"), ("broken.json", "not JSON"), ("tools.toml", "TOML")):
        with pytest.raises(HubError, match=what):
            plan_import(file, tmp_path / name, ENVIRONMENT)


def test_a_target_that_changed_after_the_plan_is_left_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "tools.json"
    plan = plan_import(source(tmp_path, {"s": {"command": "x"}}), target, ENVIRONMENT)
    target.write_text('{"mcpServers": {"mine": {"command": "y"}}}', encoding="utf-8")
    with pytest.raises(HubError, match="has changed meanwhile"):
        write(plan)
    assert servers_in(target) == {"mine": {"command": "y"}}


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("", encoding="utf-8")
    plan = plan_import(source(tmp_path, {"s": {"command": "x"}}), tmp_path / "tools.json", ENVIRONMENT)
    elsewhere = ImportPlan(plan.source, tmp_path / "a file" / "tools.json", plan.items, (), None, plan.after)
    with pytest.raises(HubError, match="cannot be written"):
        write(elsewhere)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "tools.json").symlink_to(tmp_path / "dotfiles" / "tools.json")
    write(plan_import(source(tmp_path, {"s": {"command": "x"}}), tmp_path / "tools.json", ENVIRONMENT))
    assert (tmp_path / "tools.json").is_symlink()
    assert servers_in(tmp_path / "dotfiles" / "tools.json") == {"s": {"command": "x"}}


plain = st.text(max_size=8) | st.integers(-(10**20), 10**20) | st.booleans() | st.none() | st.floats()
keys = st.sampled_from(
    ["command", "url", "args", "env", "headers", "timeout", "type", "disabled", "tools", "cwd", "allow"]
)


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.text(max_size=6), st.dictionaries(keys, plain | st.lists(plain) | st.dictionaries(st.text(), plain))
    )
)
def test_whatever_is_imported_can_be_read_and_means_the_same(servers: dict[str, dict[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = source(Path(folder), servers)
        target = Path(folder) / "tools.json"
        plan = plan_import(file, target, {})
        write(plan)
        direct = {backend.name: backend for backend in load(file, {}).backends}
        through = load(target, {}).backends
    assert [backend.name for backend in through] == [item.name for item in plan.added]
    for backend in through:
        expected = direct[backend.name]
        assert bool(backend.problem) == bool(expected.problem)
        assert replace(backend, problem="") == replace(expected, problem="")


@given(
    secret=st.text(alphabet="qxzQXZ7", min_size=12, max_size=30), name=st.sampled_from(["API_KEY", "PLAIN", "é", "a=b"])
)
def test_no_secret_is_in_a_plan_as_it_is_shown(secret: str, name: str) -> None:
    entries: dict[str, dict[str, object]] = {
        "local": {"command": "x", "args": ["--api-key", secret], "env": {name: secret, "E": "${S}\0"}},
        "remote": {"url": f"https://u:{secret}@h/?key={secret}", "headers": {name: secret, "H": "${S}\n"}},
    }
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_import(source(Path(folder), entries), Path(folder) / "tools.json", {"S": secret})
    notes = [note for item in plan.items for note in item.notes]
    assert notes
    assert secret not in repr(plan) + repr(plan.items) + "".join(notes) + "".join(plan.warnings)
