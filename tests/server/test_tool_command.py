"""`memento tool NAME` as a host starts it: over real stdio, from any folder, with a missing part told in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from typer.testing import CliRunner

from integration.processes import PATIENCE_S, serving
from memento_server.__main__ import main
from memento_server.bundled_flags import Given
from memento_server.cli import app
from memento_server.cli_enable import entry
from memento_toolhub.servers.bundled import BUNDLED

HEAVY = {
    *(
        "numpy",
        "pandas",
        "sympy",
        "pint",
        "mpmath",
        "markitdown",
        "duckdb",
        "PIL",
        "av",
        "faster_whisper",
        "ctranslate2",
    ),
    *("playwright", "trafilatura", "lxml", "ddgs", "primp", "protego", "matplotlib"),
    *("memento_memory.bank", "memento_memory.case", "memento_planner", "openai", "anthropic"),
}
WITHOUT = "import sys; sys.modules.update(dict.fromkeys({modules!r}))"
MAIN = "\nfrom memento_server.__main__ import main; sys.argv[0] = 'memento'; main()"


def usable(name: str) -> Any:
    missing = BUNDLED[name].missing({})
    return pytest.param(name, marks=pytest.mark.skipif(bool(missing), reason=f"needs {[n.name for n in missing]}"))


USABLE = [usable(name) for name in BUNDLED]


@asynccontextmanager
async def started(folder: Path, written: Mapping[str, Any]) -> Any:
    """A client of a server that is started in a folder as an entry of a tools file says."""
    parameters = StdioServerParameters(
        command=written["command"],
        args=written["args"],
        cwd=folder,
        env={"HOME": str(folder / "home"), "PYTHONPROFILEIMPORTTIME": "1"},
    )
    with (folder / "stderr.txt").open("w", encoding="utf-8") as errors:
        transport = stdio_client(parameters, errlog=errors)
        async with Client(transport, read_timeout_seconds=PATIENCE_S) as client:
            yield client


def litter(folder: Path) -> None:
    """Modules that stop who imports them."""
    for module in ("statistics", "mcp", "anyio", "memento_server", "sympy"):
        (folder / f"{module}.py").write_text("raise SystemExit('this folder was imported from')", encoding="utf-8")


def imported(folder: Path) -> set[str]:
    """The modules that a server started in a folder says it has imported."""
    said = (folder / "stderr.txt").read_text(encoding="utf-8")
    return {line.rpartition("|")[2].strip() for line in said.splitlines() if line.startswith("import time:")}


def run_python(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.mark.parametrize("name", USABLE)
def test_every_server_starts_as_its_entry_says_loads_nothing_heavy_and_nothing_that_lies_in_the_folder(
    tmp_path: Path, name: str
) -> None:
    litter(tmp_path)
    roots = (tmp_path,) if name in ("documents", "code", "media") else ()

    async def listed() -> list[Any]:
        async with started(tmp_path, entry(BUNDLED[name], Given(roots))) as client:
            return list((await client.list_tools()).tools)

    tools = anyio.run(listed)
    assert len(tools) >= 2
    for tool in tools:
        assert tool.description, tool.name
        assert tool.annotations is not None, tool.name
        assert tool.output_schema is not None, tool.name
    assert "memento_toolhub.servers.bundled" in imported(tmp_path)
    assert imported(tmp_path) & HEAVY == set()


def test_its_processes_import_nothing_from_the_folder_and_half_a_character_in_an_argument_is_answered(
    tmp_path: Path,
) -> None:
    litter(tmp_path)
    arguments = entry(BUNDLED["math"], Given())["args"]
    assert isinstance(arguments, list)
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def asked(id_: int, method: str, params: object) -> Any:
            line = json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})
            process.stdin.write(line + "\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            answers = (json.loads(answer) for answer in process.stdout)  # type: ignore[union-attr]
            return next(answer for answer in answers if answer.get("id") == id_)["result"]

        def calculated(id_: int, expression: str) -> Any:
            return asked(id_, "tools/call", {"name": "calculate", "arguments": {"expression": expression}})

        client = {"name": "raw", "version": "1"}
        asked(1, "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client})
        assert calculated(2, "\ud800")["isError"]
        assert asked(3, "tools/call", {"name": "calculate", "arguments": {"\ud800": "1"}})["isError"]
        assert calculated(4, "3 km / 20 min to m/s")["structuredContent"]["exact"] == "5/2"
        assert "digits" in calculated(5, "9**9**9")["content"][0]["text"]
        process.stdin.close()


def test_a_missing_extra_is_one_line_on_stderr_before_the_protocol_starts(tmp_path: Path) -> None:
    without = WITHOUT.format(modules=["sympy", "mpmath", "pint"])
    done = run_python(without + MAIN, "tool", "math", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("memento: tool math: ")
    assert "pip install 'memento-cbr[math]'" in line


def test_a_wrong_flag_ends_the_start_with_stdout_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["memento", "tool", "documents", "--root", str(tmp_path / "missing")])
    with pytest.raises(SystemExit, match=r"^memento: .*--root"):
        main()
    assert capfd.readouterr().out == ""


@pytest.fixture
def kept(tmp_path: Path) -> dict[str, str]:
    """Variables with which Memento keeps all its files in the test's folder, and its tools file there too."""
    homes = {f"XDG_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("DATA", "STATE", "CONFIG")}
    return {**homes, "MEMENTO_TOOLS": str(tmp_path / "tools.json")}


def said_by(*arguments: str, env: dict[str, str]) -> str:
    """What a command that has to succeed writes; it runs in this process."""
    done = CliRunner().invoke(app, arguments, env=env, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_an_enabled_server_is_tried_and_relayed_by_memento(tmp_path: Path, kept: dict[str, str]) -> None:
    said_by("tools", "enable", "math", env=kept)
    assert "calculate" in said_by("tools", "test", "math", env=kept)
    with serving(tmp_path / "bank.sqlite3", env=kept) as server:
        answer = server.call("math__calculate", expression="2**100")
    assert not answer.is_error, answer.text
    assert str(2**100) in answer.text


def test_the_doctor_says_which_servers_are_on_and_is_well_without_the_others(
    tmp_path: Path, kept: dict[str, str]
) -> None:
    def said() -> dict[str, Any]:
        done = CliRunner().invoke(
            app, ["doctor", "--json"], env={**kept, "MEMENTO_BANK": str(tmp_path / "bank.sqlite3")}
        )
        return {check["check"]: check for check in json.loads(done.stdout)}

    before = said()
    assert {check["ok"] for name, check in before.items() if name.startswith("tool ")} == {True}
    assert before["tool math"]["found"].startswith("off")
    said_by("tools", "enable", "math", env=kept)
    assert said()["tool math"]["found"].startswith("on")
