"""The slow learner on a real bank: it stores what it judged, uses what won, and goes back when told to."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from memento_memory import fitting, online
from memento_memory.case import Evidence, Outcome, Result
from memento_memory.errors import InputError, NotFoundError
from memento_memory.learning import spawn
from memento_memory.learning.errors import LearnerBusyError, NotEnoughError
from memento_memory.learning.learner import learn
from memento_memory.learning.lease import held
from memento_memory.learning.recipe import DEFAULT, Recipe
from memento_memory.learning.status import rollback, status
from memento_memory.selection.network import Network
from memento_memory.selection.value import fresh_layer
from memento_memory.store import decisions, versions
from memento_memory.store.database import Database
from memory.logs import fill, simulated

RECIPE = Recipe(epochs=20, rate=0.01, members=3, rank=8, hidden=8, batch=128)
NOW = 1_700_000_000.0


@contextlib.contextmanager
def opened(path):
    database = Database(path)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def make(tmp_path):
    """A bank with a simulated log."""

    def made(n, strength, **options):
        fill(tmp_path / "bank.db", simulated(n, strength, **options))
        return tmp_path / "bank.db"

    return made


def in_force(database):
    with database.reading() as db:
        return versions.in_force(db)


def run(database, **options):
    return learn(database, recipe=options.pop("recipe", RECIPE), clock=lambda: NOW, **options)


@pytest.fixture(scope="module")
def winning(tmp_path_factory):
    """A bank in which a trained version won, and what its training told."""
    path = tmp_path_factory.mktemp("won") / "bank.db"
    fill(path, simulated(1200, 6.0))
    with opened(path) as database:
        return path, run(database)


def test_what_won_is_in_force_with_its_network_and_report(winning):
    path, result = winning
    with opened(path) as database:
        version = in_force(database)
        assert result.promoted, result.reason
        assert version.version == result.version
        assert version.network is not None
        assert Network.from_bytes(version.network).to_bytes() == version.network
        assert version.layer.updates == 1200
        assert version.report["known"] == 1200
        assert version.report["learned_from"] + version.report["judged_on"] == 1200
        json.dumps(result.report)


def test_what_lost_is_kept_but_not_used(make):
    with opened(make(400, 0.0)) as database:
        result = run(database)
        assert not result.promoted
        assert in_force(database).version == 0
        assert [version.status for version in status(database).versions] == ["rejected"]


def test_the_same_seed_stores_the_same_bytes(make, tmp_path):
    with opened(make(400, 6.0)) as database:
        first, second = (run(database, seed=5, recipe=replace(RECIPE, epochs=5)).version for _ in range(2))
        with database.reading() as db:
            one, other = versions.of(db, first), versions.of(db, second)
    assert one.network == other.network
    assert one.layer.to_bytes() == other.layer.to_bytes()


def test_too_few_episodes_are_refused_with_their_number_unless_forced(make):
    with opened(make(90, 6.0)) as database:
        with pytest.raises(NotEnoughError, match="90 with known outcomes, 200 needed"):
            run(database)
        assert run(database, force=True, recipe=replace(RECIPE, epochs=2)).version == 1


def test_outcomes_of_a_handful_of_tasks_are_too_few_even_when_forced(make):
    with opened(make(60, 6.0, per_task=10)) as database, pytest.raises(NotEnoughError, match="20 needed"):
        run(database, force=True)


def test_a_second_learner_is_refused(make):
    with opened(make(300, 1.0)) as database:
        other = held(database, holder="other-host:1", clock=lambda: NOW)
        with other, pytest.raises(LearnerBusyError, match="at work"):
            run(database)


def test_an_outcome_of_the_log_can_be_taken_out_of_the_new_version(winning, tmp_path):
    with opened(Path(shutil.copy(winning[0], tmp_path))) as database:
        with database.writing() as db:
            before = versions.in_force(db)
            lesson = online.learn(db, 7, Result.graded(Outcome.UNKNOWN), NOW)
            after = versions.in_force(db)
            row = decisions.learned(db, 7)
        assert lesson is not None
        assert lesson.version == before.version
        assert row is None
        assert after.watch.get("refits", 0) == 0  # it was taken out, not fitted anew
        assert not np.array_equal(after.layer.mean, before.layer.mean)


def test_taking_every_outcome_out_again_gives_the_prior():
    rng = np.random.default_rng(0)
    prior = fresh_layer()
    rows, reward = rng.normal(size=(80, len(prior.mean))), (rng.random(80) < 0.4).astype(float)
    weight = rng.choice([0.4, 1.0], 80)
    layer = prior.fitted(rows, reward, weight)
    for row, site in zip(rows, fitting.sites(layer, rows, reward, weight), strict=True):
        layer = layer.without(row, site)
    assert layer.mean == pytest.approx(prior.mean, abs=1e-6)
    assert layer.covariance == pytest.approx(prior.covariance, abs=1e-6)


def test_outcomes_that_came_in_during_training_are_learned_too(make):
    with opened(make(500, 6.0)) as database:
        late = []

        def record(stage, done, total):
            if stage == "judging" and not late:
                with database.writing() as db:
                    db.execute("UPDATE episodes SET reward = NULL, outcome = 'unknown' WHERE key = 3")
                late.append(True)

        result = run(database, progress=record)
        with database.reading() as db:
            assert versions.of(db, result.version).layer.updates == 499


def test_rolling_back_and_forth_keeps_what_was_recorded_since(make):
    with opened(make(1200, 6.0)) as database:
        with database.writing() as db:
            online.learn(db, 1, Result.graded(Outcome.SUCCESS, evidence=Evidence.TEST_PASSED), NOW)
        first = in_force(database).version
        result = run(database)
        assert result.promoted, result.reason
        assert rollback(database).version == first
        assert in_force(database).layer.updates == 1200
        assert rollback(database, result.version).network is not None
        assert in_force(database).version == result.version
        assert {version.status for version in status(database).versions} == {"in_force", "retired"}
        assert rollback(database, 0).version == 0
        assert in_force(database).version == 0
        with database.writing() as db:  # a correction then is the first thing that is learned anew
            lesson = online.learn(db, 1, Result.graded(Outcome.FAILURE, evidence=Evidence.TEST_PASSED), NOW)
            assert versions.in_force(db).layer.updates == 1
        assert lesson.version == result.version + 1


def test_rolling_back_to_nowhere_is_refused(make):
    with opened(make(60, 1.0)) as database:
        with pytest.raises(NotFoundError, match="no version 9"):
            rollback(database, 9)
        with pytest.raises(InputError, match="in force already"):
            rollback(database)


def test_training_is_due_when_a_quarter_more_is_known(make):
    with opened(make(260, 1.0)) as database:
        with database.reading() as db:
            assert spawn.is_due(db)
        run(database, recipe=replace(RECIPE, epochs=1))
        with database.reading() as db:
            assert not spawn.is_due(db)
            assert spawn.wanted(db) == 360
        assert status(database).trained_on == 260


def test_training_that_was_interrupted_is_due_again_but_not_for_ever(make):
    def interrupt(stage, done, total):
        if stage == "training":
            raise InterruptedError

    with opened(make(260, 1.0)) as database:
        for _ in range(3):
            with database.reading() as db:
                assert spawn.is_due(db)
            with pytest.raises(InterruptedError):
                run(database, progress=interrupt)
        with database.reading() as db:
            assert not spawn.is_due(db)


def test_a_log_that_is_too_short_to_learn_from_is_not_tried_again_and_again(make):
    with opened(make(210, 6.0, per_task=15)) as database:
        with database.reading() as db:
            assert spawn.is_due(db)
        with pytest.raises(NotEnoughError, match="tasks"):
            run(database)
        with database.reading() as db:
            assert not spawn.is_due(db)


def test_training_is_not_due_while_a_learner_is_at_work(make):
    with opened(make(260, 1.0)) as database, held(database, holder="other-host:1"), database.reading() as db:
        assert not spawn.is_due(db)


def test_a_learner_killed_in_the_middle_goes_on_where_it_stopped(make, monkeypatch):
    bank = make(400, 6.0)
    checkpoint = bank.with_name("bank.db.learning")
    script = (
        "import sys; from pathlib import Path; from memento_memory.learning import training, learner;"
        "training._SAVE_EVERY_S = -1.0; from memento_memory.store.database import Database;"
        "from memento_memory.learning.recipe import Recipe;"
        f"learner.learn(Database(Path({str(bank)!r})), recipe=Recipe(epochs=2000, patience=2000))"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    passes = []

    def stop(stage, done, total):
        if stage == "training":
            passes.append(done)
            if len(passes) > 2:
                raise InterruptedError

    with opened(bank) as database, pytest.raises(InterruptedError):
        learn(database, recipe=Recipe(epochs=2000, patience=2000), progress=stop)
    assert passes[1] >= 1  # the first says that training begins


def test_the_learner_runs_detached_at_the_lowest_priority_and_logs_beside_the_bank(make):
    bank = make(300, 1.0)
    process = spawn.start(bank)
    assert process is not None
    assert os.getsid(process.pid) == process.pid
    log = bank.with_name("bank.db.learn.log")
    lowest = 0
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            lowest = max(lowest, psutil.Process(process.pid).nice())
        time.sleep(0.05)
    assert process.returncode == 0, log.read_text()
    assert lowest == 19
    assert "version 1:" in log.read_text()
    with opened(bank) as database:
        assert len(status(database).versions) == 1
    assert not bank.with_name("bank.db.learning").exists()
    assert not bank.with_name("bank.db.learning.since").exists()


def test_a_process_that_only_asks_for_the_status_does_not_import_torch(make):
    bank = make(60, 1.0)
    script = (
        "import sys; from pathlib import Path; from memento_memory.store.database import Database;"
        "from memento_memory import fitting;"
        "from memento_memory.learning import learner, spawn, status, gate, calibration;"
        f"database = Database(Path({str(bank)!r})); status.status(database);"
        "assert 'torch' not in sys.modules, 'torch'"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_default_recipe_asks_for_as_many_episodes_as_the_server_waits_for(make):
    with opened(make(60, 1.0)) as database, database.reading() as db:
        assert spawn.wanted(db) == DEFAULT.least
