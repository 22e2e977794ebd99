"""The watch over a version: when it ranks, when similarity does, and that every outcome counts in it once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from memento_memory import online
from memento_memory.bank import CaseBank
from memento_memory.case import Episode, Slate, Task
from memento_memory.fitting import NETWORK
from memento_memory.online import Lesson
from memento_memory.retention import Report
from memento_memory.store import episodes, versions
from memento_memory.store.versions import Version
from memory.logs import D, M, entry
from memory.making import FAILURE, SUCCESS, plan, result

TASK = Task("find all log files larger than 2 GB")


def recorded(bank: CaseBank, outcome: Any = SUCCESS, plan_id: str = "") -> tuple[str, Lesson]:
    plan_id = plan_id or bank.open_episode(TASK, bank.retrieve(TASK), None).plan_id
    lesson = bank.retain(Report(outcome, plan_id=plan_id, plan=plan("find / -size +2G"))).lesson
    assert lesson is not None
    return plan_id, lesson


def in_force(bank: CaseBank) -> Version:
    with bank.database.reading() as db:
        return versions.in_force(db)


def watched(bank: CaseBank, **watch: Any) -> None:
    """Let this be what the watch has seen so far."""
    with bank.database.writing() as db:
        versions.update(db, replace(versions.in_force(db), watch=watch))


def test_trust_comes_back_when_what_was_learned_foretells_better_again(filled: CaseBank) -> None:
    for _ in range(3):
        recorded(filled, FAILURE)
    with filled.database.writing() as db:
        watch = {"outcomes": 60, "margin": -1e-6, "noise": 1e-6, "trusted": False}
        versions.update(db, replace(versions.in_force(db), reference=versions.prior().reference, watch=watch))
    assert recorded(filled, FAILURE)[1].trusted
    version = in_force(filled)
    assert online.layer_in_use(version) is version.layer


def test_one_good_outcome_does_not_make_up_for_many_bad_ones(filled: CaseBank) -> None:
    recorded(filled)
    watched(filled, outcomes=60, margin=-9.0, noise=1.0, trusted=False)
    assert not recorded(filled)[1].trusted


def test_few_outcomes_lose_no_trust(filled: CaseBank) -> None:
    recorded(filled)
    watched(filled, outcomes=28, margin=-9.0, noise=1.0)
    assert recorded(filled, FAILURE)[1].trusted
    assert not recorded(filled, FAILURE)[1].trusted


def test_a_corrected_outcome_is_watched_once(filled: CaseBank) -> None:
    plan_id, _ = recorded(filled, SUCCESS)
    before = in_force(filled)
    recorded(filled, FAILURE, plan_id)
    after = in_force(filled)
    assert after.watch["outcomes"] == before.watch["outcomes"] == 1
    assert after.watch["margin"] == before.watch["margin"]
    assert not np.array_equal(after.reference.mean, before.reference.mean)
    assert not np.array_equal(after.layer.mean, before.layer.mean)


def test_what_is_to_be_beaten_learns_too_but_only_of_tasks_and_similarity(filled: CaseBank) -> None:
    recorded(filled, result("failure", evidence="test_passed"))
    prior, reference = versions.prior().reference, in_force(filled).reference
    moved = np.flatnonzero(np.abs(reference.mean - prior.mean) > 1e-6)
    similarity = M + 1
    assert {0, similarity} <= set(moved.tolist()) <= {*range(M), similarity}


@pytest.mark.parametrize(("version", "said"), [(0, 1.0), (1, 0.0)])
def test_what_another_versions_network_said_is_not_learned_from(version: int, said: float) -> None:
    decision = entry(1, "a", 1.0, pair=np.ones((3, D))).decision
    row = online.design_row(decision, (None,), version)
    assert row[M + NETWORK] == said
    assert row[M : M + NETWORK].tolist() == [1.0] * (D - 1)


def test_a_decision_that_saw_other_features_teaches_nothing(words_bank: CaseBank) -> None:
    decided = entry(1, "a", 1.0, schema="bias similarity").decision
    with words_bank.database.writing() as db:
        episodes.insert(db, Episode("p-1", "default", Task("a"), Slate(decision=decided)), [])
    assert words_bank.retain(Report(SUCCESS, "p-1", plan=plan("do it"))).lesson is None
    assert in_force(words_bank).version == 0
