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

from integration.processes import PATIENCE_S, memento, serving
from memento_server.bundled_flags import Given
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
    *("playwright", "trafilatura", "ddgs", "matplotlib", "memento_memory.bank", "memento_memory.case"),
    *("memento_planner", "openai", "anthropic"),
}
AT_THE_END = """
import atexit, sys
atexit.register(lambda: sys.stderr.write("IMPORTED " + " ".join(sys.modules)))
"""
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
        command=written["command"], args=written["args"], cwd=folder, env={"HOME": str(folder / "home")}
    )
    with (folder / "stderr.txt").open("w", encoding="utf-8") as errors:
        transport = stdio_client(parameters, errlog=errors)
        async with Client(transport, read_timeout_seconds=PATIENCE_S) as client:
            yield client


def litter(folder: Path) -> None:
    """Modules that stop who imports them."""
    for module in ("statistics", "mcp", "anyio", "memento_server", "sympy"):
        (folder / f"{module}.py").write_text("raise SystemExit('this folder was imported from')", encoding="utf-8")


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
def test_every_server_is_served_as_its_entry_says_whatever_lies_in_the_folder(tmp_path: Path, name: str) -> None:
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


def test_the_processes_a_server_starts_import_nothing_from_the_folder_either(tmp_path: Path) -> None:
    litter(tmp_path)

    async def calculated() -> Any:
        async with started(tmp_path, entry(BUNDLED["math"], Given())) as client:
            return await client.call_tool("calculate", {"expression": "1/3 + 1/6"})

    answer = anyio.run(calculated)
    assert not answer.is_error, answer.content
    assert answer.structured_content["exact"] == "1/2"


@pytest.mark.skipif(bool(BUNDLED["documents"].missing({})), reason="needs the extra documents")
def test_half_a_character_in_an_argument_is_answered_and_the_server_goes_on(tmp_path: Path) -> None:
    arguments = entry(BUNDLED["documents"], Given((tmp_path,)))["args"]
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
            return next(answer for answer in answers if answer.get("id") == id_)

        client = {"name": "raw", "version": "1"}
        asked(1, "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client})
        answer = asked(2, "tools/call", {"name": "read_document", "arguments": {"path_or_url": "\ud800.txt"}})
        assert answer["result"]["isError"]
        assert "tools" in asked(3, "tools/list", {})["result"]
        process.stdin.close()


@pytest.mark.parametrize("name", USABLE)
def test_nothing_heavy_is_loaded_to_start(tmp_path: Path, name: str) -> None:
    done = run_python(AT_THE_END + MAIN, "tool", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    imported = set(done.stderr.partition("IMPORTED ")[2].split())
    assert "memento_toolhub.servers.bundled" in imported
    assert imported & HEAVY == set()


def test_a_missing_extra_is_one_line_on_stderr_before_the_protocol_starts(tmp_path: Path) -> None:
    without = WITHOUT.format(modules=["sympy", "mpmath", "pint"])
    done = run_python(without + MAIN, "tool", "math", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("memento: tool math: ")
    assert "pip install 'memento-cbr[math]'" in line


def test_a_wrong_flag_ends_the_start_with_stdout_untouched(tmp_path: Path) -> None:
    done = memento("tool", "documents", "--root", str(tmp_path / "missing"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "--root" in done.stderr


@pytest.fixture
def kept(tmp_path: Path) -> dict[str, str]:
    """Variables with which Memento keeps all its files in the test's folder, and its tools file there too."""
    homes = {f"XDG_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("DATA", "STATE", "CONFIG")}
    return {**homes, "MEMENTO_TOOLS": str(tmp_path / "tools.json")}


def test_an_enabled_server_is_tried_and_relayed_by_memento(tmp_path: Path, kept: dict[str, str]) -> None:
    assert memento("tools", "enable", "math", env=kept).returncode == 0
    tried = memento("tools", "test", "math", env=kept)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "calculate" in tried.stdout
    with serving(tmp_path / "bank.sqlite3", env=kept) as server:
        answer = server.call("math__calculate", expression="2**100")
    assert not answer.is_error, answer.text
    assert str(2**100) in answer.text


def test_the_doctor_says_which_servers_are_on_and_is_well_without_the_others(
    tmp_path: Path, kept: dict[str, str]
) -> None:
    def said() -> dict[str, Any]:
        done = memento("doctor", "--json", env={**kept, "MEMENTO_BANK": str(tmp_path / "bank.sqlite3")})
        return {check["check"]: check for check in json.loads(done.stdout)}

    before = said()
    assert {check["ok"] for name, check in before.items() if name.startswith("tool ")} == {True}
    assert before["tool math"]["found"].startswith("off")
    memento("tools", "enable", "math", env=kept)
    assert said()["tool math"]["found"].startswith("on")
