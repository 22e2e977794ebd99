"""Lessons: written down with their cases, found for like tasks, valued by how they did, dropped when that turns."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memento_memory.bank import CaseBank
from memento_memory.case import Evidence, Outcome, Result, Task
from memento_memory.errors import NotFoundError
from memento_memory.lessons import MAX_CHARS, Draft, Lesson, Lessons
from memento_memory.retention import Report
from memento_memory.selection.posterior import interval
from memento_memory.store import cases as case_store
from memento_memory.store import episodes
from memento_memory.store import lessons as store
from memory.making import FAILURE, SUCCESS, opened, plan, record, report, result

FLIGHTS = tuple(f"How many flights leave from {city}?" for city in ("Aberdeen", "Ashley", "Boston", "Denver"))
SURE = result("success", evidence="test_passed")
SURELY_NOT = result("failure", evidence="test_passed")


def retained(bank: CaseBank, task: str, outcome: Result = SURE, namespace: str = "default", step: str = "") -> str:
    step = step or f"SELECT count(*) FROM flights WHERE source = '{task.split()[-1]}'"
    case = bank.retain(report(task, step, result=outcome, namespace=namespace)).case
    assert case is not None
    return case.id


def keys_of(bank: CaseBank, ids: list[str]) -> tuple[int, ...]:
    with bank.database.reading() as db:
        found = case_store.keys_of(db, ids)
    return tuple(found[case_id] for case_id in ids)


def lessons_of(bank: CaseBank, clock) -> Lessons:
    return Lessons(bank.database, bank.embeddings, clock)


def taught(bank: CaseBank, clock, *, theme: str = "flights", namespace: str = "default", text: str = "count") -> Lesson:
    ids = [retained(bank, task, namespace=namespace) for task in FLIGHTS]
    made = lessons_of(bank, clock).put(Draft(namespace, theme, text, "rule", keys_of(bank, ids)))
    assert made is not None
    return made


def shown_for(bank: CaseBank, clock, lesson: Lesson, task: str, outcome: Result = SURE) -> None:
    """An episode in which the lesson is shown, and its outcome."""
    plan_id = opened(bank, task)
    lessons_of(bank, clock).note_shown(plan_id, [lesson.id])
    record(bank, plan_id, outcome)


@pytest.fixture
def of_any_bank(request, bank, words_bank):
    return {"vectors": bank, "words": words_bank}[request.param]


def test_nothing_is_found_where_there_is_no_lesson(bank, clock):
    retained(bank, FLIGHTS[0])
    assert lessons_of(bank, clock).retrieve(Task(FLIGHTS[1]), ("default",)) == ()


@pytest.mark.parametrize("of_any_bank", ["vectors", "words"], indirect=True)
def test_a_lesson_is_found_for_a_like_task_and_not_for_another(of_any_bank, clock):
    lesson = taught(of_any_bank, clock)
    found = lessons_of(of_any_bank, clock).retrieve(Task("How many flights leave from Lisbon?"), ("default",))
    assert [entry.lesson for entry in found] == [lesson]
    assert 0.5 < found[0].similarity <= 1
    assert lessons_of(of_any_bank, clock).retrieve(Task("Bake a loaf of rye bread"), ("default",)) == ()


def test_a_lesson_is_found_in_its_namespace_alone(bank, clock):
    ours = taught(bank, clock, namespace="ours")
    assert lessons_of(bank, clock).retrieve(Task(FLIGHTS[0]), ("default",)) == ()
    taught(bank, clock, namespace="theirs")
    assert [e.lesson for e in lessons_of(bank, clock).retrieve(Task(FLIGHTS[0]), ("ours",))] == [ours]
    assert len(lessons_of(bank, clock).retrieve(Task(FLIGHTS[0]), ("default", "ours"))) == 1


def test_at_most_k_lessons_come_back_the_likeliest_to_help_first(bank, clock):
    good, poor = taught(bank, clock, theme="a"), taught(bank, clock, theme="b")
    for _ in range(5):
        shown_for(bank, clock, good, FLIGHTS[0], SUCCESS)
        shown_for(bank, clock, poor, FLIGHTS[0], FAILURE)
    found = lessons_of(bank, clock).retrieve(Task(FLIGHTS[0]), ("default",), k=2)
    assert [entry.lesson.id for entry in found] == [good.id, poor.id]
    assert [e.lesson.id for e in lessons_of(bank, clock).retrieve(Task(FLIGHTS[0]), ("default",), k=1)] == [good.id]


def test_the_cases_of_a_lesson_count_no_more_than_a_few_outcomes(bank, clock):
    lesson = taught(bank, clock)
    assert lesson.value == pytest.approx(5 / 6)
    for task in FLIGHTS:
        for _ in range(3):
            retained(bank, task)
    assert lessons_of(bank, clock).one(lesson.id).value == pytest.approx(5 / 6)


def test_outcomes_of_episodes_count_by_their_evidence_and_unknown_ones_only_as_shown(bank, clock):
    lesson = taught(bank, clock)
    shown_for(bank, clock, lesson, "bake bread", Result.graded(Outcome.UNKNOWN))
    shown_for(bank, clock, lesson, "bake rolls", Result.graded(Outcome.FAILURE, evidence=Evidence.JUDGE))
    shown_for(bank, clock, lesson, "bake buns", Result.graded(Outcome.SUCCESS, 0.5, Evidence.USER_CONFIRMED))
    opened(bank, "an episode without it")
    now = lessons_of(bank, clock).one(lesson.id)
    assert now.shown == 3
    assert now.value == pytest.approx((1 + 4 + 0.5) / (2 + 4 + 0.6 + 1))
    assert now.low < now.value < now.high


def test_showing_is_noted_in_the_transaction_that_opens_the_episode(bank, clock):
    lesson = taught(bank, clock)
    plan_id = opened(bank)
    with bank.database.writing() as db:
        key = episodes.named(db, plan_id)[0]
        store.shown(db, key, [lesson.id, lesson.id])
        store.shown(db, key, [lesson.id, "l-none"])
    assert lessons_of(bank, clock).one(lesson.id).shown == 1
    with pytest.raises(NotFoundError, match="p-none"):
        lessons_of(bank, clock).note_shown("p-none", [lesson.id])


def test_a_lesson_that_does_worse_than_the_others_beyond_doubt_is_neither_shown_nor_kept(bank, clock):
    lessons = lessons_of(bank, clock)
    lesson = taught(bank, clock)
    for number in range(8):
        retained(bank, f"Bake {number + 2} loaves of bread", step=f"bake {number + 2} loaves")
    turned_at = None
    for number in range(30):
        task = f"Fly to {number + 2} towns"
        plan_id = opened(bank, task)
        lessons.note_shown(plan_id, [lesson.id])
        bank.retain(Report(SURELY_NOT, plan_id, plan=plan(f"{number}")))
        found = lessons.retrieve(Task(FLIGHTS[0]), ("default",))
        if not found:
            turned_at = number
            break
    assert turned_at is not None
    assert turned_at >= 3
    (gone,) = lessons.review()
    assert gone.id == lesson.id
    assert gone.dropped_reason.startswith("evidence: tasks it is shown for succeed less often")
    assert lessons.all() == ()
    assert [kept.id for kept in lessons.all(dropped=True)] == [lesson.id]
    assert lessons.review() == ()


def test_a_lesson_goes_when_its_cases_are_forgotten(bank, clock):
    lesson = taught(bank, clock)
    first, second, third, _ = lesson.case_ids
    bank.forget(first)
    bank.forget(second)
    assert lessons_of(bank, clock).review() == ()
    bank.forget(third)
    tried = lessons_of(bank, clock).review(dry_run=True)
    (gone,) = lessons_of(bank, clock).review()
    assert [entry.id for entry in tried] == [gone.id]
    assert gone.dropped_reason == "evidence: only 1 of the successes it was drawn from are left"


def test_a_lesson_goes_when_most_of_its_cases_have_failed_since(bank, clock):
    lesson = taught(bank, clock)
    for task in FLIGHTS[:2]:
        for _ in range(2):
            retained(bank, task, SURELY_NOT)
    (gone,) = lessons_of(bank, clock).review()
    assert gone.id == lesson.id
    assert gone.dropped_reason == "evidence: 2 of its 4 cases are failures by now"


def test_writing_a_lesson_anew_keeps_its_id_and_its_record(bank, clock):
    lesson = taught(bank, clock)
    shown_for(bank, clock, lesson, FLIGHTS[0])
    clock.advance(days=1)
    anew = Draft("default", "flights to", "another text", "scripted", keys_of(bank, list(lesson.case_ids[:3])))
    made = lessons_of(bank, clock).put(anew, lesson.id)
    assert made is not None
    assert (made.id, made.shown, made.created_at) == (lesson.id, 1, lesson.created_at)
    assert (made.text, made.source, made.case_ids) == ("another text", "scripted", lesson.case_ids[:3])
    assert made.updated_at == clock.now
    assert lessons_of(bank, clock).all() == (made,)


def test_trying_a_lesson_out_writes_nothing(bank, clock):
    ids = [retained(bank, task) for task in FLIGHTS]
    tried = lessons_of(bank, clock).put(Draft("default", "t", "x" * 1_000, "rule", keys_of(bank, ids)), dry_run=True)
    assert tried is not None
    assert len(tried.text) <= MAX_CHARS
    assert lessons_of(bank, clock).all() == ()


def test_a_lesson_against_the_evidence_is_not_written(bank, clock):
    ids = [retained(bank, task, SURELY_NOT if i else SURE) for i, task in enumerate(FLIGHTS)]
    assert lessons_of(bank, clock).put(Draft("default", "t", "x", "rule", keys_of(bank, ids))) is None
    assert lessons_of(bank, clock).all() == ()


def test_dropping_by_hand_keeps_the_lesson_with_the_reason(bank, clock):
    lesson = taught(bank, clock)
    gone = lessons_of(bank, clock).drop(lesson.id, "it misleads")
    assert (gone.dropped_at, gone.dropped_reason) == (clock.now, "it misleads")
    assert lessons_of(bank, clock).drop(lesson.id, "twice").dropped_reason == "it misleads"
    assert lessons_of(bank, clock).retrieve(Task(FLIGHTS[0]), ("default",)) == ()
    with pytest.raises(NotFoundError, match="l-none"):
        lessons_of(bank, clock).drop("l-none", "gone")


def test_the_base_rate_is_the_share_of_successes_with_one_of_each_assumed(words_bank):
    retained(words_bank, "a b c")
    retained(words_bank, "d e f", SURELY_NOT)
    retained(words_bank, "g h i", SURE)
    retained(words_bank, "j k l", SURE, "other")
    with words_bank.database.reading() as db:
        assert store.base_rate(db, "default") == pytest.approx(3 / 5)
        assert store.base_rate(db, "nothing") == 0.5


def test_a_review_puts_down_the_base_rate_that_retrieval_reads(bank, clock):
    taught(bank, clock)
    retained(bank, "bake bread", SURELY_NOT, step="bake")
    lessons_of(bank, clock).review()
    retained(bank, "brew tea", SURELY_NOT, step="brew")
    with bank.database.reading() as db:
        assert store.known_base_rate(db, "default") == pytest.approx(5 / 7)
        assert store.known_base_rate(db, "other") == 0.5
    lessons_of(bank, clock).review()
    with bank.database.reading() as db:
        assert store.known_base_rate(db, "default") == store.base_rate(db, "default") == pytest.approx(5 / 8)


counts = st.floats(0, 1_000)


@given(counts, counts)
def test_the_interval_holds_the_mean_of_the_posterior_and_nineteen_twentieths_of_it(won, lost):
    mean, low, high = interval(won, lost)
    assert 0 <= low < mean < high <= 1
    assert mean == pytest.approx((1 + won) / (2 + won + lost))


@given(counts, counts, st.floats(1, 100))
@example(0.0, 949.0, 1.0)
def test_more_success_raises_a_value_and_both_its_bounds(won, lost, more):
    before, after = interval(won, lost), interval(won + more, lost)
    assert all(b > a for a, b in zip(before, after, strict=True))


def test_without_evidence_everything_is_open():
    assert interval(0, 0) == pytest.approx((0.5, 0.025, 0.975), abs=1e-3)
