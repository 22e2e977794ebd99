"""What the conformance run calls good enough."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
OLD, NEW = "2025-11-25", "2026-07-28"


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(TOOLS)
    import conformance_verdict

    return conformance_verdict


def _scenario(name: str, passed: int = 1, failures: tuple[str, ...] = (), warnings: tuple[str, ...] = ()) -> Any:
    scenario = sys.modules["conformance_suite"].Scenario(name, passed, failures, warnings)
    return {name: scenario}


def test_enough_passed_checks_and_no_failure_are_good_enough(verdict: ModuleType) -> None:
    results = {OLD: _scenario("ping", 81), NEW: _scenario("caching")}
    assert verdict.judge(results, {"relayed": results}) == verdict.Verdict()


def test_too_few_passed_checks_are_a_problem(verdict: ModuleType) -> None:
    (problem,) = verdict.judge({OLD: _scenario("ping", 80)}, {}).problems
    assert "80 checks passed, 81 are needed" in problem


def test_only_the_tasks_extension_may_fail_and_only_in_the_new_revision(verdict: ModuleType) -> None:
    tasks = _scenario("tasks-lifecycle", 81, ("a: b",))
    assert verdict.judge({NEW: tasks}, {}).problems == []
    assert verdict.judge({OLD: tasks}, {}).problems == [f"{OLD} directly, tasks-lifecycle: a: b"]


def test_a_scenario_that_fails_through_the_relay_alone_is_a_problem_even_in_the_tasks_extension(
    verdict: ModuleType,
) -> None:
    direct, relayed = {NEW: _scenario("tasks-x")}, {NEW: _scenario("tasks-x", 0, ("a: b",))}
    assert verdict.judge(direct, {"relayed": relayed}).problems == [
        f"{NEW} relayed: pass directly and fail here: tasks-x"
    ]


def test_a_scenario_that_gives_no_result_through_the_relay_is_a_problem(verdict: ModuleType) -> None:
    (problem,) = verdict.judge({NEW: _scenario("caching")}, {"relayed": {NEW: {}}}).problems
    assert problem == f"{NEW} relayed: give a result only directly: caching"


def test_a_warning_that_only_the_relay_gets_is_a_remark(verdict: ModuleType) -> None:
    direct, relayed = {NEW: _scenario("caching")}, {NEW: _scenario("caching", 1, (), ("slow: a bit",))}
    found = verdict.judge(direct, {"relayed": relayed})
    assert (found.problems, found.remarks) == ([], [f"{NEW} relayed, caching: slow: a bit"])


def test_the_table_names_what_fails_and_counts_what_may(verdict: ModuleType) -> None:
    failing = _scenario("tasks-a", 1, ("x: y",)) | _scenario("tasks-b", 2, ("x: y",)) | _scenario("ping", 3, ("p: q",))
    line = list(verdict.table({"directly": {NEW: failing}}))[1]
    assert line.split(maxsplit=5) == [NEW, "directly", "6", "3", "0", "tasks-* (2), ping"]
