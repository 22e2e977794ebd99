"""Tools that change or vanish: plans that need them are worth less, and count in full when the tools are back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from integration.banks import rows
from integration.processes import until
from integration.relays import Relay, backend, relaying

TASK = "Count the sheep of the shepherd"
OTHER = "Count the sheep of the farmer"
MISSING = "it needs tools that are not at hand"


def test_a_plan_whose_tool_vanished_is_worth_less_and_says_why_until_the_tool_is_back(tmp_path: Path) -> None:
    with changing(tmp_path) as relay:
        relay.call("sly__grow")
        until(lambda: "sly__added" in relay.tools(), "the tool")
        kept, other = counted(relay, TASK, "sly__added"), counted(relay, OTHER, "sly__subject")
        before = found(relay, kept)
        assert MISSING not in before["why"]

        relay.attempt("sly__crash")
        until(lambda: {"sly__subject"} <= relay.tools().keys(), "the server")
        assert "sly__added" not in relay.tools()
        lacking = found(relay, kept)
        assert MISSING in lacking["why"]
        assert lacking["value"] < before["value"]
        kept_up(lambda: decay(relay, tmp_path, kept) == 0.1, "the drift")
        assert decay(relay, tmp_path, other) == 1
        assert found(relay, kept)["value"] < lacking["value"]

        relay.call("sly__grow")
        until(lambda: "sly__added" in relay.tools(), "the tool")
        kept_up(lambda: decay(relay, tmp_path, kept) == 1, "the return")
        assert found(relay, kept) == before


def test_a_tool_that_changed_counts_for_less_until_its_plan_is_recorded_anew(tmp_path: Path) -> None:
    with changing(tmp_path) as relay:
        kept = counted(relay, TASK, "sly__subject")
        relay.call("sly__change", text="Counts your money.")
        until(lambda: (relay.tools()["sly__subject"].description or "").endswith("money."), "the change")
        kept_up(lambda: decay(relay, tmp_path, kept) == 0.5, "the drift")
        assert counted(relay, TASK, "sly__subject") == kept
        kept_up(lambda: decay(relay, tmp_path, kept) == 1, "the new record")
        counted(relay, OTHER, "sly__missing")
    with changing(tmp_path) as relay:  # finds the change noted, and does not note it again
        kept_up(lambda: "sly__missing" in noted(relay, tmp_path), "the next note")
        assert decay(relay, tmp_path, kept) == 1


def test_servers_that_cannot_be_reached_change_nothing(tmp_path: Path) -> None:
    file = tmp_path / "description.txt"
    with relaying(tmp_path, {name: backend("changing.py", file) for name in ("sly", "shy")}) as relay:
        until(lambda: {"sly__subject", "shy__subject"} <= relay.tools().keys(), "the servers")
        kept = {task: counted(relay, task, tool) for task, tool in ((TASK, "sly__subject"), (OTHER, "shy__subject"))}
        counted(relay, "Sing", "sound__missing")
        before = {task: found(relay, case, task) for task, case in kept.items()}
    broken = {"sly": {"command": "no-such-program"}, "shy": backend("crashing.py", "listing", "never-repaired")}
    with relaying(tmp_path, {**broken, "sound": backend("echo.py")}) as relay:
        until(lambda: "sound__echo" in relay.tools(), "the other server")
        kept_up(lambda: "sound__missing" in noted(relay, tmp_path), "a note on the server that was reached")
        assert noted(relay, tmp_path) == {"sound__missing"}
        for task, case in kept.items():
            assert decay(relay, tmp_path, case) == 1
            after = found(relay, case, task)
            assert after["value"] == before[task]["value"]
            assert MISSING not in after["why"]


def test_no_plan_waits_for_a_server_that_does_not_answer(tmp_path: Path) -> None:
    with relaying(tmp_path, {"mute": backend("silent.py", "everything", connectTimeout=3600)}) as relay:
        assert relay.ok("plan_with_memory", task=TASK)["plan_id"]
        assert relay.ok("retrieve_cases", query=TASK)["cases"] == []
        assert relay.state("mute")["state"] == "connecting"


@contextmanager
def changing(folder: Path) -> Iterator[Relay]:
    with relaying(folder, {"sly": backend("changing.py", folder / "description.txt")}) as relay:
        until(lambda: "sly__subject" in relay.tools(), "the server")
        yield relay


def counted(relay: Relay, task: str, tool: str) -> str:
    """Record a success by a plan that needs a tool; its case."""
    plan = {"subtasks": [{"id": 1, "description": "Count", "tool": tool}]}
    return str(relay.ok("record_outcome", outcome="success", task=task, plan=plan)["case_id"])


def found(relay: Relay, case_id: str, task: str = TASK) -> dict[str, Any]:
    """A case as a search for its task finds it; this is also what upkeep goes along with."""
    (case,) = [case for case in relay.ok("retrieve_cases", query=task)["cases"] if case["case_id"] == case_id]
    return dict(case)


def kept_up(event: Callable[[], bool], what: str) -> None:
    """Wait for what upkeep does, without a hurry: it comes some seconds after a search, and every look is a search."""

    def look() -> bool:
        time.sleep(0.5)
        return event()

    until(look, what)


def decay(relay: Relay, folder: Path, case_id: str) -> float:
    relay.ok("retrieve_cases", query=TASK)
    return float(rows(folder / "bank.sqlite3", "SELECT decay FROM cases WHERE id = ?", case_id)[0][0])


def noted(relay: Relay, folder: Path) -> set[str]:
    relay.ok("retrieve_cases", query=TASK)
    return {tool for (tool,) in rows(folder / "bank.sqlite3", "SELECT tool FROM tool_drift")}
