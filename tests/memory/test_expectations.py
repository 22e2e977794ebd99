"""What a namespace's successes lead to expect, as every process on the bank has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import numpy as np
import pytest

from memento_memory import expectations
from memento_memory.embedding import ModelInfo
from memento_memory.expectations import Expectations
from memento_memory.selection.expected_plan import ExpectedPlan
from memento_memory.store import cases, vectors
from memento_memory.store.database import Database
from memory.making import FAILURE, SUCCESS, case

D = 8
ASKED = np.eye(D, dtype=np.float32)[0]


class World:
    """A bank whose cases have random vectors, and what came in, by namespace."""

    def __init__(self, db: apsw.Connection) -> None:
        self.db, self.rng = db, np.random.default_rng(0)
        self.successes: dict[str, list[np.ndarray]] = {}

    def grow(self, count: int, namespace: str = "default", outcome=SUCCESS) -> None:  # type: ignore[no-untyped-def]
        for _ in range(count):
            pair = self.rng.standard_normal((2, D))
            pair = (pair / np.linalg.norm(pair, axis=1, keepdims=True)).astype(np.float32)
            name = f"{namespace}-{self.rng.integers(2**60)}"
            key = cases.insert(self.db, case(name, f"task {name}", f"step {name}", result=outcome, namespace=namespace))
            vectors.put(self.db, key, pair[0], pair[1])
            if outcome is SUCCESS:
                self.successes.setdefault(namespace, []).append(pair)

    def fitted(self, namespace: str = "default") -> np.ndarray:
        """The plan that all of its successes at once lead to expect."""
        pairs = np.stack(self.successes[namespace])
        expected = ExpectedPlan.fit(pairs[:, 0], pairs[:, 1]).predict(ASKED)
        assert expected is not None
        return expected.plan

    def store(self, namespace: str = "default") -> None:
        """What upkeep does."""
        found = expectations.fit(self.db, namespace)
        assert found is not None
        expectations.put(self.db, namespace, *found)

    def of(self, process: Expectations, *namespaces: str) -> np.ndarray:
        expected = process.of(self.db, namespaces or ("default",), ASKED)
        assert expected is not None
        return expected.plan


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(tmp_path / "bank.db")
    with database.writing() as db:
        vectors.bind(db, ModelInfo("simulated", D, "0" * 64))
        yield World(db)
    database.close()


def test_nothing_is_expected_of_an_empty_bank_without_a_model_or_of_another_dimension(world: World) -> None:
    process = Expectations()
    assert process.of(world.db, ("default",), ASKED) is None
    world.grow(5)
    assert process.of(world.db, ("default",), None) is None
    assert process.of(world.db, ("default",), np.ones(3, np.float32)) is None
    assert process.of(world.db, ("default",), ASKED) is not None


def test_a_process_follows_as_successes_come_in(world: World) -> None:
    process = Expectations()
    for count in (3, 1, 4):
        world.grow(count)
        assert world.of(process) == pytest.approx(world.fitted(), abs=1e-5)


def test_a_plan_whose_vector_comes_later_is_taken_up_then(world: World) -> None:
    process = Expectations()
    world.grow(4)
    before = world.of(process)
    task, plan = np.eye(D, dtype=np.float32)[:2]
    key = cases.insert(world.db, case("late", "a task", "a step"))
    vectors.put(world.db, key, task)
    assert np.array_equal(world.of(process), before)
    vectors.put_plan(world.db, key, plan)
    world.successes["default"].append(np.stack([task, plan]))
    assert world.of(process) == pytest.approx(world.fitted(), abs=1e-5)


def test_failures_say_nothing_of_the_plan_to_expect(world: World) -> None:
    process = Expectations()
    world.grow(4)
    world.of(process)
    world.grow(6, outcome=FAILURE)
    assert world.of(process) == pytest.approx(world.fitted(), abs=1e-5)
    assert world.of(Expectations()) == pytest.approx(world.fitted(), abs=1e-5)


def test_a_new_process_starts_from_what_is_stored_and_adds_what_came_since(world: World) -> None:
    world.grow(60)
    world.store()
    assert world.of(Expectations()) == pytest.approx(world.fitted(), abs=1e-3)
    world.grow(10)
    assert world.of(Expectations()) == pytest.approx(world.fitted(), abs=1e-3)


def test_a_process_that_fell_behind_takes_up_what_was_stored_meanwhile(world: World) -> None:
    process = Expectations()
    world.grow(10)
    world.of(process)
    world.grow(100)
    world.store()
    world.grow(1)
    assert world.of(process) == pytest.approx(world.fitted(), abs=1e-3)


def test_the_namespace_with_the_most_successes_answers_and_others_do_not_mix_in(world: World) -> None:
    process = Expectations()
    world.grow(4, "few")
    world.grow(9, "many")
    for namespaces in (("few", "many"), ("many", "few"), ("many",)):
        assert world.of(process, *namespaces) == pytest.approx(world.fitted("many"), abs=1e-5)
    assert world.of(process, "few") == pytest.approx(world.fitted("few"), abs=1e-5)


def test_a_namespace_is_fitted_anew_when_many_came_in_there_and_only_there(world: World) -> None:
    world.grow(10)
    world.grow(40, "other")
    assert expectations.stale(world.db) == ["other"]
    world.store("other")
    world.grow(30)
    assert expectations.stale(world.db) == ["default"]
    world.store()
    assert expectations.stale(world.db) == []
