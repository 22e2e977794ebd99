"""Whether the results of the conformance suite are good enough, and the table that shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from conformance_suite import Scenario

FEWEST_PASSED = {"2025-11-25": 81}
# The tasks extension is optional, and neither the fixture nor the relay has it.
MAY_FAIL = {"2026-07-28": "tasks-"}
MOST_NAMED = 4
LONGEST_MESSAGE = 200

Results = Mapping[str, Mapping[str, Scenario]]  # revision -> scenario name -> scenario


@dataclass(slots=True)
class Verdict:
    """What is not good enough, and what is only worth a look."""

    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def judge(direct: Results, relayed: Mapping[str, Results]) -> Verdict:
    """Hold every target against what each revision asks for, and each relayed target against the direct one."""
    verdict = Verdict()
    for target, results in ({"directly": direct} | dict(relayed)).items():
        verdict.problems += _short_of_required(target, results)
    for target, results in relayed.items():
        _compare(target, direct, results, verdict)
    return verdict


def _short_of_required(target: str, results: Results) -> Iterator[str]:
    for revision, scenarios in results.items():
        passed = sum(scenario.passed for scenario in scenarios.values())
        if passed < FEWEST_PASSED.get(revision, 0):
            yield f"{revision} {target}: {passed} checks passed, {FEWEST_PASSED[revision]} are needed"
        for scenario in scenarios.values():
            if not _may_fail(revision, scenario):
                yield from (f"{revision} {target}, {scenario.name}: {_short(text)}" for text in scenario.failures)


def _compare(target: str, direct: Results, relayed: Results, verdict: Verdict) -> None:
    for revision, scenarios in direct.items():
        others = relayed[revision]
        missing = [name for name in scenarios if name not in others]
        shared = [name for name in scenarios if name in others]
        worse = [name for name in shared if others[name].failures and not scenarios[name].failures]
        if missing:
            verdict.problems.append(f"{revision} {target}: give a result only directly: {', '.join(missing)}")
        if worse:
            verdict.problems.append(f"{revision} {target}: pass directly and fail here: {', '.join(worse)}")
        for name in shared:
            new = [warning for warning in others[name].warnings if warning not in scenarios[name].warnings]
            verdict.remarks += [f"{revision} {target}, {name}: {_short(warning)}" for warning in new]


def _may_fail(revision: str, scenario: Scenario) -> bool:
    return revision in MAY_FAIL and scenario.name.startswith(MAY_FAIL[revision])


def table(targets: Mapping[str, Results]) -> Iterator[str]:
    """One line for each target and revision, with a heading."""
    yield f"{'revision':<12}{'target':<18}{'passed':>7}{'failed':>7}{'warned':>7}  failing scenarios"
    for target, results in targets.items():
        for revision, scenarios in results.items():
            found = scenarios.values()
            passed = sum(scenario.passed for scenario in found)
            failed = sum(len(scenario.failures) for scenario in found)
            warned = sum(len(scenario.warnings) for scenario in found)
            yield f"{revision:<12}{target:<18}{passed:>7}{failed:>7}{warned:>7}  {_failing(revision, scenarios)}"


def _failing(revision: str, scenarios: Mapping[str, Scenario]) -> str:
    """The names of the failing scenarios, those that may fail only counted."""
    failing = [scenario for scenario in scenarios.values() if scenario.failures]
    counts = Counter(f"{MAY_FAIL[revision]}*" if _may_fail(revision, each) else each.name for each in failing)
    if len(counts) > MOST_NAMED:
        return f"{len(failing)} scenarios"
    return ", ".join(name if count == 1 else f"{name} ({count})" for name, count in counts.items()) or "none"


def _short(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}..."
