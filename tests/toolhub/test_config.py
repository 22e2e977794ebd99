"""The configured servers, from files on disk."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_toolhub.config.hub import BackendConfig, Expose, Http, HubConfig, Pin, Start, Stdio, load
from memento_toolhub.config.servernames import fit, server_names
from memento_toolhub.errors import HubError

ENVIRONMENT = {"TOKEN": "s3cret", "HOME": "/home/ann", "USERPROFILE": "/home/ann"}


def loaded(folder: Path, servers: object) -> HubConfig:
    file = folder / "tools.json"
    file.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    return load(file, ENVIRONMENT)


def one(folder: Path, entry: object) -> BackendConfig:
    (backend,) = loaded(folder, {"s": entry}).backends
    return backend


def test_a_plain_entry_has_the_defaults(tmp_path: Path) -> None:
    backend = one(tmp_path, {"command": "npx", "args": ["-y", "x"], "env": {"A": "1"}})
    assert backend == BackendConfig("s", Stdio("npx", ("-y", "x"), {"A": "1"}))
    assert (backend.timeout, backend.max_time, backend.connect_timeout, backend.concurrency) == (60, 600, 30, 16)
    assert (backend.pin, backend.expose, backend.start, backend.max_result) == (Pin.FLAG, "auto", Start.EAGER, 100_000)


def test_every_key_of_ours_is_read(tmp_path: Path) -> None:
    settings = {
        **{"enabled": False, "start": "lazy", "timeout": 5, "max_time": 50, "connectTimeout": 7, "allow": ["read_*"]},
        **{"deny": "read_all", "concurrency": 2, "pin": "strict", "expose": ["read_a"], "max-result": 10},
        "tools": {"read_a": {"maxResult": 99}},
    }
    config = loaded(tmp_path, {"s": {"url": "https://h/mcp", "headers": {"A": "Bearer ${TOKEN}"}, **settings}})
    assert config.warnings == ()
    assert config.backends == (
        BackendConfig(
            name="s",
            transport=Http("https://h/mcp", {"A": "Bearer s3cret"}),
            enabled=False,
            start=Start.LAZY,
            timeout=5,
            max_time=50,
            connect_timeout=7,
            allow=("read_*",),
            deny=("read_all",),
            concurrency=2,
            pin=Pin.STRICT,
            expose=Expose.LISTED,
            listed=("read_a",),
            max_result=10,
            tool_max_result={"read_a": 99},
        ),
    )


def test_allow_and_deny_decide_which_tools_are_relayed() -> None:
    backend = BackendConfig("s", Stdio("x"), allow=("read_*", "list"), deny=("read_all",))
    assert [tool for tool in ("read_a", "read_all", "list", "listing", "write") if backend.relays(tool)] == [
        "read_a",
        "list",
    ]
    assert BackendConfig("s", Stdio("x")).relays("anything")
    assert not BackendConfig("s", Stdio("x"), deny=("*",)).relays("anything")


def test_a_result_limit_of_a_tool_goes_before_the_servers() -> None:
    backend = BackendConfig("s", Stdio("x"), max_result=10, tool_max_result={"big": 99})
    assert (backend.result_limit("big"), backend.result_limit("other")) == (99, 10)


def test_a_long_timeout_lifts_the_absolute_limit_unless_that_is_given(tmp_path: Path) -> None:
    assert one(tmp_path, {"command": "x", "timeout": 3_600_000}).max_time == 3600
    assert one(tmp_path, {"command": "x", "timeout": 3_600_000, "maxTime": 60}).max_time == 60


def test_paths_are_taken_from_the_files_folder_or_the_home(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.env").write_text("A=file\nB='x # y'\n", encoding="utf-8")
    entry = {"command": "~/bin/x", "cwd": "sub", "envFile": "${workspaceFolder}/a.env", "env": {"A": "entry", "N": 1}}
    assert one(tmp_path, entry).transport == Stdio(
        "/home/ann/bin/x", (), {"A": "entry", "B": "x # y", "N": "1"}, tmp_path / "sub"
    )


def test_an_environment_file_may_have_comments_quotes_and_export(tmp_path: Path) -> None:
    lines = ["# c", "", "export A=1 # c", "B=a#b", 'C="x\\n\\"y\\" # z" # c', "D=", "E = spaced out ", "F='$x'"]
    (tmp_path / ".env").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    transport = one(tmp_path, {"command": "x", "envFile": ".env"}).transport
    assert isinstance(transport, Stdio)
    assert transport.env == {"A": "1", "B": "a#b", "C": 'x\n"y" # z', "D": "", "E": "spaced out", "F": "$x"}


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("npx", "must be an object"),
        ({}, "neither a command nor a url"),
        ({"command": ""}, "command: must be a text"),
        ({"command": ["npx"]}, "command: must be a text"),
        ({"command": "${MISSING}"}, "command: the environment variable MISSING is not set"),
        ({"command": "x", "args": "-y"}, "args: must be a list"),
        ({"command": "x", "args": [["y"]]}, "args: must be a list"),
        ({"command": "x", "args": ["a", "${MISSING}"]}, r"args\[1\]: the environment variable MISSING"),
        ({"command": "x", "args": ["a\0"]}, r"args\[0\]: holds a character"),
        ({"command": "x", "args": ["\ud800"]}, r"args\[0\]: holds a character"),
        ({"command": "x", "env": ["A=1"]}, "env: must be an object"),
        ({"command": "x", "env": {"A": {}}}, "env.A: must be a text"),
        ({"command": "x", "env": {"A=B": "1"}}, "env: 'A=B' cannot be"),
        ({"command": "x", "env": {"A": "${input:key}"}}, r"env.A: .* write \$\{KEY\}"),
        ({"command": "x", "envFile": "missing.env"}, "envFile: the file cannot be read"),
        ({"command": "x", "cwd": "missing"}, "cwd: 'missing' is not a folder"),
        ({"url": "ftp://h"}, "url: is not an address"),
        ({"url": "https://"}, "url: is not an address"),
        ({"url": "https://h:port/"}, "url: is not an address"),
        ({"url": "https://[/"}, "url: is not an address"),
        ({"url": "https://h/ x"}, "url: is not an address"),
        ({"url": "https://h", "headers": {"A": "x\ny"}}, "headers.A: holds a line break"),
        ({"url": "https://h", "headers": {"A": "é"}}, "headers.A: holds a line break or a character"),
        ({"url": "https://h", "headers": {"A B": "x"}}, "headers: 'A B' cannot be"),
        ({"type": "sse", "url": "https://h/sse"}, "the old HTTP\\+SSE transport"),
        ({"command": "x", "timeout": "soon"}, "timeout: must be a number of seconds"),
        ({"command": "x", "timeout": True}, "timeout: must be a number of seconds"),
        ({"command": "x", "timeout": 0}, "timeout: must be a number of seconds"),
        ({"command": "x", "timeout": 10**400}, "timeout: must be a number of seconds"),
        ({"command": "x", "timeout": float("inf")}, "timeout: must be a number of seconds"),
        ({"command": "x", "maxTime": float("nan")}, "maxTime: must be a number of seconds"),
        ({"command": "x", "concurrency": 0}, "concurrency: must be a whole number"),
        ({"command": "x", "concurrency": 1.5}, "concurrency: must be a whole number"),
        ({"command": "x", "enabled": "no"}, "enabled: must be true or false"),
        ({"command": "x", "start": "now"}, "start: must be one of eager, lazy"),
        ({"command": "x", "pin": True}, "pin: must be one of off, flag, strict"),
        ({"command": "x", "expose": "listed"}, "expose: must be one of auto, all, search"),
        ({"command": "x", "expose": [1, []]}, "expose: must be a list"),
        ({"command": "x", "tools": {"a": 3}}, "tools: must be an object"),
        ({"command": "x", "tools": {"a": {"maxResult": -1}}}, "tools.a.maxResult: must be a whole number"),
        ({"command": "x", "tools": {"a": {"maxresults": 1}}}, "tools.a.maxresults: is not known"),
    ],
)
def test_a_bad_entry_makes_only_its_server_unusable(tmp_path: Path, entry: object, problem: str) -> None:
    config = loaded(tmp_path, {"s": entry, "good": {"command": "x"}})
    bad, good = config.backends
    assert bad.transport is None
    with pytest.raises(HubError, match=problem):
        raise HubError("", bad.problem)
    assert bad.problem.startswith("server 's'")
    assert good == BackendConfig("good", Stdio("x"))


def test_a_line_of_an_environment_file_that_is_none_is_named_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\ns3cret\n", encoding="utf-8")
    problem = one(tmp_path, {"command": "x", "envFile": ".env"}).problem
    assert "line 2" in problem
    assert "s3cret" not in problem


def test_a_disabled_entry_stays_disabled_when_it_is_also_bad(tmp_path: Path) -> None:
    assert not one(tmp_path, {"disabled": True}).enabled
    assert not one(tmp_path, {"command": "x", "disabled": True}).enabled
    assert one(tmp_path, {"command": "x", "disabled": False}).enabled


def test_an_unknown_key_is_a_warning_and_a_hosts_own_key_is_nothing(tmp_path: Path) -> None:
    config = loaded(tmp_path, {"s": {"command": "x", "retries": 3, "alwaysAllow": ["a"], "sandboxEnabled": True}})
    assert config.warnings == ("server 's': the key 'retries' is not known and has no effect",)
    assert config.backends == (BackendConfig("s", Stdio("x")),)


def test_the_process_environment_is_used_when_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMENTO_TEST_COMMAND", "npx")
    file = tmp_path / "tools.toml"
    file.write_text('[mcp_servers.s]\ncommand = "${MEMENTO_TEST_COMMAND}"', encoding="utf-8")
    assert load(file).backends == (BackendConfig("s", Stdio("npx")),)


def test_names_are_made_fit_and_a_clash_is_a_problem(tmp_path: Path) -> None:
    servers = {name: {"command": "x"} for name in ("my server", "my-server", "a__b", "my/server")}
    config = loaded(tmp_path, servers)
    assert [backend.name for backend in config.backends] == ["my-server-2", "my-server", "a_b", "my-server-3"]
    assert [bool(backend.problem) for backend in config.backends] == [True, False, False, True]
    assert "'my server'" in config.backends[0].problem
    assert any("'a__b' is called 'a_b'" in warning for warning in config.warnings)


@given(st.lists(st.text(max_size=12) | st.text(alphabet="ab_- ./", max_size=6), unique=True))
def test_names_are_fit_all_different_and_the_same_every_time(written: list[str]) -> None:
    names = server_names(written)
    assert list(names.given) == written
    assert len(set(names.given.values())) == len(written)
    assert all(fit(name) == name and "__" not in name for name in names.given.values())
    assert server_names(written) == names


SECRETS = st.text(alphabet="qxzQXZ7", min_size=12, max_size=30)
PLACES = st.sampled_from(["env", "headers", "args", "url", "command", "cwd", "envFile", "default", "password"])
FLAWS = st.sampled_from([{}, {"timeout": 0}, {"cwd": "${S}"}, {"type": "sse"}, {"env": {"A": "${S}${U}"}}, {"what": 1}])


@given(secret=SECRETS, place=PLACES, flaw=FLAWS, tail=st.sampled_from(["", "\n", "é", "\0", "${U}", "${", "@["]))
def test_no_secret_is_in_a_representation_a_problem_or_a_warning(
    secret: str, place: str, flaw: dict[str, object], tail: str
) -> None:
    entries: dict[str, dict[str, object]] = {
        "env": {"command": "x", "env": {"KEY": secret + tail, "K2": "${S}" + tail}},
        "headers": {"url": "https://h", "headers": {"KEY": secret + tail, "K2": "${S}" + tail}},
        "args": {"command": "x", "args": ["--key", "${S}" + tail, secret]},
        "url": {"url": "https://h/${S}?k=" + secret + tail},
        "command": {"command": "${S}" + tail},
        "cwd": {"command": "x", "cwd": "${S}" + tail},
        "envFile": {"command": "x", "envFile": "secrets.env"},
        "default": {"command": "${U:-" + secret + "}", "env": {"K": "${U:-" + secret + "}" + tail}},
        "password": {"url": "https://u:" + secret + "@h" + tail},
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tools.json"
        file.write_text(json.dumps({"mcpServers": {"s": {**entries[place], **flaw}}}), encoding="utf-8")
        (Path(folder) / "secrets.env").write_text(f"K={secret}\n{secret}{tail}\n", encoding="utf-8")
        config = load(file, {"S": secret, "HOME": os.sep})
    shown = [repr(config), str(config), *config.warnings]
    shown += [text for backend in config.backends for text in (backend.problem, repr(backend.transport))]
    shown += [backend.transport.shown for backend in config.backends if backend.transport]
    assert not [text for text in shown if secret in text]


@given(SECRETS, st.sampled_from(['"x', ",", "}", "\\", "é\ud800"]))
def test_no_secret_is_in_the_error_about_a_broken_file(secret: str, breakage: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, start in (("a.json", '{"mcpServers": {"s": {"env": {"K": "'), ("a.toml", '[mcp_servers.s]\nK = "')):
            file = Path(folder) / name
            file.write_bytes(f"{start}{secret}{breakage}".encode(errors="surrogatepass"))
            with pytest.raises(HubError) as it:
                load(file, {})
            assert secret not in f"{it.value}{it.value!r}{it.value.__cause__!r}"


def test_of_two_servers_with_one_prefix_only_the_first_is_used(tmp_path: Path) -> None:
    entries = {"a": {"command": "x", "prefix": "b__"}, "b": {"command": "x"}, "c": {"command": "x", "prefix": ""}}
    first, second, third = loaded(tmp_path, entries).backends
    assert (first.problem, third.problem) == ("", "")
    assert second.transport is None
    assert 'a has the prefix "b__" too' in second.problem
