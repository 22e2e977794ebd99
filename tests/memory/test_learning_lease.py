"""The lease: one learner at a time, and none blocks for ever."""

import os
import socket
import subprocess
import sys

import pytest

from memento_memory.learning.errors import LearnerBusyError
from memento_memory.learning.lease import TERM_S, held, holding
from memento_memory.store.database import Database


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "bank.db")
    yield opened
    opened.close()


def holder(database, now):
    with database.reading() as db:
        return holding(db, now)


def test_a_second_learner_is_refused_while_the_first_is_at_work(database, clock):
    with held(database, holder="other-host:1", clock=clock):
        with pytest.raises(LearnerBusyError, match="other-host:1"), held(database, holder="other-host:2", clock=clock):
            pass
        assert holder(database, clock()) == "other-host:1"


def test_the_lease_is_given_back_whatever_happens(database, clock):
    with pytest.raises(ZeroDivisionError), held(database, holder="other-host:1", clock=clock):
        raise ZeroDivisionError
    with held(database, holder="other-host:2", clock=clock):
        assert holder(database, clock()) == "other-host:2"
    assert holder(database, clock()) == ""


def test_the_lease_of_a_learner_that_vanished_runs_out(database, clock):
    vanished = held(database, holder="other-host:1", clock=clock)
    vanished.__enter__()
    clock.advance(seconds=TERM_S - 1)
    with pytest.raises(LearnerBusyError), held(database, holder="other-host:2", clock=clock):
        pass
    clock.advance(seconds=2)
    with held(database, holder="other-host:2", clock=clock):
        assert holder(database, clock()) == "other-host:2"


def test_a_learner_that_goes_on_keeps_its_lease(database, clock):
    with held(database, holder="other-host:1", clock=clock) as lease:
        for _ in range(10):
            clock.advance(seconds=TERM_S / 2)
            lease.renew()
        assert holder(database, clock()) == "other-host:1"


def test_a_learner_whose_lease_was_taken_over_finds_out(database, clock):
    late = held(database, holder="other-host:1", clock=clock)
    lease = late.__enter__()
    clock.advance(seconds=TERM_S + 1)
    with held(database, holder="other-host:2", clock=clock):
        with pytest.raises(LearnerBusyError, match="another took over"):
            lease.renew()
        late.__exit__(None, None, None)
        assert holder(database, clock()) == "other-host:2"


def test_a_process_of_this_machine_that_ended_holds_nothing(database, clock):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    held(database, holder=f"{socket.gethostname()}:{ended.pid}", clock=clock).__enter__()
    assert holder(database, clock()) == ""
    with held(database, clock=clock):
        assert holder(database, clock()) == f"{socket.gethostname()}:{os.getpid()}"
