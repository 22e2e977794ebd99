"""Short ways to make what the memory works on."""

from __future__ import annotations

from collections.abc import Sequence

from memento_memory.bank import CaseBank
from memento_memory.case import Case, Evidence, Outcome, Result, Shown, Slate, Task
from memento_memory.plan import Plan, from_lines
from memento_memory.retention import Report, Retained
from memento_memory.store import cases

TASKS = {
    "find all log files larger than 100 MB": "find / -name '*.log' -size +100M",
    "count the lines of every Python file": "find . -name '*.py' | xargs wc -l",
    "show which process listens on port 8080": "lsof -i :8080",
    "compress the folder photos into an archive": "tar czf photos.tar.gz photos",
    "replace tabs by spaces in a text file": "expand -t 4 notes.txt",
}

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


def smuggled(bank: CaseBank, reported: Report) -> Case:
    """The case of an outcome that instructs its reader, as one recorded before texts were looked at."""
    made = bank.retain(reported).case
    assert made is not None
    with bank.database.writing() as db:
        cases.set_forgotten(db, cases.named(db, made.id)[0], None)
        db.execute("UPDATE cases SET confirmed = 0 WHERE id = ?", (made.id,))
    return bank.case(made.id)


def opened(
    bank: CaseBank, task: str = "sort the list", draft: Sequence[str] = ("draft",), shown: Sequence[Case] = ()
) -> str:
    """The plan_id of a new, open episode."""
    slate = Slate(tuple(Shown(case, 0.9, 0.8) for case in shown), 0.1)
    return bank.open_episode(Task(task), slate, plan(*draft) if draft else None).plan_id


def record(
    bank: CaseBank, plan_id: str, outcome: Result = SUCCESS, *steps: str, used: tuple[str, ...] | None = None
) -> Retained:
    """Record the outcome of an episode."""
    return bank.retain(Report(outcome, plan_id, plan=plan(*steps) if steps else None, used=used))


def all_cases(bank: CaseBank) -> list[Case]:
    return [case for page in bank.pages() for case in page]


def ids(slate: Slate) -> list[str]:
    return [entry.case.id for entry in slate.shown]


def tasks(slate: Slate) -> list[str]:
    return [entry.case.task.text for entry in slate.shown]
