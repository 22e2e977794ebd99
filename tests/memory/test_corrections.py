"""What a later or better outcome of the same episode does to the cases it touches."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_memory.bank import CaseBank
from memento_memory.case import Outcome
from memento_memory.errors import InputError, NotFoundError
from memento_memory.retention import Status
from memento_memory.store import episodes
from memento_memory.store.query import fetch_all
from memory.making import FAILURE, SUCCESS, UNKNOWN, all_cases, opened, record, report, result


def test_stronger_evidence_replaces_weaker(words_bank):
    plan_id = opened(words_bank)
    record(words_bank, plan_id, result("success"))
    stronger = record(words_bank, plan_id, result("failure", evidence="test_passed", notes="3 tests fail"))
    assert stronger.status is Status.UPDATED
    assert stronger.before.result == SUCCESS
    assert stronger.case.result == result("failure", evidence="test_passed", notes="3 tests fail")
    assert (stronger.case.successes, stronger.case.failures) == (0.0, 1.0)


def test_weaker_evidence_is_noted_and_outweighed(words_bank):
    plan_id = opened(words_bank)
    record(words_bank, plan_id, result("failure", evidence="test_passed"))
    weaker = record(words_bank, plan_id, result("success", evidence="judge"))
    assert weaker.status is Status.UNCHANGED
    assert "outweighs judge" in weaker.note
    assert (weaker.case.successes, weaker.case.failures) == (0.0, 1.0)
    assert words_bank.episode(plan_id).result == result("failure", evidence="test_passed")


def test_a_correction_of_the_same_evidence_moves_the_counts(words_bank):
    plan_id = opened(words_bank)
    record(words_bank, plan_id, result("success", evidence="judge"))
    corrected = record(words_bank, plan_id, result("success", 0.5, "judge"))
    assert corrected.status is Status.UPDATED
    assert corrected.case.result.reward == 0.5
    assert (corrected.case.successes, corrected.case.failures) == pytest.approx((0.3, 0.3))


def test_a_test_that_proves_nothing_after_all_takes_its_weight_back(words_bank):
    plan_id = opened(words_bank)
    record(words_bank, plan_id, result("failure", evidence="test_passed"))
    record(words_bank, plan_id, result("unknown", evidence="test_passed", notes="the runner was broken"))
    (case,) = all_cases(words_bank)
    assert case.result == result("unknown", evidence="test_passed", notes="the runner was broken")
    assert (case.successes, case.failures) == (0.0, 0.0)


def test_another_plan_moves_the_contribution_to_another_case(words_bank):
    stays = words_bank.retain(report("sort the list", "a", result=result("success", evidence="judge"))).case.id
    plan_id = opened(words_bank)
    assert record(words_bank, plan_id, FAILURE, "a").case.id == stays
    moved = record(words_bank, plan_id, FAILURE, "b")
    assert moved.status is Status.UPDATED
    assert moved.case.id != stays
    assert (moved.case.successes, moved.case.failures) == (0.0, 0.4)
    left = words_bank.case(stays)
    assert (left.successes, left.failures) == pytest.approx((0.6, 0.0))
    assert left.result.outcome is Outcome.SUCCESS
    assert left.result.reward == pytest.approx(1.0)


def test_a_case_is_judged_by_what_is_left_when_a_contribution_moves_away(words_bank):
    case_id = words_bank.retain(report("sort the list", "a")).case.id
    plan_id = opened(words_bank)
    record(words_bank, plan_id, result("failure", evidence="test_passed"), "a")
    assert words_bank.case(case_id).result.outcome is Outcome.FAILURE
    record(words_bank, plan_id, result("failure", evidence="test_passed"), "b")
    assert words_bank.case(case_id).result.outcome is Outcome.SUCCESS


def test_a_case_that_stood_on_nothing_else_goes_with_its_contribution(words_bank):
    plan_id = opened(words_bank)
    first = record(words_bank, plan_id, FAILURE, "a").case.id
    second = record(words_bank, plan_id, FAILURE, "b").case.id
    assert [case.id for case in all_cases(words_bank)] == [second]
    with pytest.raises(NotFoundError):
        words_bank.case(first)


def test_a_case_left_with_unknown_outcomes_only_is_unknown(words_bank):
    first = record(words_bank, opened(words_bank), UNKNOWN, "a").case.id
    plan_id = opened(words_bank)
    assert record(words_bank, plan_id, SUCCESS, "a").case.result == SUCCESS
    record(words_bank, plan_id, SUCCESS, "b")
    assert words_bank.case(first).result.outcome is Outcome.UNKNOWN
    assert words_bank.case(first).result.reward is None


def test_a_moved_contribution_has_its_vector_at_once(bank):
    plan_id = opened(bank)
    record(bank, plan_id, FAILURE, "a")
    record(bank, plan_id, FAILURE, "b")
    assert bank.stats().without_vector == 0


def test_a_forgotten_case_takes_no_more_outcomes(words_bank):
    plan_id = opened(words_bank)
    first = record(words_bank, plan_id, SUCCESS, "a").case.id
    words_bank.retain(report("sort the list", "a"))
    words_bank.forget(first)
    again = record(words_bank, plan_id, result("success", evidence="judge"), "a")
    assert again.case.id != first
    assert (again.case.successes, words_bank.case(first).successes) == pytest.approx((0.6, 0.4))


def try_to_restore(bank, case_id):
    if bank.case(case_id).forgotten_at is not None:
        try:
            bank.restore(case_id)
        except InputError as error:
            assert "learned again since" in str(error)  # noqa: PT017


def assert_counts_are_sums(bank):
    with bank.database.reading() as db:
        found = [episodes.by_plan_id(db, plan_id) for (plan_id,) in fetch_all(db, "SELECT plan_id FROM episodes")]
        stored = [bank.case(id_) for (id_,) in fetch_all(db, "SELECT id FROM cases")]
    contributions = [entry[1] for entry in found if entry and entry[1].result]
    assert {episode.case_id for episode in contributions} == {case.id for case in stored}
    for case in stored:
        own = [episode.result for episode in contributions if episode.case_id == case.id]
        assert case.successes == pytest.approx(sum(result.counts[0] for result in own))
        assert case.failures == pytest.approx(sum(result.counts[1] for result in own))
        known = [result for result in own if result.outcome is not Outcome.UNKNOWN]
        assert (case.result.reward is None) == (case.result.outcome is Outcome.UNKNOWN) == (not known)
        if {result.outcome.value: result.reward for result in known} in ({"success": 1.0}, {"failure": 0.0}):
            assert case.result.outcome is known[0].outcome


outcomes = st.tuples(
    st.sampled_from(["success", "failure", "unknown"]),
    st.sampled_from(["test_passed", "judge", "self_report"]),
    st.sampled_from([None, 0.25, 0.5]),
)
steps = st.tuples(st.integers(0, 4), st.sampled_from(["a", "b"]), outcomes, st.sampled_from(["", "forget", "restore"]))


@given(st.lists(steps, max_size=14))
@settings(max_examples=20)
def test_whatever_is_recorded_counts_are_the_sum_of_what_each_episode_contributes(tmp_path_factory, recorded):
    bank = CaseBank(tmp_path_factory.mktemp("sums") / "bank.db", clock=lambda: 1.0)
    ids = [opened(bank, f"task {'xyz'[i % 2]}") for i in range(5)]
    for number, step, (outcome, evidence, reward), then in recorded:
        kept = record(bank, ids[number], result(outcome, None if outcome == "unknown" else reward, evidence), step)
        if then == "forget":
            bank.forget(kept.case.id)
        elif then == "restore":
            try_to_restore(bank, kept.case.id)
        assert_counts_are_sums(bank)
    bank.close()
