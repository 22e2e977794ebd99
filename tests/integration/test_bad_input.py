"""Input that cannot be used is answered with the field at fault and the fix, and changes nothing in the bank."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.banks import dump, rows
from integration.processes import RawServer, raw_server, serving_here, until

_WORK = {"outcome": "success", "task": "Water the ferns", "plan": "1. Fill the can\n2. Water the ferns"}
_CYCLE = [
    {"id": 1, "description": "Hen", "depends_on": [2]},
    {"id": 2, "description": "Egg", "depends_on": [1]},
]
_MANY = "\n".join(f"{i}. Water fern {i}" for i in range(1, 102))
_HALF_ID = '[{"id": 1, "description": "Water", "depends_on": ["\\ud800"]}]'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RawServer]:
    """One server, with a case and an open episode in its bank and nothing left to do in the background."""
    bank = tmp_path_factory.mktemp("bad-input") / "bank.sqlite3"
    with raw_server(bank) as started:
        started.initialize()
        started.call("record_outcome", **_WORK)
        started.plan_id = started.call("plan_with_memory", task=_WORK["task"]).structured["plan_id"]
        started.bank = bank
        until(lambda: dump(bank)["case_vectors"] and not dump(bank)["unembedded"], "the vector of the first case")
        yield started


def _recorded(**changed: Any) -> dict[str, Any]:
    return {**_WORK, **changed}


_REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("plan_with_memory", {"task": ""}, "task: is empty; say in a sentence"),
    ("plan_with_memory", {"task": " \n\t"}, "task: is empty; say in a sentence"),
    ("plan_with_memory", {"task": "x" * 20_001}, "task: is 20,001 bytes long, at most 20,000 are allowed; shorten"),
    ("plan_with_memory", {"task": "é" * 10_001}, "task: is 20,002 bytes long"),
    ("plan_with_memory", {"task": "x", "context": "x" * 20_001}, "context: is 20,001 bytes long"),
    ("plan_with_memory", {"task": "a\x00b"}, "task: holds the control character U+0000 at character 1; remove it"),
    ("plan_with_memory", {"task": "\x1b[31mred"}, "task: holds the control character U+001B at character 0"),
    ("plan_with_memory", {"task": "a\ud800b"}, "task: holds the lone surrogate U+D800 at character 1; remove it"),
    ("plan_with_memory", {"task": "x", "k": 0}, "k: is 0; ask for 1 to 20 cases"),
    ("plan_with_memory", {"task": "x", "k": 21}, "k: is 21; ask for 1 to 20 cases"),
    ("plan_with_memory", {"task": "x", "k": 2.5}, "k: Input should be a valid integer"),
    ("plan_with_memory", {"task": "x", "namespace": "no spaces"}, "namespace: 'no spaces' cannot be used; take"),
    ("plan_with_memory", {"task": "x", "namespace": "\udfff"}, "namespace: '\\udfff' cannot be used; take"),
    ("plan_with_memory", {}, "task: is empty; say in a sentence"),
    ("plan_with_memory", {"task": 5}, "task: Input should be a valid string; given was 5"),
    ("plan_with_memory", {"task": ["a"]}, "task: Input should be a valid string; given was ['a']"),
    ("plan_with_memory", {"task": None}, "task: Input should be a valid string; given was None"),
    ("plan_with_memory", {"task": "x", "goal": "y"}, "goal: is not an argument of plan_with_memory; it takes task"),
    ("plan_with_memory", {"task": "x", "\ud800": 1}, "\\ud800: is not an argument of plan_with_memory"),
    ("retrieve_cases", {"query": ""}, "query: is empty"),
    ("retrieve_cases", {"query": "x", "k": 21}, "k: is 21; ask for 1 to 20 cases"),
    ("retrieve_cases", {"query": "x", "outcome": "great"}, "outcome: Input should be 'any', 'success'"),
    ("retrieve_cases", {"query": "x", "tags": "a" * 65}, "tags: is 65 bytes long"),
    ("record_outcome", {"outcome": "success", "plan_id": "p-0"}, "plan_id: there is no episode 'p-0'; use the plan"),
    ("record_outcome", _recorded(plan_id="\ud800"), "plan_id: holds the lone surrogate U+D800"),
    ("record_outcome", _recorded(outcome="great"), "outcome: Input should be 'success', 'failure' or 'unknown'"),
    ("record_outcome", {"task": "x", "plan": "1. y"}, "outcome: is missing; give it"),
    ("record_outcome", {"outcome": "success"}, "task: is needed when no plan_id is given; say what"),
    ("record_outcome", {"outcome": "success", "task": "x"}, "plan: is needed when no plan_id is given; give"),
    ("record_outcome", _recorded(reward=-1), "reward: is -1.0, outside [0, 1]; 1 is full success"),
    ("record_outcome", _recorded(reward=1.01), "reward: is 1.01, outside [0, 1]"),
    ("record_outcome", _recorded(reward=float("nan")), "reward: is nan, outside [0, 1]"),
    ("record_outcome", _recorded(reward="nan"), "reward: is nan, outside [0, 1]"),
    ("record_outcome", _recorded(reward=float("inf")), "reward: is inf, outside [0, 1]"),
    ("record_outcome", _recorded(reward="abc"), "reward: Input should be a valid number"),
    ("record_outcome", _recorded(outcome="unknown", reward=1), "reward: is given but the outcome is unknown; leave"),
    ("record_outcome", _recorded(evidence="gossip"), "evidence: Input should be 'test_passed'"),
    ("record_outcome", _recorded(notes="x" * 20_001), "notes: is 20,001 bytes long, at most 20,000 are allowed"),
    ("record_outcome", _recorded(notes="\x1b"), "notes: holds the control character U+001B"),
    ("record_outcome", _recorded(notes=None), "notes: Input should be a valid string; given was None"),
    ("record_outcome", _recorded(plan=_MANY), "plan: has 101 steps, at most 100 are allowed; join small steps"),
    ("record_outcome", _recorded(plan=_CYCLE), "plan: steps 1, 2 depend on each other in a circle; remove one"),
    ("record_outcome", _recorded(plan=json.dumps(_CYCLE)), "plan: steps 1, 2 depend on each other in a circle"),
    ("record_outcome", _recorded(plan=_HALF_ID), "plan"),
    ("record_outcome", _recorded(plan=[{"id": 1, "description": "\ud800"}]), "plan[1].description: holds the lone"),
    ("record_outcome", _recorded(plan=[]), "plan: has no steps; give numbered lines"),
    ("record_outcome", _recorded(plan=[1]), "plan[1]: is not a step; give numbered lines"),
    ("record_outcome", _recorded(plan=5), "plan"),
    ("record_outcome", _recorded(plan="x" * 100_001), "plan: is 100,001 bytes long"),
    ("record_outcome", _recorded(namespace="a,b"), "namespace: names 2 namespaces; a case goes into one"),
    ("record_outcome", _recorded(used_cases="c-0"), "used_cases: there is no case 'c-0'; give ids as they were"),
]


@pytest.mark.parametrize(("tool", "arguments", "said"), _REFUSED, ids=[said for _, _, said in _REFUSED])
def test_input_that_cannot_be_used_is_answered_with_field_and_fix_and_changes_nothing(
    server: Any, tool: str, arguments: dict[str, Any], said: str
) -> None:
    before = dump(server.bank)
    answer = server.call(tool, **arguments)
    assert answer.is_error
    assert answer.text.startswith(said)
    assert "Traceback" not in answer.text
    assert len(answer.text) < 1_000
    assert dump(server.bank) == before


def test_a_case_that_was_not_shown_cannot_have_helped(server: Any) -> None:
    before = dump(server.bank)
    arguments = {"outcome": "success", "plan_id": server.plan_id, "used_cases": "c-0"}
    answer = server.call("record_outcome", **arguments)
    assert answer.is_error
    assert answer.text.startswith(f"used_cases: 'c-0' was not shown for {server.plan_id}")
    assert dump(server.bank) == before


@pytest.mark.parametrize(
    "line",
    [
        "not JSON",
        "",
        "[]",
        '{"jsonrpc": "2.0", "id": 1',
        '{"jsonrpc": "2.0", "id": 10001}',
        "[" * 100_000,
        '{"jsonrpc": "2.0", "id": 10002, "method": "tools/call", "params": 5}',
        '{"jsonrpc": "2.0", "id": 10003, "method": "tools/call", "params": {"name": "plan_with_memory"}}',
    ],
)
def test_a_line_that_is_no_message_does_not_end_the_server(server: Any, line: str) -> None:
    before = dump(server.bank)
    server.send(line)
    assert server.request("ping")["result"] == {}
    assert dump(server.bank) == before


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "\ud800", "arguments": {}}),
        ("tools/call", {"name": "plan_with_memory", "arguments": None}),
        ("prompts/get", {"name": "\ud800"}),
        ("prompts/get", {"name": "plan", "arguments": {"task": "\ud800"}}),
        ("resources/read", {"uri": "memento://cases/\ud800"}),
        ("resources/read", {"uri": "memento://cases/%ED%A0%80"}),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "plan"}, "argument": {"name": "a", "value": "\ud800"}},
        ),
        ("\ud800", {}),
    ],
)
def test_a_request_with_half_a_character_anywhere_is_answered(server: Any, method: str, params: dict[str, Any]) -> None:
    before = dump(server.bank)
    answer = server.request(method, params)
    assert "error" in answer or answer["result"]
    assert server.request("ping")["result"] == {}
    assert dump(server.bank) == before


def test_recording_again_counts_once_and_stronger_evidence_outweighs_weaker(tmp_path: Path) -> None:
    bank = tmp_path / "bank.sqlite3"
    with serving_here(bank) as server:
        plan_id = server.call("plan_with_memory", task="Prune the roses").structured["plan_id"]

        def record(outcome: str, evidence: str) -> str:
            work = {"plan": "1. Sharpen the shears\n2. Prune", "evidence": evidence, "notes": outcome}
            return str(server.call("record_outcome", plan_id=plan_id, outcome=outcome, **work).structured["status"])

        assert record("success", "judge") == "retained"
        first = dump(bank)
        assert record("success", "judge") == "unchanged"
        assert dump(bank)["cases"] == first["cases"]
        assert dump(bank)["outcomes"] == first["outcomes"]
        assert record("failure", "judge") == "updated"
        assert record("success", "self_report") == "unchanged"
        assert _labels(bank) == [("failure", 0.0, 0.6)]
        assert record("success", "test_passed") == "updated"
        assert _labels(bank) == [("success", 1.0, 0.0)]
        assert record("failure", "user_confirmed") == "unchanged"
        assert _labels(bank) == [("success", 1.0, 0.0)]
        assert len(dump(bank)["episodes"]) == 1


def _labels(bank: Path) -> list[tuple[str, float, float]]:
    """Outcome, successes and failures of every case."""
    return [
        (label, round(good, 6), round(bad, 6))
        for label, good, bad in rows(bank, "SELECT outcome, successes, failures FROM cases")
    ]
