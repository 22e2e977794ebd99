"""Recording an outcome: once per episode, weighed by its evidence, in the case it belongs to."""

from dataclasses import replace

import pytest

from memento_memory.case import Outcome, Task
from memento_memory.errors import InputError, NotFoundError
from memento_memory.retention import Report, Status, retain
from memory.making import FAILURE, SUCCESS, UNKNOWN, all_cases, opened, plan, record, report, result


def test_a_new_outcome_becomes_a_case_with_what_was_reported(words_bank, clock):
    retained = words_bank.retain(
        replace(
            report(
                "sort it",
                "open",
                "sort",
                result=result("success", 0.8, "judge", "mind the locale"),
                context="db",
                namespace="team",
                tags=("b", "a"),
            ),
            host="ide",
            model="m1",
        )
    )
    case = words_bank.case(retained.case.id)
    assert retained.status is Status.RETAINED
    assert retained.before is None
    assert case == retained.case
    assert (case.task, case.plan, case.namespace) == (Task("sort it", "db"), plan("open", "sort"), "team")
    assert case.result == result("success", 0.8, "judge", "mind the locale")
    assert (case.tags, case.host, case.model) == (("a", "b"), "ide", "m1")
    assert (case.successes, case.failures) == pytest.approx((0.48, 0.12))
    assert case.created_at == case.updated_at == clock()


def test_the_same_task_and_plan_in_another_form_is_merged(words_bank, clock):
    first = words_bank.retain(report("Sort the list", "open it", tags=("a",)))
    clock.advance(days=1)
    second = words_bank.retain(report("sort  the LIST.", "Open it!", result=FAILURE, tags=("b",)))
    assert second.status is Status.MERGED
    assert second.before == first.case
    (case,) = all_cases(words_bank)
    assert (case.successes, case.failures) == (0.4, 0.4)
    assert case.tags == ("a", "b")
    assert case.updated_at == case.created_at + 86_400


@pytest.mark.parametrize(
    "other",
    [
        report("sort the list", "close it"),
        report("sort the table", "open it"),
        report("sort the list", "open it", context="prod"),
        report("sort the list", "open it", namespace="team"),
    ],
)
def test_another_task_plan_environment_or_namespace_is_another_case(words_bank, other):
    words_bank.retain(report("sort the list", "open it"))
    assert words_bank.retain(other).status is Status.RETAINED
    assert len(all_cases(words_bank)) == 2


@pytest.mark.parametrize(("cosine", "merged"), [(0.96, True), (0.94, False)])
def test_a_near_duplicate_with_the_same_plan_is_merged_from_a_threshold_on(words_bank, cosine, merged):
    words_bank.retain(report("sort the list", "open it"))
    with words_bank.database.writing() as db:
        near = retain(db, report("sort that list", "open it"), lambda _, keys: dict.fromkeys(keys, cosine), 1.0)
        far = retain(db, report("sort a list", "close it"), lambda _, keys: dict.fromkeys(keys, 1.0), 1.0)
    assert (near.status is Status.MERGED) is merged
    assert far.status is Status.RETAINED


@pytest.mark.parametrize(("task", "other"), [("show 5 rows", "show 6 rows"), ("upgrade to v1.2", "upgrade to v1.3")])
def test_tasks_with_other_numbers_are_other_tasks_however_alike(words_bank, task, other):
    words_bank.retain(report(task))
    with words_bank.database.writing() as db:
        assert retain(db, report(other), lambda _, keys: dict.fromkeys(keys, 1.0), 1.0).status is Status.RETAINED


def test_real_paraphrases_are_merged_and_real_neighbours_are_not(bank):
    bank.retain(report("list all files in the home directory", "ls ~"))
    assert bank.retain(report("list all the files in the home directory", "ls ~")).status is Status.MERGED
    assert bank.retain(report("delete all files in the home directory", "ls ~")).status is Status.RETAINED


def test_recording_the_same_again_changes_nothing(words_bank):
    plan_id = opened(words_bank)
    first = record(words_bank, plan_id, result("success", evidence="judge"))
    before = words_bank.case(first.case.id)
    again = record(words_bank, plan_id, result("success", evidence="judge"))
    assert first.status is Status.RETAINED
    assert again.status is Status.UNCHANGED
    assert again.case == before
    assert "nothing was counted twice" in again.note


def test_without_a_plan_the_draft_that_was_offered_is_what_was_done(words_bank):
    assert record(words_bank, opened(words_bank, draft=("a", "b"))).case.plan == plan("a", "b")
    assert record(words_bank, opened(words_bank, draft=("a", "b")), SUCCESS, "c").case.plan == plan("c")


def test_an_outcome_needs_a_plan_from_somewhere_and_nothing_is_kept_without(words_bank):
    plan_id = opened(words_bank, draft=())
    with pytest.raises(InputError, match="plan: is needed"):
        record(words_bank, plan_id)
    for incomplete in (Report(SUCCESS, task=Task("t")), Report(SUCCESS, plan=plan("p"))):
        with pytest.raises(InputError, match="needed when no plan_id"):
            words_bank.retain(incomplete)
    assert words_bank.stats().episodes == 1
    assert words_bank.episode(plan_id).result is None


def test_an_episode_that_does_not_exist_is_named(words_bank):
    with pytest.raises(NotFoundError, match="'p-no'"):
        record(words_bank, "p-no")


@pytest.mark.parametrize("reward", [0.0, 0.3, 1.0])
def test_a_graded_outcome_counts_in_parts_and_keeps_the_label_it_was_given(words_bank, reward):
    for outcome in ("success", "failure"):
        case = words_bank.retain(report(outcome, result=result(outcome, reward, "tool_result"))).case
        assert (case.successes, case.failures) == pytest.approx((reward, 1 - reward))
        assert (case.result.outcome.value, case.result.reward) == (outcome, reward)


def test_outcomes_that_agree_keep_the_label_and_average_the_reward(words_bank):
    for reward in (0.2, 0.4):
        case = words_bank.retain(report("t", result=result("success", reward))).case
    assert case.result.outcome is Outcome.SUCCESS
    assert case.result.reward == pytest.approx(0.3)


def test_where_outcomes_disagree_the_weight_of_the_evidence_decides(words_bank):
    words_bank.retain(report("t", result=result("success")))
    case = words_bank.retain(report("t", result=result("failure", evidence="test_passed"))).case
    assert case.result.outcome is Outcome.FAILURE
    assert case.result.evidence == "test_passed"
    assert case.result.reward == pytest.approx(0.4 / 1.4)


def test_an_unknown_outcome_changes_neither_label_nor_counts_nor_evidence(words_bank):
    words_bank.retain(report("t", result=result("success", 0.3)))
    case = words_bank.retain(report("t", result=result("unknown", evidence="test_passed", notes="host crashed"))).case
    assert (case.result.outcome, case.result.reward) == (Outcome.SUCCESS, pytest.approx(0.3))
    assert (case.successes + case.failures, case.result.evidence) == (pytest.approx(0.4), "self_report")


def test_the_first_known_outcome_of_an_unknown_case_gives_it_its_label(words_bank):
    words_bank.retain(report("t", result=UNKNOWN))
    assert words_bank.retain(report("t", result=result("success", 0.3))).case.result == result("success", 0.3)


def test_an_unknown_outcome_without_a_plan_is_noted_on_the_episode_alone(words_bank):
    plan_id = opened(words_bank)
    retained = record(words_bank, plan_id, UNKNOWN)
    assert retained.case is None
    assert words_bank.episode(plan_id).result == UNKNOWN
    assert all_cases(words_bank) == []


def test_an_outcome_may_come_long_after_the_plan(words_bank, clock):
    plan_id = opened(words_bank)
    record(words_bank, plan_id, UNKNOWN)
    clock.advance(days=40)
    late = record(words_bank, plan_id, result("success", evidence="user_confirmed"))
    assert late.case.result == result("success", evidence="user_confirmed")
    episode = words_bank.episode(plan_id)
    assert episode.recorded_at == episode.created_at + 40 * 86_400
    assert episode.case_id == late.case.id


def test_used_cases_are_counted_once_and_can_be_corrected(words_bank):
    shown = [words_bank.retain(report(f"task {name}")).case for name in "ab"]
    plan_id = opened(words_bank, shown=shown)
    one, other = (case.id for case in shown)

    def counts():
        return [(words_bank.case(id_).shown, words_bank.case(id_).used) for id_ in (one, other)]

    record(words_bank, plan_id, SUCCESS, used=(one,))
    assert counts() == [(1, 1), (1, 0)]
    assert [entry.used for entry in words_bank.episode(plan_id).slate.shown] == [True, False]
    assert record(words_bank, plan_id, SUCCESS, used=(one,)).status is Status.UNCHANGED
    assert counts() == [(1, 1), (1, 0)]
    assert record(words_bank, plan_id, SUCCESS, used=(other,)).status is Status.UPDATED
    assert counts() == [(1, 0), (1, 1)]
    record(words_bank, plan_id, SUCCESS)
    assert counts() == [(1, 0), (1, 1)]
    record(words_bank, plan_id, SUCCESS, used=())
    assert counts() == [(1, 0), (1, 0)]


def test_a_case_that_was_not_shown_cannot_have_helped(words_bank):
    case_id = words_bank.retain(report("t")).case.id
    with pytest.raises(InputError, match="was not shown"):
        record(words_bank, opened(words_bank), SUCCESS, used=(case_id,))


def test_work_that_was_not_planned_here_may_name_any_case_that_exists(words_bank):
    case_id = words_bank.retain(report("t")).case.id
    words_bank.retain(replace(report("u"), used=(case_id,)))
    assert words_bank.case(case_id).used == 1
    with pytest.raises(NotFoundError, match="used_cases"):
        words_bank.retain(replace(report("v"), used=("c-no",)))
    assert len(all_cases(words_bank)) == 2
