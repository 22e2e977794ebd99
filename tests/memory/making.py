"""Short ways to make what the memory works on."""

from __future__ import annotations

from memento_memory.case import Case, Evidence, Outcome, Result, Task
from memento_memory.plan import Plan, from_lines
from memento_memory.retention import Report

SUCCESS = Result.graded(Outcome.SUCCESS)
FAILURE = Result.graded(Outcome.FAILURE)
UNKNOWN = Result.graded(Outcome.UNKNOWN)


def plan(*steps: str) -> Plan:
    return from_lines(list(steps))


def result(outcome: str, reward: float | None = None, evidence: str = "self_report", notes: str = "") -> Result:
    return Result.graded(Outcome(outcome), reward, Evidence(evidence), notes)


def case(
    id: str,
    task: str,
    *steps: str,
    result: Result = SUCCESS,
    namespace: str = "default",
    context: str = "",
    tags: tuple[str, ...] = (),
) -> Case:
    successes, failures = result.counts
    return Case(
        id=id,
        namespace=namespace,
        task=Task(task, context),
        plan=plan(*(steps or ("do it",))),
        result=result,
        tags=tags,
        successes=successes,
        failures=failures,
    )


def report(
    task: str,
    *steps: str,
    result: Result = SUCCESS,
    namespace: str = "default",
    context: str = "",
    tags: tuple[str, ...] = (),
) -> Report:
    return Report(result, task=Task(task, context), plan=plan(*(steps or ("do it",))), namespace=namespace, tags=tags)
