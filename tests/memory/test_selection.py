"""Which cases make the slate: prior, value, order, quotas, and what is never offered."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from memento_memory.case import Outcome, Task, Verdict
from memento_memory.selection.plackett_luce import allow_all
from memento_memory.selection.policy import greedy, softmax_logits
from memento_memory.selection.prior import log_prior
from memory.making import FAILURE, SUCCESS, UNKNOWN, case, result
from memory.seeing import THRESHOLD, slate_of, values_of

TASK = Task("restart nginx", "prod")
similarities = npst.arrays(np.float64, st.integers(0, 12), elements=st.floats(0, 1))
counts = st.floats(0, 1e6)


@given(similarities, st.floats(0, 1), st.floats(0.01, 2))
def test_the_prior_of_all_cases_and_the_void_case_sums_to_one(similarity, threshold, bandwidth):
    prior, void = log_prior(similarity, threshold=threshold, bandwidth=bandwidth)
    assert prior.shape == similarity.shape
    assert np.exp(prior).sum() + np.exp(void) == pytest.approx(1)


@given(similarities)
def test_a_case_beats_the_void_case_just_when_it_is_above_the_threshold(similarity):
    prior, void = log_prior(similarity, threshold=THRESHOLD)
    clear = np.abs(similarity - THRESHOLD) > 1e-9
    assert np.all(((prior > void) == (similarity > THRESHOLD))[clear])


def test_a_prior_without_width_and_a_policy_without_temperature_are_refused():
    with pytest.raises(ValueError, match="bandwidth"):
        log_prior(np.zeros(1), threshold=0.5, bandwidth=0)
    with pytest.raises(ValueError, match="alpha"):
        softmax_logits(np.zeros(1), 0.5, np.zeros(1), 0.5, alpha=0)
    with pytest.raises(ValueError, match="shape"):
        softmax_logits(np.zeros(1), 0.5, np.zeros(2), 0.5, alpha=1)


@given(similarities, st.floats(0.1, 10))
def test_equal_values_leave_the_proportions_of_the_prior(similarity, alpha):
    prior, void = log_prior(similarity, threshold=THRESHOLD)
    scores, of_void = softmax_logits(similarity, THRESHOLD, np.full_like(similarity, 0.7), 0.7, alpha)
    np.testing.assert_allclose(scores - of_void, prior - void, atol=1e-9)


@given(npst.arrays(np.float64, st.integers(0, 10), elements=st.integers(-3, 3).map(float)), st.integers(1, 10))
def test_greedy_goes_from_best_to_worst_keeps_the_order_of_equals_and_stops_at_the_void_case(advantage, k):
    order = sorted((i for i in range(len(advantage)) if advantage[i] > 0), key=lambda i: (-advantage[i], i))
    assert greedy(values_of(advantage), k, allow_all) == order[:k]


def test_a_cautious_policy_leaves_out_what_is_not_sure_to_help():
    values = values_of(np.array([2.0, 1.0, 0.5]), doubt=np.array([3.0, 0.5, 0.2]))
    assert greedy(values, 3, allow_all) == [0, 1, 2]
    assert greedy(values, 3, allow_all, caution=1.0) == [1, 2]


@given(counts, counts, st.floats(0.1, 100))
def test_a_record_is_a_probability_that_rises_with_success_and_falls_with_failure(successes, failures, more):
    def record(good, bad):
        return replace(case("c", "task"), successes=good, failures=bad).record

    assert 0 < record(successes, failures) < 1
    assert record(successes + more, failures) >= record(successes, failures) >= record(successes, failures + more)
    assert record(0, 0) == 0.5


def slate(candidates, similarity=0.8, k=4, task=TASK, **others):
    return slate_of(task, candidates, similarity, k=k, **others)


def ids(chosen):
    return [entry.case.id for entry in chosen.shown]


def wins(count):
    return [case(f"s{i}", f"task s{i}", f"step s{i}") for i in range(count)]


def losses(count):
    return [case(f"f{i}", f"task f{i}", f"step f{i}", result=FAILURE) for i in range(count)]


def test_nothing_to_choose_from_is_an_empty_slate():
    assert slate([]).verdict is Verdict.NO_USEFUL_CASE


@pytest.mark.parametrize("candidates", [wins(3), losses(3), [*wins(2), *losses(2)]])
def test_when_nothing_is_close_the_void_case_wins(candidates):
    chosen = slate(candidates, similarity=0.2)
    assert chosen.verdict is Verdict.NO_USEFUL_CASE
    assert chosen.void_probability > 0.5


def test_the_closest_case_comes_first():
    chosen = slate(wins(3), similarity=[0.6, 0.9, 0.7])
    assert ids(chosen) == ["s1", "s2", "s0"]
    assert [entry.similarity for entry in chosen.shown] == [0.9, 0.7, 0.6]
    assert 0 < chosen.void_probability < 0.1


def test_of_two_equally_close_cases_the_one_that_worked_more_often_comes_first():
    rarely, often = wins(2)
    assert ids(slate([rarely, replace(often, successes=5.0)])) == ["s1", "s0"]
    assert ids(slate([replace(rarely, failures=3.0), often])) == ["s1", "s0"]


@pytest.mark.parametrize(
    ("won", "lost", "k", "expected"),
    [
        (8, 8, 4, "s0 s1 s2 f0"),
        (8, 8, 8, "s0 s1 s2 s3 s4 s5 f0 f1"),
        (8, 8, 3, "s0 s1 s2"),
        (8, 8, 1, "s0"),
        (8, 0, 4, "s0 s1 s2 s3"),
        (1, 8, 4, "s0 f0 f1"),
        (0, 8, 4, "f0 f1"),
        (0, 8, 1, "f0"),
        (2, 1, 4, "s0 s1 f0"),
    ],
)
def test_examples_come_before_warnings_and_each_have_their_quota(won, lost, k, expected):
    assert ids(slate([*losses(lost), *wins(won)], k=k)) == expected.split()


def test_a_case_with_an_unknown_outcome_is_not_shown():
    assert ids(slate([case("u", "task u", "step u", result=UNKNOWN), *wins(1)])) == ["s0"]


def test_a_repeat_of_the_task_is_labelled_and_comes_first_however_it_scores():
    repeat = replace(case("again", "Restart NGINX.", "systemctl restart nginx", context="prod"), successes=0.1)
    chosen = slate([*wins(2), repeat], similarity=[0.95, 0.9, 0.3])
    assert ids(chosen) == ["again", "s0", "s1"]
    assert [entry.repeat for entry in chosen.shown] == [True, False, False]


def test_the_same_words_in_another_environment_are_no_repeat():
    chosen = slate([case("c", "restart nginx", context="test")])
    assert [entry.repeat for entry in chosen.shown] == [False]


def test_a_plan_that_failed_on_this_very_task_is_never_an_example_to_follow():
    failed = case("failed", "restart nginx", "kill it", context="prod", result=FAILURE)
    elsewhere = case("elsewhere", "restart apache", "Kill it!")
    other = case("other", "restart redis", "systemctl restart redis")
    chosen = slate([elsewhere, failed, other], similarity=[0.9, 0.99, 0.6])
    assert ids(chosen) == ["other", "failed"]
    only_successes = slate(
        [elsewhere, failed, other],
        similarity=[0.9, 0.99, 0.6],
        admits=lambda found: found.result.outcome is Outcome.SUCCESS,
    )
    assert ids(only_successes) == ["other"]


def test_plans_that_differ_only_in_form_are_shown_once():
    twins = [case("one", "task one", "Open it.", "read"), case("two", "task two", "open  it", "READ!")]
    assert ids(slate(twins, similarity=[0.7, 0.8])) == ["two"]


def test_of_one_task_at_most_two_plans_are_shown_so_that_there_is_room_for_others():
    many = [case(f"same{i}", "restart apache", f"way {i}") for i in range(4)]
    assert ids(slate([*many, *wins(2)], similarity=[0.9] * 4 + [0.6] * 2)) == ["same0", "same1", "s0", "s1"]


def test_that_this_very_task_failed_is_said_even_where_there_is_little_room():
    failed = case("failed", "restart nginx", "kill it", context="prod", result=FAILURE)
    assert ids(slate([*wins(4), failed], k=2)) == ["s0", "failed"]
    assert ids(slate([*wins(4), failed], k=1)) == ["s0"]
    assert slate([*wins(4), failed], k=1).failed_here == {failed.plan.skeleton}


outcomes = st.sampled_from([SUCCESS, FAILURE, UNKNOWN, result("success", 0.3), result("failure", 0.6)])
candidate = st.tuples(
    st.sampled_from(["restart nginx", "restart apache", "list users"]), st.sampled_from("abcde"), outcomes
)


@given(st.lists(st.tuples(candidate, st.floats(0, 1)), max_size=15), st.integers(1, 20))
def test_every_slate_keeps_the_rules(scored, k):
    candidates = [
        case(f"c{i}", text, step, result=outcome, context="prod") for i, ((text, step, outcome), _) in enumerate(scored)
    ]
    chosen = slate(candidates, similarity=[score for _, score in scored] or 0.5, k=k)
    shown = [entry.case for entry in chosen.shown]
    failures = [c for c in shown if c.result.outcome is Outcome.FAILURE]
    examples = [c for c in shown if c.result.outcome is Outcome.SUCCESS]
    failed_here = {c.plan for c in candidates if c.task == TASK and c.result.outcome is Outcome.FAILURE}
    assert shown == examples + failures
    assert len(shown) <= k
    assert len({c.plan for c in shown}) == len(shown)
    assert all(len([c for c in kind if c.task == other.task]) <= 2 for kind in (examples, failures) for other in kind)
    assert len(failures) <= min(max(k // 4, k - len(examples)), (k + 1) // 2)
    assert not failed_here & {c.plan for c in examples}
    assert 0 <= chosen.void_probability <= 1
    for entry in chosen.shown:
        assert entry.repeat == (entry.case.task == TASK)
        assert 0 < entry.value < 1
        assert entry.low <= entry.value <= entry.high
    assert chosen.decision.log_propensity == 0
    assert slate(candidates, similarity=[score for _, score in scored] or 0.5, k=k) == chosen
