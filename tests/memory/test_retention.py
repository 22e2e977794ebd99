"""Recording an outcome: once per episode, weighed by its evidence, in the case it belongs to."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_memory.bank import CaseBank
from memento_memory.case import Outcome, Shown, Slate, Task
from memento_memory.errors import InputError, NotFoundError
from memento_memory.retention import Report, Status, retain
from memento_memory.store import episodes
from memento_memory.store.query import fetch_all
from memory.making import FAILURE, SUCCESS, UNKNOWN, plan, report, result


@pytest.fixture
def words_bank(tmp_path, clock):
    """A bank without an embedding model."""
    opened = CaseBank(tmp_path / "bank.db", clock=clock)
    yield opened
    opened.close()


def opened(bank, task="sort the list", draft=("draft",), shown=()):
    """The plan_id of an open episode."""
    slate = Slate(tuple(Shown(case, 0.9, 0.8) for case in shown), 0.1)
    return bank.open_episode(Task(task), slate, plan(*draft) if draft else None).plan_id


def record(bank, plan_id, outcome=SUCCESS, *steps, used=None):
    return bank.retain(Report(outcome, plan_id, plan=plan(*steps) if steps else None, used=used))


def all_cases(bank):
    return [case for page in bank.pages() for case in page]


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


outcomes = st.tuples(
    st.sampled_from(["success", "failure", "unknown"]),
    st.sampled_from(["test_passed", "judge", "self_report"]),
    st.sampled_from([None, 0.25, 0.5]),
)
steps = st.tuples(st.integers(0, 4), st.sampled_from(["a", "b"]), outcomes, st.sampled_from(["", "forget", "restore"]))


@given(st.lists(steps, max_size=14))
@settings(max_examples=40)
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
