"""The demo tells the truth: a plan that failed is known the next time, and one's own tasks are learned."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from integration.processes import commanded
from memento_memory.embedding import Embedder
from memento_server.demo import carried_out
from memento_server.demo.tool_client import ToolClient


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "memento_server", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def told(embedder: Embedder) -> list[dict[str, Any]]:
    done = demo("--json")
    assert done.returncode == 0, done.stderr
    story: list[dict[str, Any]] = json.loads(done.stdout)["story"]
    return story


def test_the_corrected_plan_leads_the_next_time_and_the_failure_is_a_warning(told: list[dict[str, Any]]) -> None:
    (learned,) = [part for part in told if "after" in part]
    before = {case["case_id"] for case in learned["before"]["cases"]}
    first, *others = learned["after"]["cases"]
    assert first["case_id"] == learned["recorded"]["case_id"]
    assert first["case_id"] not in before
    assert any(case["outcome"] == "failure" and "KeyError" in case["why"] for case in others)
    assert learned["after"]["draft_plan"]["adapted_from"] == first["case_id"]


def test_a_plan_is_carried_out_with_relayed_tools_and_learned_from_the_trace(told: list[dict[str, Any]]) -> None:
    (done,) = [part for part in told if "trace" in part]
    assert [call["is_error"] for call in done["trace"]] == [False] * len(done["trace"])
    assert f"the plan was drawn from {len(done['trace'])} tool calls" in done["recorded"]["changes"]
    draft = done["again"]["draft_plan"]
    assert draft["adapted_from"] == done["recorded"]["case_id"]
    assert [step["tool"] for step in draft["plan"]] == [f"{call['server']}__{call['tool']}" for call in done["trace"]]


@pytest.mark.parametrize("work", [carried_out._git, carried_out._notes])
def test_the_work_of_the_demo_can_be_done_with_each_server_that_is_there(tmp_path: Path, work: Any) -> None:
    chosen = work(tmp_path)
    server = StdioServerParameters(
        command=chosen.server["command"], args=chosen.server["args"], env=chosen.server.get("env")
    )

    async def run() -> None:
        async with Client(server) as client:
            for tool, arguments in chosen.calls:
                await ToolClient(client).call_text(tool, **arguments)

    anyio.run(run)


def test_a_task_unlike_all_others_is_shown_nothing(told: list[dict[str, Any]]) -> None:
    poem = next(part for part in told if "poem" in part["task"])
    assert poem["planned"]["verdict"] == "no_useful_case"
    assert poem["planned"]["cases"] == []


def test_a_task_of_one_s_own_leads_when_it_is_asked_again(tmp_path: Path, embedder: Embedder) -> None:
    file = tmp_path / "tasks.jsonl"
    names = ["apples", "invoices", "meetings", "photos", "logs", "tickets", "songs", "letters", "maps"]
    file.write_text("".join(json.dumps({"nl": f"List all {n}", "cmd": f"ls {n}"}) + "\n" for n in names))
    done = commanded("demo", "--tasks", str(file), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["imported"] + len(report["story"]) == len(names)
    assert all(part["leads_when_asked_again"] for part in report["story"])


def test_a_file_without_tasks_is_one_line_of_explanation(tmp_path: Path, embedder: Embedder) -> None:
    (tmp_path / "empty.jsonl").write_text("{}\n")
    done = commanded("demo", "--tasks", str(tmp_path / "empty.jsonl"))
    assert done.returncode == 1
    assert done.stderr.strip().startswith("memento: tasks:")
    assert len(done.stderr.strip().splitlines()) == 1
