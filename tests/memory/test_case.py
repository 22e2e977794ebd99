"""The domain model: states, rewards and their evidence, and what makes two cases one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.case import Evidence, Outcome, Result, Slate, Task, Verdict, content_hash
from memento_memory.errors import InputError
from memory.making import FAILURE, SUCCESS, UNKNOWN, case, plan

evidence = st.sampled_from(list(Evidence))


def test_evidence_is_ordered_from_test_to_self_report():
    assert sorted(Evidence, key=lambda e: e.rank) == [
        Evidence.TEST_PASSED,
        Evidence.TOOL_RESULT,
        Evidence.USER_CONFIRMED,
        Evidence.JUDGE,
        Evidence.SELF_REPORT,
    ]


@given(evidence, evidence)
def test_stronger_evidence_never_weighs_less(one, other):
    assert (one.rank <= other.rank) <= (one.weight >= other.weight)
    assert 0 < one.weight <= 1


def test_a_state_is_led_by_the_first_line_of_its_context():
    assert Task("count the users", "shop database\nwith 12 tables").state == "shop database: count the users"
    assert Task("count the users", "  \n ").state == "count the users"
    assert Task("count the users").state == "count the users"


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_long_context_never_drowns_the_task(text, context):
    state = Task(text, context).state
    assert state.endswith(text)
    assert len(state) <= len(text) + 122


def test_tasks_are_the_same_up_to_form_but_only_in_the_same_environment():
    task = Task("List the files", "prod")
    assert task.is_same_as(Task("list the  FILES.", "Prod"))
    assert not task.is_same_as(Task("List the files", "test"))
    assert not task.is_same_as(Task("List the files"))


def test_an_outcome_without_a_reward_is_full_success_or_full_failure():
    assert (SUCCESS.reward, FAILURE.reward, UNKNOWN.reward) == (1.0, 0.0, None)


@pytest.mark.parametrize("reward", [-0.1, 1.1, math.nan, math.inf])
@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.FAILURE])
def test_a_reward_outside_its_range_is_refused(outcome, reward):
    with pytest.raises(InputError, match="reward"):
        Result.graded(outcome, reward)


def test_an_unknown_outcome_has_no_reward():
    with pytest.raises(InputError, match="the outcome is unknown"):
        Result.graded(Outcome.UNKNOWN, 0.0)
    assert UNKNOWN.counts == (0.0, 0.0)


@given(st.floats(0, 1), evidence)
def test_an_outcome_counts_as_much_as_its_evidence_weighs(reward, kind):
    successes, failures = Result.graded(Outcome.SUCCESS, reward, kind).counts
    assert successes + failures == pytest.approx(kind.weight)
    assert successes == pytest.approx(kind.weight * reward)


def test_cases_that_differ_only_in_form_have_the_same_content():
    assert case("c-1", "List files", "ls .").content_hash == case("c-2", "list  FILES!", "LS .").content_hash


@pytest.mark.parametrize(
    "other",
    [
        ("other", Task("t", "x"), plan("s")),
        ("n", Task("u", "x"), plan("s")),
        ("n", Task("t", "y"), plan("s")),
        ("n", Task("t", "x"), plan("r")),
        ("n", Task("tx", ""), plan("s")),
    ],
)
def test_namespace_task_context_and_plan_all_belong_to_the_content(other):
    assert content_hash(*other) != content_hash("n", Task("t", "x"), plan("s"))


def test_a_case_under_another_name_is_otherwise_the_same():
    named = case("c-1", "t").named("c-2")
    assert (named.id, named.content_hash) == ("c-2", case("c-1", "t").content_hash)


def test_an_empty_slate_says_that_no_case_is_of_use():
    assert Slate().verdict is Verdict.NO_USEFUL_CASE
