"""From candidates to the slate and to what is logged of it: hold-out, repeats, warnings, and the room there was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from memento_memory.case import Case, Outcome, Result, Slate, Task
from memento_memory.decision import Arm
from memento_memory.plan import Plan, Subtask
from memento_memory.selection.policy import Policy, PolicyName
from memento_memory.selection.slate import choose
from memory.making import FAILURE, case, ids
from memory.seeing import THRESHOLD, chooser, sight, slate_of

TASK = Task("restart nginx")
ALWAYS_OUT = Policy(holdout=0.999_999)


def chosen(candidates, similarity=0.8, *, policy=None, k=4, **known) -> Slate:
    return choose(sight(TASK, candidates, similarity, **known), chooser(policy), k=k)


def wins(count: int) -> list[Case]:
    return [case(f"s{i}", f"task s{i}", f"step s{i}") for i in range(count)]


def again(id: str, tool: str = "", **standing) -> Case:
    """A success of this very task."""
    return Case(
        id, "default", TASK, Plan((Subtask(1, f"way {id}", tool=tool),)), Result.graded(Outcome.SUCCESS), **standing
    )


def test_a_held_out_slate_shows_nothing_at_all_and_says_what_it_withheld() -> None:
    failed = case("failed", "restart apache", "kill it", result=FAILURE)
    slate = chosen([again("a"), *wins(2), failed], policy=ALWAYS_OUT)
    assert ids(slate) == []
    assert slate.policy == "held out"
    decision = slate.decision
    assert decision is not None
    assert (decision.arm, decision.drawn, decision.forced) == (Arm.HELD_OUT, (), 0)
    assert decision.best == (0, 1, 2)
    assert chosen([again("a")]).policy == "greedy"


def test_what_worked_on_this_very_task_is_forced_and_counted_as_such() -> None:
    slate = chosen([*wins(2), again("a")], similarity=[0.95, 0.9, THRESHOLD - 0.3])
    assert ids(slate) == ["a", "s0", "s1"]
    assert slate.decision is not None
    assert slate.decision.forced == 1


def test_of_several_ways_that_worked_the_more_valuable_are_forced() -> None:
    slate = chosen([again("a", successes=0.1), again("b", successes=9.0), again("c", successes=2.0)])
    assert ids(slate) == ["b", "c"]
    assert slate.decision is not None
    assert slate.decision.forced == 2


def test_a_way_that_worked_is_not_forced_where_its_tool_is_missing() -> None:
    candidates = [again("a", tool="mail__send"), *wins(2)]
    low = [THRESHOLD - 0.3, 0.9, 0.8]
    for tools, shown in ((frozenset(), ["s0", "s1"]), (frozenset({"mail__send"}), ["a", "s0", "s1"])):
        slate = chosen(candidates, low, tools=tools)
        assert ids(slate) == shown
        assert slate.decision is not None
        assert slate.decision.forced == len(shown) - 2
    assert ids(chosen(candidates, low)) == ["a", "s0", "s1"]


def test_forced_examples_leave_the_warning_of_this_very_task_its_room() -> None:
    failed = case("failed", TASK.text, "kill it", result=FAILURE)
    slate = chosen([again("a"), again("b"), failed], k=2)
    assert ids(slate) == ["a", "failed"]
    assert slate.decision is not None
    assert (slate.decision.k, slate.decision.forced, slate.decision.drawn) == (1, 1, (0,))


def test_the_room_for_examples_is_logged_not_the_size_of_the_slate() -> None:
    failed = case("failed", "restart apache", "kill it", result=FAILURE)
    for candidates, room in (([*wins(4), failed], 3), (wins(4), 4)):
        decision = chosen(candidates).decision
        assert decision is not None
        assert decision.k == room


@pytest.mark.parametrize(
    ("policy", "share"),
    [(Policy(), 0.0), (Policy(explore=0.3), 0.3), (Policy(PolicyName.SOFTMAX), 1.0)],
)
def test_the_share_of_drawn_slates_is_logged(policy: Policy, share: float) -> None:
    decision = chosen(wins(3), policy=replace(policy, alpha=0.7, holdout=0.2)).decision
    assert decision is not None
    assert (decision.explore, decision.alpha, decision.holdout) == (share, 0.7, 0.2)


def test_failures_are_no_candidates_of_the_policy() -> None:
    failed = case("failed", "restart apache", "kill it", result=FAILURE)
    decision = chosen([failed, *wins(2)], similarity=[0.9, 0.8, 0.7]).decision
    assert decision is not None
    assert decision.candidates.case_ids == ("s0", "s1")
    assert np.array_equal(decision.candidates.similarity, [0.8, 0.7])
    assert decision.threshold == THRESHOLD


def test_the_nearest_failures_are_the_ones_that_warn() -> None:
    lost = [case(f"f{i}", f"task f{i}", f"step f{i}", result=FAILURE) for i in range(3)]
    assert ids(chosen(lost, similarity=[0.6, 0.9, 0.7])) == ["f1", "f2"]


def test_what_similarity_would_show_when_exploring_ends_at_the_threshold() -> None:
    seen = set()
    for seed in range(30):
        found = sight(TASK, wins(3), [0.9, 0.8, THRESHOLD - 0.05])
        slate = choose(found, chooser(Policy(explore=0.999_999, alpha=0.01), seed), k=3)
        seen.add(tuple(ids(slate)))
    assert ("s0", "s1") in seen
    assert not any("s2" in shown for shown in seen)


def test_what_ranked_an_example_is_told_beside_the_examples_and_not_the_warnings():
    failed = case("failed", TASK.text, "kill it", result=FAILURE, context=TASK.context)
    alone = slate_of(TASK, [case("s", "restart apache")], 0.8).shown[0].reasons
    beside = slate_of(TASK, [case("s", "restart apache"), failed], [0.8, 1.0])
    assert [entry.case.id for entry in beside.shown] == ["s", "failed"]
    assert [words for words, _ in beside.shown[0].reasons if "less like" in words] == []
    assert alone
    assert beside.shown[1].reasons == ()
