"""What a server leaves on stdout, in memory and behind: protocol messages only, no training libraries, no processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from mcp.types import jsonrpc_message_adapter

from integration.banks import number, problems
from integration.processes import PATIENCE_S, RawServer, raw_server, until

_TASK = "Tune the piano in the hall"
_PLAN = "1. Open the piano\n2. Tune it by ear"

_ENDS: dict[str, Callable[[RawServer], object]] = {
    "SIGTERM": lambda server: server.process.send_signal(signal.SIGTERM),
    "SIGINT": lambda server: server.process.send_signal(signal.SIGINT),
    "closed stdin": lambda server: server.process.stdin.close(),
    "SIGKILL": lambda server: server.process.kill(),
}


@pytest.mark.slow
def test_a_server_whose_model_is_being_prepared_answers_at_once_and_makes_the_vectors_later(
    bank: Path, tmp_path: Path
) -> None:
    with raw_server(bank, env={"MEMENTO_CACHE": str(tmp_path / "cache")}) as server:
        server.initialize()
        recorded = server.call("record_outcome", outcome="success", task=_TASK, plan=_PLAN)
        assert recorded.structured["status"] == "retained"
        planned = server.call("plan_with_memory", task=_TASK)
        assert "compared by words only" in planned.structured["brief"]
        assert [case["task"] for case in planned.structured["cases"]] == [_TASK]
        looked_up = server.call("retrieve_cases", query="piano")
        assert "words only" in looked_up.structured["note"]
        assert number(bank, "SELECT count(*) FROM case_vectors") == 0
        until(lambda: number(bank, "SELECT count(*) FROM case_vectors") == 1, "the vector of the case")
        planned = server.call("plan_with_memory", task="The hall's piano is out of tune, see to it")
        assert "words only" not in planned.structured["brief"]
        assert server.stop() == 0
        _only_messages(server)
    assert problems(bank) == []


@pytest.mark.parametrize("end", ["SIGTERM", "closed stdin", "SIGKILL"])
def test_a_server_that_ends_while_the_model_is_being_prepared_leaves_no_process(
    bank: Path, tmp_path: Path, end: str
) -> None:
    with raw_server(bank, env={"MEMENTO_CACHE": str(tmp_path / "cache")}) as server:
        children = until(lambda: server.process.children(recursive=True), "the preparation's process")
        _ENDS[end](server)
        server.wait()
        gone, alive = psutil.wait_procs(children, PATIENCE_S)
        assert not alive
        assert len(gone) == len(children)


@pytest.mark.parametrize("end", ["SIGTERM", "SIGINT"])
def test_a_server_that_is_told_to_end_does_so_and_leaves_an_intact_bank(bank: Path, end: str) -> None:
    with raw_server(bank) as server:
        server.initialize()
        assert not server.call("record_outcome", outcome="success", task=_TASK, plan=_PLAN).is_error
        assert server.process.children(recursive=True) == []
        _ENDS[end](server)
        server.wait()
        _only_messages(server)
        assert "Traceback" not in server.stderr
    assert number(bank, "SELECT count(*) FROM cases") == 1
    assert problems(bank) == []


def test_every_line_on_stdout_is_a_message_whatever_is_asked_and_nothing_is_left_behind(bank: Path) -> None:
    with raw_server(bank) as server:
        server.initialize()
        server.call("plan_with_memory", task=_TASK)
        server.call(
            "record_outcome", outcome="failure", task=_TASK, plan=_PLAN, notes="line one\nline two\r\nthree\u2028"
        )
        assert "words only" not in server.call("plan_with_memory", task=_TASK).structured["brief"]
        server.call("plan_with_memory", task="")
        server.call("no_such_tool")
        server.send("not JSON")
        server.send('{"jsonrpc": "2.0", "id": 3000, "method": "no/such/method"}')
        server.answer(3000)
        server.request("resources/read", {"uri": "memento://cases/none"})
        server.request("resources/read", {"uri": "memento://stats"})
        server.request("prompts/get", {"name": "none"})
        assert server.process.children(recursive=True) == []
        if sys.platform == "linux":
            _has_not_mapped_torch(server.process.pid)
        logged = server.stderr
        assert server.stop() == 0
        _only_messages(server)
        assert "Traceback" not in server.stderr.removeprefix(logged)
    assert number(bank, "SELECT count(*) FROM cases") == 1
    assert problems(bank) == []


def _has_not_mapped_torch(pid: int) -> None:
    mapped = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    assert "onnxruntime" in mapped
    assert "libtorch" not in mapped


def _only_messages(server: RawServer) -> None:
    assert server.lines
    for line in server.lines:
        jsonrpc_message_adapter.validate_json(line)


_INSIDE = """
import sys
from pathlib import Path

import anyio
from mcp import Client
from memento_server.app import build
from memento_server.settings import Settings


async def work() -> None:
    async with Client(build(Settings(Path(sys.argv[1])))) as client:
        planned = await client.call_tool("plan_with_memory", {"task": "Tune the piano"})
        plan_id = planned.structured_content["plan_id"]
        arguments = {"plan_id": plan_id, "outcome": "success", "plan": "1. Tune it"}
        recorded = await client.call_tool("record_outcome", arguments)
        assert recorded.structured_content["status"] == "retained", recorded
        planned = await client.call_tool("plan_with_memory", {"task": "Tune the piano"})
        assert "words only" not in planned.structured_content["brief"]
        assert "onnxruntime" in sys.modules
        print(*sorted({name.split(".")[0] for name in sys.modules}))


anyio.run(work)
"""


def test_a_warm_server_has_not_imported_what_only_the_preparation_needs(bank: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INSIDE, str(bank)], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    heavy = {"torch", "transformers", "sentence_transformers", "anthropic", "openai", "onnx", "onnxscript"}
    assert not heavy & set(done.stdout.split())
