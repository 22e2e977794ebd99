"""Versions of the value model: which one is in force, and that every process on the bank sees it change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from memento_memory.bank import CaseBank
from memento_memory.case import Result, Task
from memento_memory.embedding import OnnxEmbedder, Ready
from memento_memory.errors import NotFoundError
from memento_memory.retention import Report
from memento_memory.store import versions
from memory.making import FAILURE, SUCCESS, plan

TASK = Task("find all log files larger than 2 GB")


@pytest.fixture
def other(filled: CaseBank, embedder: OnnxEmbedder) -> Iterator[CaseBank]:
    """The same bank as another process has it open."""
    opened = CaseBank(filled.database.path, Ready(embedder))
    yield opened
    opened.close()


def recorded(bank: CaseBank, outcome: Result) -> None:
    episode = bank.open_episode(TASK, bank.retrieve(TASK), None)
    bank.retain(Report(outcome, plan_id=episode.plan_id, plan=plan("find / -size +2G")))


def weights(bank: CaseBank) -> list[float]:
    """What a bank that is open ranks with."""
    decision = bank.retrieve(TASK).decision
    assert decision is not None
    return list(decision.candidates.weights)


def test_what_one_process_learns_the_next_ranks_with_at_once(filled: CaseBank, other: CaseBank) -> None:
    assert weights(filled) == weights(other)
    for outcome in (FAILURE, SUCCESS, FAILURE):
        before = weights(other)
        recorded(filled, outcome)
        assert weights(other) == weights(filled) != before


def test_putting_another_version_in_force_is_seen_at_once(filled: CaseBank, other: CaseBank) -> None:
    prior = weights(other)
    recorded(filled, FAILURE)
    learned = weights(other)
    for version, expected in ((0, prior), (1, learned)):
        with filled.database.writing() as db:
            versions.put_in_force(db, version)
        assert weights(other) == expected
    assert prior != learned


def test_a_version_whose_features_are_not_those_of_this_program_is_not_in_force(
    filled: CaseBank, other: CaseBank
) -> None:
    prior = weights(other)
    recorded(filled, FAILURE)
    assert weights(other) != prior
    with filled.database.writing() as db:
        db.execute("UPDATE value_models SET schema = 'bias similarity'")
        assert versions.in_force(db).version == 0
        assert versions.mark_in_force(db) == (0, 0)
        assert versions.of(db, 1).schema == "bias similarity"
    assert weights(other) == prior


def test_a_version_is_read_as_it_was_stored_with_its_network(words_bank: CaseBank) -> None:
    made = replace(versions.prior(), network=b"a network", report={"kind": "trained"}, watch={"refits": 2}, version=1)
    with words_bank.database.writing() as db:
        assert versions.add(db, replace(made, version=99)).version == 1
        read = versions.of(db, 1)
    assert (read.network, read.report, read.watch, read.schema) == (b"a network", made.report, made.watch, made.schema)
    assert read.layer.to_bytes() == made.layer.to_bytes()
    assert read.reference.to_bytes() == made.reference.to_bytes()


def test_the_version_before_is_retired_and_one_that_does_not_exist_is_named(words_bank: CaseBank) -> None:
    with words_bank.database.writing() as db:
        for _ in range(2):
            versions.put_in_force(db, versions.add(db, versions.prior()).version)
        assert [version.status for version in versions.all_(db)] == ["retired", "in_force"]
        with pytest.raises(NotFoundError, match="no version 3"):
            versions.of(db, 3)


def test_a_version_that_is_watched_anew_is_still_told_apart_from_its_earlier_fits() -> None:
    watch = {"refits": 2, "written": 5, "outcomes": 60, "margin": -9.0, "noise": 1.0, "trusted": False}
    assert versions.unwatched(replace(versions.prior(), watch=watch)) == {"refits": 2, "written": 5}
