"""Behind the relay each plan has files of its own: what is written for one is not there for another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mcp.types import RequestParamsMeta

from bundled.code.sandboxed import needs_sandbox
from integration.processes import until
from integration.relays import Relay, relaying

pytestmark = needs_sandbox


def planned(relay: Relay, task: str) -> str:
    return str(relay.ok("plan_with_memory", task=task)["plan_id"])


def names(listing: dict[str, Any]) -> list[str]:
    return [file["name"] for file in listing["files"]]


def test_two_plans_have_a_workspace_each(tmp_path: Path) -> None:
    files, cache = tmp_path / "files", tmp_path / "scratch"
    files.mkdir()
    code = {
        "command": sys.executable,
        "args": ["-m", "memento_server", "tool", "code", "--root", str(files)],
        "env": {"MEMENTO_CACHE": str(cache)},
    }
    with relaying(tmp_path, {"code": code}) as relay:
        until(lambda: "code__write_file" in relay.tools(), "the code server")

        def listed_for(plan_id: str) -> list[str]:
            meta: RequestParamsMeta = {"memento/plan_id": plan_id}  # type: ignore[typeddict-unknown-key]

            async def call() -> Any:
                return await relay.client.call_tool("code__list_files", {}, meta=meta)

            return names(relay.do(call).structured_content)

        first = planned(relay, "Write down the tides of the morning")
        relay.ok("code__write_file", path="morning.txt", text="low")
        second = planned(relay, "Write down the tides of the evening")
        assert names(relay.ok("code__list_files")) == []
        relay.ok("code__write_file", path="evening.txt", text="high")
        assert names(relay.ok("code__list_files")) == ["evening.txt"]
        assert (listed_for(first), listed_for(second)) == (["morning.txt"], ["evening.txt"])
        assert relay.call("code__read_file", path="morning.txt").is_error
        shown = relay.ok("code__run_python", code="import os; sorted(os.listdir())")
        assert "'evening.txt'" in shown["stdout"]
        assert "morning.txt" not in shown["stdout"]
    kept = {file.name for file in cache.rglob("*.txt")}
    assert {"morning.txt", "evening.txt"} <= kept, "both stay for their plans"
