"""What somebody says later of a run: it counts for the plan that came last, and for the task as a whole."""

from __future__ import annotations

from dataclasses import replace

from memento_memory import runs
from memento_memory.bank import CaseBank
from memento_memory.case import Outcome
from memento_memory.retention import Report, Retained, Status


def record(bank: CaseBank, report: Report) -> Retained:
    """Record an outcome; one that names a run of several plans by its plan_id is not said of the first of them.

    Raises:
        InputError: if the report cannot be used; nothing is changed.
    """
    if not report.plan_id or runs.load(bank.database, report.plan_id) is None:
        return bank.retain(report)
    from memento_planner import run_state  # brings the whole of solving, which few outcomes need

    state = run_state.load(bank.database, report.plan_id)
    last = state.cycles[-1]
    plan = report.plan or last.executed() or last.plan
    retained = bank.retain(replace(report, plan_id=last.plan_id, plan=plan))
    whole = state.executed()
    news = retained.status is not Status.UNCHANGED and report.result.outcome is not Outcome.UNKNOWN
    if len(state.cycles) == 1 or whole is None or not news:
        return retained
    return bank.retain(
        Report(report.result, task=state.task, plan=whole, namespace=state.namespaces[0], host=report.host)
    )
