"""The trace of relayed calls: tied to the plan, kept with the episode, without secrets, and whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.types import RequestParamsMeta

from integration.processes import until
from integration.relays import Relay, backend, commanded, relaying

SECRET = "sk-proj-abcdefghijklmnopqrstuvwx1234567890"
PASSWORD = "hunter2hunter2"


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """A Memento with a server that works and one that is given little time."""
    folder = tmp_path_factory.mktemp("trace")
    servers = {"sound": backend("echo.py"), "slow": backend("echo.py", timeout=0.3)}
    with relaying(folder, servers) as relay:
        until(lambda: {"sound__echo", "slow__hold"} <= relay.tools().keys(), "the servers")
        yield relay


def planned(relay: Relay, task: str) -> str:
    return str(relay.ok("plan_with_memory", task=task)["plan_id"])


def episode(relay: Relay, plan_id: str) -> dict[str, Any]:
    return dict(relay.read(f"memento://episodes/{plan_id}"))


def traced(look: Callable[[], dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The trace of an episode, once it has so many calls."""
    until(lambda: len(look()["trace"]) >= count, f"{count} calls in the trace")
    return list(look()["trace"])


def test_calls_belong_to_the_plan_their_host_has_open(relay: Relay) -> None:
    plan_id = planned(relay, "Sing twice")
    relay.call("sound__echo", text="la")
    relay.call("sound__fail", why="hoarse")
    one, two = traced(lambda: episode(relay, plan_id), 2)
    assert (one["server"], one["tool"], json.loads(one["arguments"])) == ("sound", "echo", {"text": "la"})
    assert ("la" in one["result"], one["is_error"], one["infrastructure"]) == (True, False, False)
    assert ("hoarse" in two["result"], two["is_error"], two["infrastructure"]) == (True, True, False)
    assert one["duration_ms"] > 0
    assert one["at"] <= two["at"]


def test_a_plan_named_in_meta_goes_before_the_open_one_and_may_name_the_step(relay: Relay) -> None:
    first, last = planned(relay, "Sing in the morning"), planned(relay, "Sing at night")
    meta: RequestParamsMeta = {"memento/plan_id": first, "memento/subtask": 2}  # type: ignore[typeddict-unknown-key]

    async def call() -> Any:
        return await relay.client.call_tool("sound__echo", {"text": "early"}, meta=meta)

    relay.do(call)
    relay.call("sound__echo", text="late")
    (early,), (late,) = traced(lambda: episode(relay, first), 1), traced(lambda: episode(relay, last), 1)
    assert (early["subtask"], json.loads(early["arguments"])["text"]) == (2, "early")
    assert (late["subtask"], json.loads(late["arguments"])["text"]) == (None, "late")


def test_an_outcome_without_a_plan_is_recorded_with_what_was_called_and_closes_the_plan(relay: Relay) -> None:
    plan_id = planned(relay, "Add up the takings of the fair")
    relay.ok("sound__add", a=2, b=3)
    relay.call("sound__echo", text="5")
    recorded = relay.ok("record_outcome", outcome="success", plan_id=plan_id, evidence="tool_result")
    assert "the plan was drawn from 2 tool calls" in recorded["changes"]
    relay.call("sound__echo", text="afterwards")
    kept = episode(relay, plan_id)
    assert kept["plan_drawn_from_trace"]
    assert [step["tool"] for step in kept["plan"]] == ["sound__add", "sound__echo"]
    later = planned(relay, "Sing something else")
    relay.call("sound__echo", text="now")
    assert len(traced(lambda: episode(relay, later), 1)) == 1
    assert len(episode(relay, plan_id)["trace"]) == 2


@pytest.mark.parametrize(
    ("tool", "arguments"), [("slow__hold", {"gate": "/nowhere/gate"}), ("sound__crash", {})], ids=["silent", "crashed"]
)
def test_a_failure_that_infrastructure_is_to_blame_for_is_kept_as_unknown(
    relay: Relay, tool: str, arguments: dict[str, Any]
) -> None:
    plan_id = planned(relay, f"Something that needs {tool}")
    assert relay.attempt(tool, **arguments).is_error
    answer = relay.call("record_outcome", outcome="failure", plan_id=plan_id)
    assert "kept as unknown" in answer.text
    assert episode(relay, plan_id)["outcome"] == "unknown"
    assert [call["infrastructure"] for call in episode(relay, plan_id)["trace"]] == [True]


def test_a_failure_of_the_tool_itself_stays_a_failure(relay: Relay) -> None:
    plan_id = planned(relay, "Something the tool cannot do")
    relay.call("sound__fail", why="cannot")
    relay.call("record_outcome", outcome="failure", plan_id=plan_id)
    assert episode(relay, plan_id)["outcome"] == "failure"


def test_no_secret_is_in_the_resource_the_command_lines_or_the_log_of_calls(relay: Relay) -> None:
    secrets = {"text": f"token {SECRET}", "password": PASSWORD, "headers": {"Authorization": f"Bearer {SECRET}"}}
    plan_id = planned(relay, "Handle secrets")
    assert SECRET in relay.call("sound__echo", **secrets).text
    relay.call("sound__fail", why=f"login with {SECRET} failed, password={PASSWORD}")
    relay.call("sound__fail", why="", api_key=PASSWORD)
    shown = json.dumps(traced(lambda: episode(relay, plan_id), 3))
    told = commanded(relay.folder, "trace", plan_id, "--json")
    logged = commanded(relay.folder, "tools", "log")
    (calls,) = relay.folder.rglob("calls.jsonl")
    for text in (shown, told.stdout, logged.stdout, calls.read_text(encoding="utf-8")):
        assert '"echo"' in text
        assert SECRET not in text
        assert PASSWORD not in text
    for file in relay.folder.rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file
            assert PASSWORD.encode() not in file.read_bytes(), file
    assert calls.stat().st_mode & 0o077 == 0


def test_a_killed_memento_keeps_what_was_called_before(tmp_path: Path) -> None:
    with relaying(tmp_path, {"sound": backend("echo.py")}) as relay:
        plan_id = planned(relay, "Sing until the lights go out")
        relay.call("sound__echo", text="before")
        traced(lambda: episode(relay, plan_id), 1)
        process = relay.process
        process.kill()
        process.wait()
    told = commanded(tmp_path, "trace", plan_id, "--json")
    assert [json.loads(call["arguments"])["text"] for call in json.loads(told.stdout)] == ["before"]
    with relaying(tmp_path, {"sound": backend("echo.py")}) as again:
        recorded = again.ok("record_outcome", outcome="success", plan_id=plan_id)
        assert "drawn from" in str(recorded)
