"""What the server does with the bank when it keeps it in order, and what it is told not to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memento_memory.case import Task
from memento_memory.embedding import ModelInfo
from memento_memory.learning import spawn
from memento_memory.selection.policy import Policy, PolicyName
from memento_server.memory import Memory
from memento_server.settings import Choosing, Settings
from memory.logs import fill, simulated

Opened = Callable[[Choosing], Memory]


@pytest.fixture
def opened(tmp_path: Path, embedder: object) -> Iterator[Opened]:
    """A server's memory of a bank whose log is long enough to learn from."""
    info: ModelInfo = embedder.info  # type: ignore[attr-defined]
    fill(tmp_path / "bank.db", simulated(240, 0.0, e=info.dimension, bank=40), info)
    made: list[Memory] = []

    def memory(choosing: Choosing) -> Memory:
        made.append(Memory(Settings(tmp_path / "bank.db", choosing=choosing)))
        return made[-1]

    yield memory
    for one in made:
        one.close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The banks that a learner was asked to start for; none is started."""
    banks: list[Path] = []

    def start(bank: Path) -> None:
        banks.append(bank)

    monkeypatch.setattr(spawn, "start", start)
    return banks


@pytest.mark.parametrize("learning", [True, False])
def test_the_learner_is_started_when_it_is_due_and_never_where_learning_is_off(
    opened: Opened, started: list[Path], learning: bool
) -> None:
    memory = opened(Choosing(learning=learning))
    memory.keep_up()
    assert bool(started) is learning
    assert set(started) <= {memory.settings.bank}


def test_the_bank_is_kept_within_the_bounds_of_the_settings(opened: Opened, started: list[Path]) -> None:
    memory = opened(Choosing(max_cases=20, learning=False))
    memory.keep_up()
    assert memory.bank().stats().namespaces["default"] <= 20


def test_slates_are_chosen_by_the_policy_of_the_settings(opened: Opened, started: list[Path]) -> None:
    memory = opened(Choosing(policy="softmax", alpha=0.7, holdout=0.3, learning=False))
    decision = memory.bank().retrieve(Task("the task of case-1")).decision
    assert decision is not None
    assert (decision.alpha, decision.explore, decision.holdout) == (0.7, 1.0, 0.3)
    assert memory.settings.choosing.as_policy() == Policy(PolicyName.SOFTMAX, 0.7, 0.0, 0.3)


def test_the_bank_is_curated_even_where_no_embedding_model_is_ready(
    opened: Opened, started: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = opened(Choosing(max_cases=20, learning=False))
    ran: list[str] = []
    monkeypatch.setattr(memory, "keep_up", lambda: ran.append(memory.embedder().state))
    monkeypatch.setattr(memory.embedder(), "_state", "failed")
    memory.upkeep_soon()
    for thread in threading.enumerate():
        if thread.name == "memento-upkeep":
            thread.join(10)
    assert ran == ["failed"]
