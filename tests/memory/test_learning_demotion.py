"""A trained version that outcomes turn against goes back to what was in force before, and nothing learned is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memento_memory import fitting
from memento_memory.bank import CaseBank
from memento_memory.case import Episode, Slate
from memento_memory.learning.learner import learn
from memento_memory.learning.recipe import Recipe
from memento_memory.learning.status import rollback
from memento_memory.online import Lesson
from memento_memory.retention import Report
from memento_memory.selection.network import Network
from memento_memory.selection.value import sigmoid
from memento_memory.store import decisions, episodes, versions
from memento_memory.store.versions import Version
from memory.logs import Simulated, fill, simulated
from memory.making import plan, result

RECIPE = Recipe(epochs=20, rate=0.01, members=3, rank=8, hidden=8, batch=128)
LOGGED = 1200
LATER = 80


@pytest.fixture(scope="module")
def world() -> Simulated:
    return simulated(LOGGED + LATER, 6.0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, world: Simulated) -> Path:
    """A bank file whose log made a trained version win."""
    file = tmp_path_factory.mktemp("trained") / "bank.db"
    fill(file, replace(world, entries=world.entries[:LOGGED]))
    bank = CaseBank(file)
    made = learn(bank.database, recipe=RECIPE, clock=lambda: 1e6)
    bank.close()
    assert made.promoted, made.reason
    return file


@pytest.fixture
def bank(tmp_path: Path, trained: Path) -> Iterator[CaseBank]:
    """A copy of that bank."""
    bank = CaseBank(Path(shutil.copy(trained, tmp_path)))
    yield bank
    bank.close()


def in_force(bank: CaseBank) -> Version:
    with bank.database.reading() as db:
        return versions.in_force(db)


def plan_again(bank: CaseBank, world: Simulated) -> list[tuple[str, float]]:
    """Open episodes decided by the version in force; their plan ids, with the chance of success it foretells."""
    version = in_force(bank)
    network = Network.from_bytes(version.network or b"")
    opened = []
    with bank.database.writing() as db:
        for entry in world.entries[LOGGED:]:
            candidates = entry.decision.candidates
            found = [world.vectors[case_id] for case_id in candidates.case_ids]
            of_tasks, of_plans = (np.stack([pair[side] for pair in found]) for side in (0, 1))
            pair = candidates.pair.copy()
            others = np.delete(pair, fitting.NETWORK, axis=1)
            pair[:, fitting.NETWORK] = network.advantage(others, entry.decision.vector, of_tasks, of_plans)
            decision = replace(entry.decision, version=version.version, candidates=replace(candidates, pair=pair))
            name = f"later-{entry.key}"
            episodes.insert(db, Episode(name, "default", entry.task, Slate(decision=decision), created_at=2e6), [])
            row = np.concatenate([candidates.task, pair[decision.drawn[0]]])
            opened.append((name, float(sigmoid(np.asarray(row @ version.layer.mean)))))
    return opened


def record(bank: CaseBank, opened: list[tuple[str, float]], went: Callable[[float], bool]) -> Lesson | None:
    """Record an outcome for each, as `went` says for the chance that was foretold, while the same version learns."""
    learning, lesson = in_force(bank).version, None
    for plan_id, foretold in opened:
        outcome = result("success" if went(foretold) else "failure", evidence="test_passed")
        lesson = bank.retain(Report(outcome, plan_id=plan_id, plan=plan("go on"))).lesson
        if lesson and lesson.version != learning:
            break
    return lesson


def statuses(bank: CaseBank) -> dict[int, str]:
    with bank.database.reading() as db:
        return {version.version: version.status for version in versions.all_(db)}


def test_outcomes_as_foretold_keep_a_trained_version_in_force(bank: CaseBank, world: Simulated) -> None:
    chance = np.random.default_rng(0)
    record(bank, plan_again(bank, world), lambda foretold: bool(chance.random() < foretold))
    assert in_force(bank).version == 1
    assert in_force(bank).watch["outcomes"] == LATER


def test_outcomes_against_what_was_foretold_demote_it_and_what_follows_knows_the_whole_log(
    bank: CaseBank, world: Simulated
) -> None:
    lesson = record(bank, plan_again(bank, world), lambda foretold: foretold < 0.5)
    assert lesson is not None
    version = in_force(bank)
    assert lesson.version == version.version == 2
    assert version.network is None
    assert statuses(bank) == {1: "demoted", 2: "in_force"}
    with bank.database.reading() as db:
        (known,) = db.execute("SELECT count(*) FROM episodes WHERE reward IS NOT NULL").fetchone()
        assert np.array_equal(fitting.fit(db, version).version.layer.mean, version.layer.mean)
    assert version.layer.updates == known >= LOGGED + 30


def test_the_version_that_follows_keeps_its_own_network_and_what_it_said_of_every_episode(
    bank: CaseBank, world: Simulated
) -> None:
    first = in_force(bank)
    with bank.database.writing() as db:
        child = versions.add(db, replace(first, report={"parent": first.version}, status="retired"))
        fitting.put_in_force(db, fitting.fit(db, child))
    record(bank, plan_again(bank, world), lambda foretold: foretold < 0.5)
    version = in_force(bank)
    assert statuses(bank) == {1: "in_force", 2: "demoted"}
    assert version.network == first.network
    assert version.layer.mean[-1] > 0.5 * first.layer.mean[-1] > 0  # the network's weight
    with bank.database.reading() as db:
        assert np.array_equal(fitting.fit(db, version).version.layer.mean, version.layer.mean)
        learned = decisions.learned(db, 1)
    assert learned is not None
    assert learned.version == fitting.generation(version)
    rollback(bank.database, 2)
    assert rollback(bank.database, 1).layer.mean == pytest.approx(version.layer.mean)
