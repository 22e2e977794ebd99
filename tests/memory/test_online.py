"""The fast learner in the bank: what an outcome teaches, once, on disk, whoever records it."""

import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest

from memento_memory import fitting, online
from memento_memory.bank import CaseBank
from memento_memory.case import Task
from memento_memory.retention import Report
from memento_memory.selection.policy import Policy, PolicyName
from memento_memory.store import decisions, versions
from memory.making import FAILURE, SUCCESS, UNKNOWN, plan, report, result

TASK = Task("find all log files larger than 2 GB")


def planned(bank, task=TASK, **others):
    return bank.open_episode(task, bank.retrieve(task, **others), None)


def recorded(bank, plan_id, outcome=SUCCESS, used=None):
    return bank.retain(Report(outcome, plan_id=plan_id, plan=plan("find / -size +2G"), used=used))


def layer(bank):
    with bank.database.reading() as db:
        return versions.in_force(db).layer


def same(one, other):
    return np.allclose(one.mean, other.mean, atol=1e-9) and np.allclose(one.covariance, other.covariance, atol=1e-9)


def test_before_any_outcome_the_prior_is_in_force(filled):
    with filled.database.reading() as db:
        assert versions.in_force(db).version == 0
    assert planned(filled).slate.decision.version == 0


@pytest.mark.parametrize(("outcome", "sign"), [(SUCCESS, 1), (FAILURE, -1)])
def test_an_outcome_moves_the_value_of_what_was_shown(filled, outcome, sign):
    episode = planned(filled)
    lesson = recorded(filled, episode.plan_id, outcome).lesson
    assert [case_id for case_id, _, _ in lesson.moved] == [entry.case.id for entry in episode.slate.shown]
    assert all(sign * (after - before) > 0 for _, before, after in lesson.moved)
    assert lesson.version == planned(filled).slate.decision.version == 1
    again = filled.retrieve(TASK, browse=True)
    before = {entry.case.id: entry.value for entry in episode.slate.shown}
    moved = [entry for entry in again.shown if entry.case.id in before]
    assert all(sign * (entry.value - before[entry.case.id]) > 0 for entry in moved)


def test_work_that_was_not_planned_here_teaches_nothing_about_showing_cases(filled):
    assert filled.retain(report("water the plants", "take the can")).lesson is None


def test_an_unknown_outcome_teaches_nothing(filled):
    before = layer(filled)
    recorded(filled, planned(filled).plan_id, UNKNOWN)
    assert same(layer(filled), before)


def test_stronger_evidence_teaches_more(bank_of):
    moves = []
    for evidence in ("self_report", "judge", "test_passed"):
        bank = bank_of(evidence)
        moves.append(
            abs(recorded(bank, planned(bank).plan_id, result("failure", evidence=evidence)).lesson.moved[0][2])
        )
    assert moves == sorted(moves, reverse=True)
    assert len(set(moves)) == 3


def test_recording_the_same_outcome_twice_teaches_it_once(filled):
    episode = planned(filled)
    recorded(filled, episode.plan_id)
    once = layer(filled)
    assert recorded(filled, episode.plan_id).lesson is None
    assert same(layer(filled), once)


def test_a_corrected_outcome_leaves_no_trace_of_the_first(bank_of):
    corrected, at_once = bank_of("corrected"), bank_of("at once")
    episode = planned(corrected)
    recorded(corrected, episode.plan_id, SUCCESS)
    recorded(corrected, episode.plan_id, FAILURE)
    recorded(at_once, planned(at_once).plan_id, FAILURE)
    assert same(layer(corrected), layer(at_once))


def test_a_withdrawn_outcome_leaves_the_prior(filled):
    before = layer(filled)
    episode = planned(filled)
    recorded(filled, episode.plan_id, SUCCESS)
    recorded(filled, episode.plan_id, UNKNOWN)
    assert same(layer(filled), before)


def test_saying_later_which_case_helped_moves_the_credit(filled):
    filled.retain(report("find all log files larger than 5 MB", "find / -name '*.log' -size +5M"))
    episode = planned(filled)
    assert len(episode.slate.shown) > 1
    recorded(filled, episode.plan_id)
    shared = layer(filled)
    helped = episode.slate.shown[0].case.id
    lesson = recorded(filled, episode.plan_id, used=(helped,)).lesson
    assert lesson is not None
    assert not same(layer(filled), shared)


def test_a_correction_after_a_new_fit_takes_that_outcome_out_alone(filled):
    episode = planned(filled)
    recorded(filled, episode.plan_id, SUCCESS)
    recorded(filled, planned(filled).plan_id, SUCCESS)
    with filled.database.writing() as db:
        version = fitting.refitted(db, versions.in_force(db))
    lesson = recorded(filled, episode.plan_id, FAILURE).lesson
    assert all(after < before for _, before, after in lesson.moved)
    with filled.database.reading() as db:
        corrected = versions.in_force(db)
        assert corrected.watch["refits"] == version.watch["refits"] == 1
        assert corrected.layer.mean == pytest.approx(fitting.fit(db, version).version.layer.mean, abs=0.03)


def test_an_outcome_that_cannot_be_taken_out_is_corrected_by_a_new_fit_to_the_whole_log(filled):
    episode = planned(filled)
    recorded(filled, episode.plan_id, SUCCESS)
    recorded(filled, planned(filled).plan_id, SUCCESS)
    with filled.database.writing() as db:
        version = versions.in_force(db)
        versions.update(db, replace(version, watch={**version.watch, "refits": 7}))  # into another fit than it was
    recorded(filled, episode.plan_id, FAILURE)
    with filled.database.reading() as db:
        version = versions.in_force(db)
        assert version.watch["refits"] == 8
        assert same(version.layer, fitting.fit(db, version).version.layer)


def test_another_process_on_the_bank_learns_the_same(filled, bank_of):
    twin = bank_of("twin")
    for bank in (filled, twin):
        recorded(bank, planned(bank).plan_id, FAILURE)
    second = [planned(bank).plan_id for bank in (filled, twin)]
    recorded(filled, second[0], SUCCESS)
    code = f"""
        from pathlib import Path
        from memento_memory.bank import CaseBank
        from memento_memory.case import Outcome, Result
        from memento_memory.plan import from_lines
        from memento_memory.retention import Report
        bank = CaseBank(Path({str(twin.database.path)!r}))
        plan = from_lines(["find / -size +2G"])
        bank.retain(Report(Result.graded(Outcome.SUCCESS), plan_id={second[1]!r}, plan=plan))
        bank.close()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60)
    assert same(layer(filled), layer(twin))
    assert planned(twin).slate.decision.candidates.value == pytest.approx(
        planned(filled).slate.decision.candidates.value
    )


def test_a_failed_transaction_teaches_nothing(filled, monkeypatch):
    episode = planned(filled)
    before = layer(filled)

    def broken(*_):
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(versions, "update", broken)
    with pytest.raises(RuntimeError, match="disk"):
        recorded(filled, episode.plan_id)
    monkeypatch.undo()
    assert filled.episode(episode.plan_id).result is None
    assert same(layer(filled), before)


def test_the_log_tells_what_was_decided_and_how_it_ended(filled):
    episode = planned(filled)
    recorded(filled, episode.plan_id, result("failure", evidence="test_passed"), used=())
    with filled.database.reading() as db:
        (entry,) = decisions.logged(db)
    shown = [entry.decision.candidates.case_ids[i] for i in entry.decision.drawn]
    assert shown == [kept.case.id for kept in episode.slate.shown]
    assert (entry.plan_id, entry.task) == (episode.plan_id, TASK)
    assert entry.outcome == result("failure", evidence="test_passed")
    decided = episode.slate.decision
    assert entry.decision.candidates.pair == pytest.approx(decided.candidates.pair, abs=1e-5)
    assert entry.decision.vector == pytest.approx(decided.vector, abs=1e-3)
    assert entry.decision.log_propensity == 0


def test_a_held_out_plan_shows_nothing_and_says_so(filled):
    path, embedders = filled.database.path, filled._embedders
    bank = CaseBank(path, embedders, policy=Policy(holdout=0.5), seed=1)
    slates = [planned(bank).slate for _ in range(20)]
    arms = {slate.decision.arm.value: slate for slate in slates}
    assert set(arms) == {"greedy", "held_out"}
    assert not arms["held_out"].shown
    assert np.exp(arms["held_out"].decision.log_propensity) == pytest.approx(0.5)
    assert np.exp(arms["greedy"].decision.log_propensity) == pytest.approx(0.5)
    bank.close()


def test_a_drawn_slate_is_logged_with_the_chance_it_had(filled):
    bank = CaseBank(filled.database.path, filled._embedders, policy=Policy(PolicyName.SOFTMAX, alpha=1.0), seed=3)
    seen: dict[tuple[int, ...], list[float]] = {}
    for _ in range(300):
        decision = bank.retrieve(TASK, k=2).decision
        seen.setdefault(decision.drawn, []).append(decision.log_propensity)
    assert len(seen) > 1
    for found in seen.values():
        assert found == pytest.approx([found[0]] * len(found))
        assert len(found) / 300 == pytest.approx(np.exp(found[0]), abs=0.1)
    bank.close()


def test_a_new_plan_after_a_failure_continues_the_trajectory(filled):
    first = planned(filled)
    assert first.previous == ""
    recorded(filled, first.plan_id, FAILURE)
    second = planned(filled)
    assert filled.episode(second.plan_id).previous == first.plan_id
    recorded(filled, second.plan_id, SUCCESS)
    assert planned(filled).previous == ""


def test_similarity_ranks_again_while_it_foretells_outcomes_better(filled):
    """What was learned says success, outcomes say failure: trust is lost, and comes back when it is right again."""
    episode = planned(filled)
    recorded(filled, episode.plan_id)
    with filled.database.writing() as db:
        misled = versions.in_force(db)
        versions.update(db, replace(misled, watch={"outcomes": 60, "margin": -9.0, "noise": 1.0}))
    lesson = recorded(filled, planned(filled).plan_id, FAILURE).lesson
    assert lesson.trusted is False
    with filled.database.reading() as db:
        version = versions.in_force(db)
    assert online.layer_in_use(version) is version.reference


def test_a_slate_of_warnings_alone_says_nothing_of_plans_with_or_without_a_case(bank):
    bank.retain(report(TASK.text, "delete them all", result=FAILURE))
    episode = planned(bank)
    assert [entry.case.result.outcome for entry in episode.slate.shown] == [FAILURE.outcome]
    assert recorded(bank, episode.plan_id, SUCCESS).lesson is None
    with bank.database.reading() as db:
        assert [entry.only_warned for entry in decisions.logged(db)] == [True]
