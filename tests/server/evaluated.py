"""A bank that has explored, held out and recorded, for what is shown of its learning."""

from __future__ import annotations

import random
from pathlib import Path

from memento_memory.bank import CaseBank
from memento_memory.case import Evidence, Outcome, Result, Task
from memento_memory.plan import from_lines
from memento_memory.retention import Report
from memento_memory.selection.policy import Policy

HOSTILE = "<script>alert(1)</script> & \"quoted\" 'text' \u202e$basis"
VERBS = ("count", "list", "delete", "archive")
NOUNS = ("logs", "photos", "invoices", "users", "orders", "tables")


def fill(path: Path, policy: Policy, episodes: int, *, hostile: str = "") -> None:
    """Cases for every verb and noun, then tasks like them; a case with the same verb helps."""
    bank = CaseBank(path, policy=policy, seed=1)
    chance = random.Random(0)
    for verb in VERBS:
        for noun in NOUNS:
            task, steps = Task(f"{verb} all {noun} of last week {hostile}".strip()), (f"{verb} {noun}", f"check {verb}")
            bank.retain(Report(_result(True), task=task, plan=from_lines(list(steps)), namespace="default"))
    for number in range(episodes):
        task = Task(f"{chance.choice(VERBS)} all {chance.choice(NOUNS)} of month {number} {hostile}".strip())
        slate = bank.retrieve(task, k=2)
        helped = any(entry.case.task.text.split()[0] == task.text.split()[0] for entry in slate.shown)
        opened = bank.open_episode(task, slate, from_lines([f"do {task.text}"]))
        bank.retain(Report(_result(chance.random() < (0.85 if helped else 0.3)), opened.plan_id))
    bank.close()


def _result(success: bool) -> Result:
    return Result.graded(Outcome.SUCCESS if success else Outcome.FAILURE, None, Evidence.TEST_PASSED)
