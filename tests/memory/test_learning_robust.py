"""Learning goes on over another embedding model, damaged rows, corrections and news of what helped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memento_memory import expectations, fitting, upkeep
from memento_memory.bank import CaseBank
from memento_memory.case import Result, Task
from memento_memory.decision import Candidates
from memento_memory.embedding import ModelInfo, OnnxEmbedder
from memento_memory.errors import BankError, NotFoundError
from memento_memory.expectations import Expectations
from memento_memory.learning.status import rollback, status
from memento_memory.online import Lesson
from memento_memory.retention import Report
from memento_memory.selection.features import PAIR
from memento_memory.selection.network import VIEWS, Network
from memento_memory.store import decisions, vectors, versions
from memento_memory.store.versions import Version
from memory.logs import fill, simulated
from memory.making import FAILURE, SUCCESS, UNKNOWN, plan, report, result

TASK = Task("find all log files larger than 2 GB")
D = 384


def network(e: int = D) -> Network:
    d, k, r, n = len(PAIR) - 1, 2, 3, 4
    rng = np.random.default_rng(0)
    shapes = [(k, e, r), (k, d + VIEWS * r, n), (k, n), (k, n)]
    parts = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    knots = np.array([[-50, 50], [-50, 50]], np.float32)
    return Network(np.zeros(d, np.float32), np.ones(d, np.float32), *parts, knots)


def planned(bank: CaseBank) -> str:
    return bank.open_episode(TASK, bank.retrieve(TASK), None).plan_id


def recorded(
    bank: CaseBank, outcome: Result = SUCCESS, plan_id: str = "", used: tuple[str, ...] | None = None
) -> Lesson | None:
    found = Report(outcome, plan_id=plan_id or planned(bank), plan=plan("find / -size +2G"), used=used)
    return bank.retain(found).lesson


def in_force(bank: CaseBank) -> Version:
    with bank.database.reading() as db:
        return versions.in_force(db)


def changed(bank: CaseBank, sql: str) -> None:
    with bank.database.writing() as db:
        db.execute(sql)


def with_network(bank: CaseBank, data: bytes) -> None:
    with bank.database.writing() as db:
        number = versions.add(db, replace(versions.in_force(db), network=data)).version
        versions.put_in_force(db, number)


@pytest.fixture
def learned(filled: CaseBank) -> Iterator[CaseBank]:
    """A bank that learned three outcomes."""
    for outcome in (SUCCESS, FAILURE, SUCCESS):
        recorded(filled, outcome)
    return filled


def same(one: Version, other: Version) -> bool:
    pairs = ((one.layer, other.layer), (one.reference, other.reference))
    means = all(np.allclose(a.mean, b.mean, atol=1e-9) for a, b in pairs)
    return means and all(np.allclose(a.covariance, b.covariance, atol=1e-9) for a, b in pairs)


@pytest.mark.parametrize("dimension", [D, 64])
def test_another_model_takes_with_it_all_that_was_learned_from_the_vectors_of_the_first(
    learned: CaseBank, embedder: OnnxEmbedder, dimension: int
) -> None:
    upkeep.fit_expectations(learned.database)
    with_network(learned, network().to_bytes())
    said = learned.retrieve(TASK).decision
    assert said is not None
    assert np.any(said.candidates.pair[:, fitting.NETWORK] != 0)
    with learned.database.writing() as db:
        vectors.bind(db, ModelInfo("another", dimension, "1" * 64))
        assert db.execute("SELECT count(*) FROM expectations").get == 0
        assert db.execute("SELECT max(length(vector)) FROM decisions").get == 0
        episodes = fitting.read(db)
        assert episodes.vector.shape == (3, dimension)
        assert not episodes.opinions(network(), fitting.NETWORK, honest=episodes.known).any()
        vectors.bind(db, embedder.info)
    upkeep.embed_pending(learned.database, embedder)
    version = in_force(learned)
    assert version.network is None
    assert version.layer.updates == 3
    after = learned.retrieve(TASK).decision
    assert after is not None
    assert not after.candidates.pair[:, fitting.NETWORK].any()
    assert recorded(learned) is not None


def test_a_process_forgets_what_it_expected_when_the_model_changes_and_stores_nothing_of_the_other(
    words_bank: CaseBank,
) -> None:
    process, rng = Expectations(), np.random.default_rng(0)
    for i in range(6):
        words_bank.retain(report(f"task {i}", f"step {i}"))
    with words_bank.database.writing() as db:
        for dimension, digest in ((8, "1"), (8, "2"), (16, "3")):
            before = expectations.fit(db, "default") if digest != "1" else None
            vectors.bind(db, ModelInfo("simulated", dimension, digest * 64))
            asked = np.eye(dimension, dtype=np.float32)[0]
            assert process.of(db, ("default",), asked) is None
            if before is not None:
                expectations.put(db, "default", *before)
                assert db.execute("SELECT count(*) FROM expectations").get == 0
            for (key,) in db.execute("SELECT key FROM cases").fetchall():
                pair = rng.standard_normal((2, dimension)).astype(np.float32)
                vectors.put(db, key, pair[0], pair[1])
            expected, alone = process.of(db, ("default",), asked), Expectations().of(db, ("default",), asked)
            assert expected is not None
            assert alone is not None
            assert expected.plan == pytest.approx(alone.plan, abs=1e-5)


def test_a_network_says_nothing_of_embeddings_of_another_dimension() -> None:
    pair, rows = np.zeros((3, len(PAIR) - 1)), np.ones((3, 8), np.float32)
    assert network(8).advantage(pair, rows[0], rows, rows).any()
    assert not network(9).advantage(pair, rows[0], rows, rows).any()


@pytest.mark.parametrize("damage", [b"MNN1 damaged", network().to_bytes()[:-4], b""])
def test_a_damaged_network_leaves_a_version_without_one(
    learned: CaseBank, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with_network(learned, damage)
    assert learned.retrieve(TASK).shown
    assert recorded(learned) is not None
    with learned.database.writing() as db:
        fitting.refitted(db, versions.in_force(db))
    assert "without the trained network" in caplog.text


def test_a_damaged_expectation_is_none_until_upkeep_fits_it_anew(learned: CaseBank, embedder: OnnxEmbedder) -> None:
    with learned.database.writing() as db:
        expectations.put(db, "default", 10**6, b"nonsense")
        assert expectations.stale(db) == ["default"]
        assert Expectations().of(db, ("default",), embedder.embed([TASK.text])[0]) is not None
    assert learned.retrieve(TASK).shown
    upkeep.fit_expectations(learned.database)
    with learned.database.reading() as db:
        assert expectations.stale(db) == []


@pytest.mark.parametrize(
    "damage", ["x''", "x'00'", "substr(candidates, 1, 40)", "substr(candidates, 1, length(candidates) - 3)"]
)
def test_a_damaged_decision_is_skipped(learned: CaseBank, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    plan_id = planned(learned)
    changed(learned, f"UPDATE decisions SET candidates = {damage} WHERE episode_key = (SELECT max(key) FROM episodes)")
    assert recorded(learned, SUCCESS, plan_id) is None
    with learned.database.reading() as db:
        assert len(fitting.read(db).keys) == 3
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize(
    "data", [b"", b"{}\n", b"[]\n", b'{"ids": [], "task": "a"}', b"\xff\n", b'{"ids":["a"],"task":1,']
)
def test_candidates_that_are_none_are_told_apart_from_others(data: bytes) -> None:
    with pytest.raises(BankError, match="candidates"):
        Candidates.from_bytes(data)


@pytest.mark.parametrize("part", ["layer", "reference"])
def test_after_damage_to_the_layer_similarity_ranks_and_the_next_outcome_learns_the_log_anew(
    learned: CaseBank, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    changed(learned, f"UPDATE value_models SET {part} = x'4d4c4c31'")
    assert in_force(learned).version == 0
    assert learned.retrieve(TASK).shown
    assert "damaged" in caplog.text
    assert [version.version for version in status(learned.database).versions] == [1]
    with learned.database.reading() as db, pytest.raises(BankError, match="learn --rollback"):
        versions.of(db, 1)
    recorded(learned)
    assert in_force(learned).version == 2
    assert in_force(learned).layer.updates == 4


def test_a_damaged_version_can_be_left_for_the_prior(learned: CaseBank) -> None:
    changed(learned, "UPDATE value_models SET layer = x'00'")
    assert rollback(learned.database, 0).version == 0
    with learned.database.reading() as db:
        assert versions.mark_in_force(db) == (0, 0)
    with pytest.raises(NotFoundError):
        rollback(learned.database, 7)


def test_what_an_outcome_put_in_and_cannot_be_read_is_corrected_by_a_new_fit(learned: CaseBank) -> None:
    plan_id = planned(learned)
    recorded(learned, SUCCESS, plan_id)
    changed(learned, "UPDATE decisions SET learned = x'01'")
    recorded(learned, FAILURE, plan_id)
    version = in_force(learned)
    with learned.database.reading() as db:
        assert same(version, fitting.fit(db, version).version)


def test_a_correction_leaves_no_trace_in_the_reference_either(bank_of: Callable[[str], CaseBank]) -> None:
    corrected, at_once = bank_of("corrected"), bank_of("at once")
    plan_id = planned(corrected)
    for outcome in (SUCCESS, UNKNOWN, SUCCESS, FAILURE):
        recorded(corrected, outcome, plan_id)
    recorded(at_once, FAILURE)
    assert same(in_force(corrected), in_force(at_once))
    assert in_force(corrected).watch["outcomes"] == in_force(corrected).layer.updates == 1
    recorded(corrected, UNKNOWN, plan_id)
    prior = versions.prior()
    assert same(in_force(corrected), prior)
    assert in_force(corrected).reference.updates == 0


def test_an_unknown_outcome_changes_nothing_at_all(learned: CaseBank) -> None:
    with learned.database.reading() as db:
        before = db.execute("SELECT * FROM value_models").fetchall()
    assert recorded(learned, UNKNOWN) is None
    with learned.database.reading() as db:
        assert db.execute("SELECT * FROM value_models").fetchall() == before


def test_an_unknown_outcome_alone_makes_no_version(filled: CaseBank) -> None:
    assert recorded(filled, UNKNOWN) is None
    with filled.database.reading() as db:
        assert versions.all_(db) == []


def test_what_helped_moves_the_credit_though_its_evidence_is_outweighed(filled: CaseBank) -> None:
    filled.retain(report("find all log files larger than 5 MB", "find / -name '*.log' -size +5M"))
    slate = filled.retrieve(TASK)
    assert len(slate.shown) > 1
    plan_id = filled.open_episode(TASK, slate, None).plan_id
    recorded(filled, result("success", evidence="test_passed"), plan_id)
    shared = in_force(filled)
    used = (slate.shown[0].case.id,)
    assert recorded(filled, result("success"), plan_id, used) is not None
    moved = in_force(filled)
    assert not same(moved, shared)
    assert moved.layer.updates == moved.watch["outcomes"] == 1


def test_only_the_newest_episodes_are_read(tmp_path: Path) -> None:
    fill(tmp_path / "bank.db", simulated(30, 1.0, bank=20))
    bank = CaseBank(tmp_path / "bank.db")
    with bank.database.reading() as db:
        keys = [entry.key for entry in decisions.logged(db)]
        for newest in (0, 1, 7, 30, 99):
            assert [entry.key for entry in decisions.logged(db, newest=newest)] == keys[max(30 - newest, 0) :]
        assert [entry.key for entry in decisions.logged(db, newest=3, until=10.0)] == keys[7:10]
        assert fitting.read(db, most=5).keys.tolist() == keys[-5:]
    bank.close()
