"""Which earlier attempt a new plan continues: the last one at the same task, if it failed, here and not long ago."""

from __future__ import annotations

import pytest

from memento_memory.bank import CaseBank
from memento_memory.case import Episode, Result, Task
from memory.making import FAILURE, SUCCESS, UNKNOWN, opened, record

TASK = "sort the list"


def tried(bank: CaseBank, outcome: Result | None, task: str = TASK) -> str:
    plan_id = opened(bank, task)
    if outcome is not None:
        record(bank, plan_id, outcome)
    return plan_id


def next_one(bank: CaseBank, task: str = TASK, namespace: str = "default") -> Episode:
    return bank.open_episode(Task(task), bank.retrieve(Task(task)), None, namespace=namespace)


def test_a_failure_is_continued_and_what_came_of_others_is_not(words_bank: CaseBank) -> None:
    failed = tried(words_bank, FAILURE)
    assert next_one(words_bank).previous == failed
    assert next_one(words_bank, "count the words").previous == ""


@pytest.mark.parametrize("outcome", [SUCCESS, UNKNOWN])
def test_what_did_not_fail_is_not_continued(words_bank: CaseBank, outcome: Result) -> None:
    tried(words_bank, FAILURE)
    tried(words_bank, outcome)
    assert next_one(words_bank).previous == ""


def test_a_failure_in_another_namespace_is_another_effort(words_bank: CaseBank) -> None:
    tried(words_bank, FAILURE)
    assert next_one(words_bank, namespace="other").previous == ""


def test_a_failure_of_the_day_before_yesterday_is_another_effort(words_bank: CaseBank, clock) -> None:  # type: ignore[no-untyped-def]
    failed = tried(words_bank, FAILURE)
    clock.advance(seconds=86_000)
    assert next_one(words_bank).previous == failed
    clock.advance(days=1)
    assert next_one(words_bank).previous == ""
