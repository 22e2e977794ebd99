"""What the value of a case rests on: finite whatever is missing, similarity alone before any outcome."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_memory.case import Case, Outcome, Result, Task
from memento_memory.plan import Plan, Subtask
from memento_memory.selection.credit import case_rows, slate_row
from memento_memory.selection.episodic import History
from memento_memory.selection.expected_plan import ExpectedPlan
from memento_memory.selection.features import PAIR, TASK, pair_features, task_features
from memento_memory.selection.policy import greedy
from memento_memory.selection.value import QFunction, fresh_layer
from memory.seeing import THRESHOLD, sight

NAMES = [feature.name for feature in PAIR]
D = 8
ASKED = Task("How many singers are older than forty?", "concerts database")


def case(id: str, text: str = "List the names of all singers", steps=("SELECT name FROM singer",), **known) -> Case:
    plan = Plan(tuple(Subtask(i, step) for i, step in enumerate(steps, start=1)))
    standing = {"successes": 1.0, "context": ASKED.context, **known}
    task = Task(text, standing.pop("context"))
    return Case(id, "default", task, plan, Result.graded(Outcome.SUCCESS), **standing)


def column(name: str, *arguments, **known) -> np.ndarray:
    return pair_features(sight(*arguments, **known))[:, NAMES.index(name)]


def units(rng: np.random.Generator, n: int) -> np.ndarray:
    drawn = rng.standard_normal((n, D))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def embedded(rng: np.random.Generator, n: int) -> dict:
    tasks, plans = units(rng, n), units(rng, n)
    expected = ExpectedPlan.fit(units(rng, 20), units(rng, 20)).predict(tasks[0])
    return {"vector": units(rng, 1)[0], "vectors": tasks, "plan_vectors": plans, "expected": expected}


def test_names_are_distinct_and_the_network_comes_last() -> None:
    names = [feature.name for feature in (*TASK, *PAIR)]
    assert len(set(names)) == len(names)
    assert names[0] == "bias"
    assert names[-1] == "network"
    assert all(feature.more and feature.less and feature.prior_sd > 0 for feature in (*TASK, *PAIR))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 12),
    texts=st.lists(st.text(max_size=30), min_size=12, max_size=12),
    has_vectors=st.booleans(),
    holes=st.integers(0, 3),
)
def test_features_are_finite_whatever_is_known(
    seed: int, n: int, texts: list[str], has_vectors: bool, holes: int
) -> None:
    rng = np.random.default_rng(seed)
    cases = [case(f"c{i}", texts[i], (texts[-1 - i],)) for i in range(n)]
    known = embedded(rng, n) if has_vectors and n else {}
    if known:
        known["plan_vectors"][:holes] = np.nan
        known["vectors"][:holes] = np.nan
    seen = sight(Task(texts[0]), cases, rng.random(n), **known, now=1e9, tools=frozenset({"psql"}))
    pair, task = pair_features(seen), task_features(seen)
    assert pair.shape == (n, len(PAIR))
    assert task.shape == (len(TASK),)
    assert np.isfinite(pair).all()
    assert np.isfinite(task).all()
    assert task[0] == 1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 12))
def test_before_any_outcome_the_ranking_is_that_of_similarity(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    cases = [case(f"c{i}", f"Show {i} names of singers {i % 3}", ("SELECT 1",) * (1 + i % 4)) for i in range(n)]
    similarity = rng.random(n)
    values = QFunction(0, fresh_layer()).values(sight(ASKED, cases, similarity, **embedded(rng, n), now=1e9))
    assert np.argsort(-values.mean).tolist() == np.argsort(-similarity).tolist()


def test_before_any_outcome_a_case_at_the_threshold_is_as_good_as_none() -> None:
    values = QFunction(0, fresh_layer()).values(sight(ASKED, [case("a")], THRESHOLD))
    assert values.mean[0] == pytest.approx(values.void)


def test_a_plan_that_is_expected_stands_out() -> None:
    rng = np.random.default_rng(0)
    tasks = units(rng, 200)
    expectation = ExpectedPlan.fit(tasks, np.roll(tasks, 1, axis=1), ridge=1e-3)
    new = units(rng, 1)[0]
    plans = np.stack([np.roll(new, 1), *units(rng, 4)])
    known = {"vector": new, "vectors": units(rng, 5), "plan_vectors": plans, "expected": expectation.predict(new)}
    cases = [case(str(i)) for i in range(5)]
    for name in ("expected", "apart"):
        assert column(name, ASKED, cases, 0.8, **known).argmax() == 0


def test_of_a_kind_of_task_that_is_new_nothing_is_expected() -> None:
    rng = np.random.default_rng(2)
    flat = units(rng, 200)
    flat[:, 0] = 0
    new = np.eye(D, dtype=np.float32)[0]
    known = {**embedded(rng, 3), "vector": new, "expected": ExpectedPlan.fit(flat, flat).predict(new)}
    cases = [case(str(i)) for i in range(3)]
    for name in ("expected", "apart", "foreseen"):
        assert not column(name, ASKED, cases, 0.8, **known).any()


def test_the_level_of_a_slate_is_the_same_for_all_its_cases() -> None:
    known = embedded(np.random.default_rng(1), 4)
    cases = [case(str(i)) for i in range(4)]
    for name in ("shown", "nearest", "foreseen", "needed", "tried"):
        assert np.ptp(column(name, ASKED, cases, [0.9, 0.5, 0.7, 0.6], **known)) == 0


def test_a_plan_without_a_name_that_other_plans_have_misses_it() -> None:
    with_it = case("a", "Show everybody", ("SELECT count(*) FROM singers WHERE age > 40",))
    without = case("b", "Show everybody", ("SELECT count(*) FROM people",))
    missing = column("missing", ASKED, [with_it, without])
    assert missing[0] < missing[1]
    covers = column("covers", ASKED, [with_it, without])
    assert covers[0] > covers[1]


def test_singular_and_plural_and_names_written_together_are_one() -> None:
    joined = case("a", "Show everybody", ("SELECT olderSinger",))
    assert column("covers", ASKED, [joined])[0] > column("covers", ASKED, [case("b", "x", ("SELECT 1",))])[0]


def test_words_that_only_one_task_has_count_on_its_side() -> None:
    same, other = case("a", ASKED.text), case("b", "Delete every stadium in town by force")
    for name in ("unshared", "unasked"):
        here, there = column(name, ASKED, [same, other])
        assert here < there


def test_a_record_is_better_the_more_was_proven() -> None:
    records = column(
        "record", ASKED, [case("a", successes=5.0), case("b"), case("c", successes=0.4), case("d", failures=3.0)]
    )
    assert records.tolist() == sorted(records, reverse=True)
    assert records[1] == pytest.approx(0)


def test_what_became_of_a_case_with_this_task_counts_and_with_others_little() -> None:
    def after(similarity: float, value: float) -> np.ndarray:
        one = (np.array([0]), np.array([similarity]), np.array([value]), np.ones(1))
        return column("neighbours", ASKED, [case("a"), case("b")], history=History(*one))

    assert after(1.0, 1.0)[0] > 0 > after(1.0, 0.0)[0]
    assert after(1.0, 0.0)[1] == pytest.approx(0)
    assert abs(after(0.8, 0.0)[0]) < 0.05 * abs(after(1.0, 0.0)[0])


def test_what_a_case_led_to_when_it_was_reused_is_apart_from_its_own_outcomes() -> None:
    cases = [case("a"), case("b", successes=9.0), case("c")]
    showings = History(np.array([0, 0, 2, 2]), np.full(4, 0.5), np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4))
    helped = column("helped", ASKED, cases, history=showings)
    assert helped[0] < 0 < helped[2]
    assert helped[1] == 0
    assert column("record", ASKED, cases, history=showings).tolist() == column("record", ASKED, cases).tolist()


def test_an_untried_case_is_no_better_than_one_that_helps_as_often_as_is_usual() -> None:
    showings = History(np.arange(200) % 2, np.full(200, 0.5), (np.arange(200) % 10 < 2).astype(float), np.ones(200))
    helped = column("helped", ASKED, [case("a"), case("b"), case("c")], history=showings)
    assert helped == pytest.approx(0, abs=0.05)


def test_a_plan_that_is_not_embedded_yet_is_neither_expected_nor_unexpected() -> None:
    known = embedded(np.random.default_rng(3), 3)
    known["plan_vectors"][1] = np.nan
    cases = [case(str(i)) for i in range(3)]
    for name in ("expected", "apart", "moved"):
        assert column(name, ASKED, cases, 0.8, **known)[1] == 0


def test_failures_of_the_very_task_are_seen() -> None:
    cases = [case("a")]
    assert task_features(sight(ASKED, cases, failed_alone=2.0))[TASK_NAMES.index("unsolved")] > 0
    assert task_features(sight(ASKED, cases, failed_shown=2.0))[TASK_NAMES.index("unsolved")] == 0
    assert column("tried", ASKED, cases, failed_shown=2.0)[0] > 0
    assert column("needed", ASKED, cases, failed_alone=2.0)[0] > 0


def test_tools_count_only_where_it_is_known_which_are_at_hand() -> None:
    plan = Plan((Subtask(1, "ask", tool="psql"), Subtask(2, "draw", tool="plot")))
    needing = Case("a", "default", ASKED, plan, Result.graded(Outcome.SUCCESS))
    assert column("tools", ASKED, [needing]).tolist() == [0.0]
    assert column("tools", ASKED, [needing], tools=frozenset({"psql"})).tolist() == [0.5]
    assert column("tools", ASKED, [case("b")], tools=frozenset()).tolist() == [0.0]


def test_age_counts_in_months_and_only_where_it_is_known() -> None:
    month = 30 * 86_400.0
    cases = [case("a", updated_at=1e9), case("b", updated_at=1e9 - month), case("c")]
    ages = column("age", ASKED, cases, now=1e9)
    assert ages[0] == ages[2] == 0
    assert ages[1] == pytest.approx(np.log(2))


def test_one_outcome_moves_the_value_of_the_case_shown() -> None:
    seen = sight(ASKED, [case("a"), case("b", "Delete every stadium", ("DELETE stadium",))], [0.8, 0.7])
    row = case_rows(task_features(seen), pair_features(seen))[0]
    before = QFunction(0, fresh_layer()).values(seen).mean
    after = QFunction(1, fresh_layer().updated(row, 0.0)[0]).values(seen).mean
    assert after[0] < before[0]


@pytest.mark.parametrize(("failures", "shown"), [(0, 4), (2, 4), (200, 0)])
def test_two_failures_do_not_silence_the_memory_and_two_hundred_do(failures: int, shown: int) -> None:
    cases = [case(f"c{i}", f"Show {i} names of singers", (f"SELECT {i}",)) for i in range(4)]
    similarity = [0.75, 0.7, 0.65, 0.6]
    layer = fresh_layer()

    def after(n: int):
        showings = History(np.tile(np.arange(4), n), np.full(4 * n, 0.7), np.zeros(4 * n), np.ones(4 * n))
        return sight(ASKED, cases, similarity, history=showings)

    for n in range(failures):
        task, pair = task_features(after(n)), pair_features(after(n))
        layer, _ = layer.updated(slate_row(task, pair, np.full(4, 0.25)), 0.0)
        layer, _ = layer.updated(slate_row(task, pair[:0], np.zeros(0)), 1.0)  # without a case such tasks succeed
    values = QFunction(1, layer).values(after(failures))
    assert len(greedy(values, 4, lambda chosen, i: i not in chosen)) == shown


TASK_NAMES = [feature.name for feature in TASK]
