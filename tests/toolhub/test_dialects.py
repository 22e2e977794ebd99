"""Files as hosts write them, read from disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_toolhub.config import jsonc
from memento_toolhub.config.dialects import entry_of, read_servers, transport_of
from memento_toolhub.errors import HubError

CLAUDE_DESKTOP = '{"globalShortcut": "", "mcpServers": {"fs": {"command": "npx", "args": ["-y", "x"]}}}'
VS_CODE = """{
  // asked once
  "inputs": [{"id": "key", "type": "promptString", "password": true}],
  "servers": {
    /* the "file" server, see http://x//y */
    "fs": {"type": "stdio", "command": "npx", "args": ["http://a//b", "/*no*/"],},
  },
}"""
CODEX = """model = "o"
[mcp_servers.fs]
command = "npx"
args = ["-y", "x"]
env = { KEY = "v" }
tool_timeout_sec = 1200
startup_timeout_sec = 20
[mcp_servers.remote]
url = "https://h/mcp"
http_headers = { A = "b" }
env_http_headers = { X-Key = "X_KEY" }
bearer_token_env_var = "TOKEN"
"""
OLD_VS_CODE_SETTINGS = '{"mcp": {"servers": {"fs": {"command": "npx"}}}}'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("claude_desktop_config.json", CLAUDE_DESKTOP),
        ("mcp.json", VS_CODE),
        ("config.toml", CODEX),
        ("settings.json", OLD_VS_CODE_SETTINGS),
        ("bom.json", "\ufeff" + CLAUDE_DESKTOP),
    ],
)
def test_each_hosts_file_gives_its_servers(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    section = read_servers(tmp_path / name)
    assert next(iter(section.entries)) == "fs"
    assert not section.warnings
    assert transport_of("fs", entry_of("fs", section.entries["fs"]).values) == "stdio"


def test_comments_inside_a_text_are_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "mcp.json").write_text(VS_CODE, encoding="utf-8")
    entry = read_servers(tmp_path / "mcp.json").entries["fs"]
    assert isinstance(entry, dict)
    assert entry["args"] == ["http://a//b", "/*no*/"]


def test_codex_keys_become_ours(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CODEX, encoding="utf-8")
    entries = read_servers(tmp_path / "config.toml").entries
    local, remote = (entry_of(name, entry) for name, entry in entries.items())
    assert (local.values["timeout"], local.values["connectTimeout"]) == (1200, 20)
    assert remote.values["headers"] == {"A": "b", "X-Key": "${X_KEY}", "Authorization": "Bearer ${TOKEN}"}
    assert not local.warnings + remote.warnings


@pytest.mark.parametrize(
    ("name", "text", "where", "what"),
    [
        ("a.json", '{"mcpServers": {\n  "x": {"command" "y"}}}', "line 2, column 19", "not JSON"),
        ("a.json", "", "line 1", "not JSON"),
        ("a.json", "[]", "", "must hold a JSON object"),
        ("a.json", "[" * 200_000, "", "nested too deeply"),
        ("a.json", '{"mcpServers": ' + "9" * 5000 + "}", "", "thousands of digits"),
        ("a.json", "{}", "", "has no servers"),
        ("a.json", '{"mcp": {"fs": {}}}', "", "has no servers"),
        ("a.json", '{"mcpServers": []}', "", "must be an object"),
        ("a.toml", "[mcp_servers.x]\ncommand = \nargs = []", "line 2", "not TOML"),
        ("a.toml", "model = 1", "", "has no servers"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_line_and_fix(
    tmp_path: Path, name: str, text: str, where: str, what: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(HubError, match=what) as it:
        read_servers(tmp_path / name)
    assert str(tmp_path / name) in it.value.thing
    assert where in it.value.thing


def test_a_missing_file_a_folder_and_another_encoding_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes(b'{"mcpServers": {"caf\xe9 s3cret": {}}}')
    with pytest.raises(HubError, match="No such file"):
        read_servers(tmp_path / "missing.json")
    with pytest.raises(HubError, match=r"Is a directory|Permission"):
        read_servers(tmp_path)
    with pytest.raises(HubError, match="UTF-8") as it:
        read_servers(tmp_path / "latin.json")
    assert it.value.__cause__ is None


def test_a_second_section_and_a_key_written_twice_are_said(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(
        '{"servers": {"b": {}}, "mcpServers": {"a": {"command": "1"}, "a": {"command": "2"}}}', encoding="utf-8"
    )
    section = read_servers(file)
    assert section.entries == {"a": {"command": "2"}}
    assert any("'a' is written twice" in warning for warning in section.warnings)
    assert any('not "servers"' in warning for warning in section.warnings)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"command": "x", "disabled": True}, {"command": "x", "enabled": False}),
        ({"command": "x", "disabled": False}, {"command": "x"}),
        ({"command": "x", "timeout": 600_000}, {"command": "x", "timeout": 600}),
        ({"command": "x", "timeout": 1500}, {"command": "x", "timeout": 1.5}),
        ({"command": "x", "timeout": 999}, {"command": "x", "timeout": 999}),
        ({"command": "x", "startup_timeout_ms": 5000}, {"command": "x", "connectTimeout": 5}),
        ({"command": "x", "max_time": 5, "Connect-Timeout": 6}, {"command": "x", "maxTime": 5, "connectTimeout": 6}),
        ({"command": "x", "tools": ["a", "b"]}, {"command": "x", "allow": ["a", "b"]}),
        ({"command": "x", "excludeTools": ["a"]}, {"command": "x", "deny": ["a"]}),
        ({"command": "x", "env_vars": ["A"], "env": {"B": "1"}}, {"command": "x", "env": {"A": "${A}", "B": "1"}}),
        ({"httpUrl": "http://h"}, {"url": "http://h"}),
        ({"serverUrl": "http://h"}, {"url": "http://h"}),
        ({"command": "x", "alwaysAllow": [], "trust": True, "dev": {}, "description": "d"}, {"command": "x"}),
    ],
)
def test_an_entry_is_put_into_our_words(written: dict[str, object], expected: dict[str, object]) -> None:
    entry = entry_of("s", written)
    assert entry.values == expected
    assert not entry.warnings


def test_unknown_and_repeated_keys_are_said() -> None:
    entry = entry_of("s", {"command": "x", "comand": "y", "maxTime": 1, "max_time": 2})
    assert entry.values == {"command": "x", "maxTime": 1}
    assert any("'comand' is not known" in warning for warning in entry.warnings)
    assert any("'max_time' says again" in warning for warning in entry.warnings)


@pytest.mark.parametrize("written", [None, "npx", ["npx"], 3, {"disabled": "yes"}, {"bearer_token_env_var": 1}])
def test_an_entry_of_the_wrong_kind_is_named(written: object) -> None:
    with pytest.raises(HubError, match="server 's'"):
        entry_of("s", written)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"command": "x"}, "stdio"),
        ({"url": "http://h"}, "http"),
        ({"type": "local", "command": "x"}, "stdio"),
        ({"type": "streamable-http", "url": "http://h"}, "http"),
        ({"type": "streamableHttp", "url": "http://h"}, "http"),
        ({"type": "streamable_http", "url": "http://h"}, "http"),
        ({"type": "http", "url": "http://h", "command": "left over"}, "http"),
    ],
)
def test_the_transport_is_told_by_type_or_by_what_is_there(values: dict[str, object], kind: str) -> None:
    assert transport_of("s", values) == kind


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"type": "sse", "url": "http://h/sse"}, "the old HTTP\\+SSE transport is not supported"),
        ({"type": "websocket", "url": "ws://h"}, "is not known"),
        ({"type": 3, "url": "ws://h"}, "is not known"),
        ({}, "neither"),
        ({"command": "x", "url": "http://h"}, "both"),
        ({"type": "http", "command": "x"}, 'has no "url"'),
        ({"type": "stdio", "url": "http://h"}, 'has no "command"'),
    ],
)
def test_a_transport_that_is_unclear_or_unsupported_is_refused(values: dict[str, object], what: str) -> None:
    with pytest.raises(HubError, match=what):
        transport_of("s", values)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_plain_json_means_the_same(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert jsonc.parse(text) == (value, ())
        assert jsonc.without_comments(text) == text
