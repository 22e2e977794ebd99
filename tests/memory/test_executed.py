"""The plan as executed, drawn from a trace; and failures that infrastructure excuses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.bank import CaseBank
from memento_memory.case import Outcome
from memento_memory.errors import InputError
from memento_memory.executed import description, drawn_plan, excused
from memento_memory.plan import MAX_PLAN_BYTES, MAX_STEPS, Plan, Subtask, parse_plan
from memento_memory.retention import Status
from memory.making import FAILURE, SUCCESS, UNKNOWN, all_cases, opened, plan, record, result
from memory.tracing import call, numbered, traced

READ = call("read_file", {"path": "a.txt"})
WRITE = call("write_file", {"path": "b.txt", "content": "milk"})
READ_FAILED = call("read_file", {"path": "c.txt"}, failed=True)
TEST_FAILED = call("run_tests", server="ci", failed=True)
TEST_DOWN = call("run_tests", server="ci", down=True)
TEST = call("run_tests", server="ci")


def texts(drawn):
    return [step.description for step in drawn.subtasks]


def drawn(*calls, draft=None, outcome=Outcome.SUCCESS):
    return drawn_plan(calls, draft, outcome)


def test_every_successful_call_is_a_step_after_the_one_before():
    assert drawn(READ, WRITE) == Plan(
        (
            Subtask(1, "Read file with path 'a.txt'", (), "fs__read_file"),
            Subtask(2, "Write file with path 'b.txt' and content 'milk'", (1,), "fs__write_file"),
        )
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("list_tables", {}, "List tables"),
        ("createIssue", {"repoName": "shop"}, "Create issue with repo name 'shop'"),
        ("sum", {"a": 1, "b": 2.5, "exact": True}, "Sum with a 1, b 2.5 and exact true"),
        ("say", {"text": "it's  me\nagain"}, 'Say with text "it\'s me again"'),
        ("edit", {"changes": [{"a": 1}], "path": "p", "note": " "}, """Edit with path 'p' and changes [{"a": 1}]"""),
        ("many", {str(i): i for i in range(8)}, "Many with 0 0, 1 1, 2 2, 3 3, 4 4 and 3 more"),
        ("git.status", "not JSON", "Git status with 'not JSON'"),
        ("__", {}, "Fs"),
        ("pick", "[1, 2]", "Pick with [1, 2]"),
        ("hide", {"path": "a\u202eb\ud800"}, "Hide with path 'ab'"),
    ],
)  # fmt: skip
def test_a_call_reads_as_a_sentence(tool, arguments, expected):
    given = arguments if isinstance(arguments, str) else json.dumps(arguments)
    assert description(call(tool, given)) == expected


def test_long_values_and_sentences_are_cut():
    text = description(call("write", {str(i): "word " * 100 for i in range(9)}))
    assert len(text) <= 400
    assert text.endswith("[…]")


def test_a_step_of_the_draft_lends_its_words_to_the_calls_made_for_it():
    draft = plan("Look into the notes", "Write the list")
    look = [call("read_file", {"path": path}, subtask=1) for path in "ab"]
    found = drawn(*look, call("write_file", subtask=2), call("write_file", {"path": "x"}, subtask=9), draft=draft)
    assert texts(found) == ["Look into the notes", "Write the list", "Write file with path 'x'"]
    assert [step.tool for step in found.subtasks] == ["fs__read_file", "fs__write_file", "fs__write_file"]


def test_identical_calls_in_a_row_are_one_step_and_later_ones_another():
    assert len(drawn(READ, READ, WRITE, READ).subtasks) == 3


def test_a_failed_call_that_was_made_good_is_no_step():
    for outcome in (Outcome.SUCCESS, Outcome.FAILURE):
        assert texts(drawn(READ_FAILED, READ, outcome=outcome)) == ["Read file with path 'a.txt'"]


def test_a_call_that_never_succeeded_is_a_step_of_a_failure_only():
    assert texts(drawn(READ, TEST_FAILED, outcome=Outcome.FAILURE)) == ["Read file with path 'a.txt'", "Run tests"]
    assert texts(drawn(READ, TEST_FAILED)) == ["Read file with path 'a.txt'"]
    assert texts(drawn(READ, READ_FAILED, outcome=Outcome.FAILURE))[-1] == "Read file with path 'c.txt'"
    assert drawn(TEST_FAILED) is None
    assert drawn() is None


def test_the_same_tool_of_another_server_makes_nothing_good():
    other = call("run_tests", server="elsewhere")
    assert len(drawn(TEST_FAILED, other, outcome=Outcome.FAILURE).subtasks) == 2
    assert excused(FAILURE, [TEST_DOWN, other])[0] == UNKNOWN


def test_a_long_trace_stays_within_the_limits_of_a_plan():
    assert len(drawn(*numbered("p", MAX_STEPS + 20)).subtasks) == MAX_STEPS
    huge = plan(*(f"{i} " + "x" * 9_000 for i in range(9)))
    calls = [call(subtask=i % 9 + 1) for i in range(30)]
    assert sum(len(text.encode()) for text in texts(drawn(*calls, draft=huge))) <= MAX_PLAN_BYTES


ANY_TEXT = st.text(st.characters(codec=None), max_size=300)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT
JSON = st.recursive(PLAIN, st.lists, max_leaves=4)
ARGUMENTS = ANY_TEXT | st.dictionaries(ANY_TEXT, JSON, max_size=8).map(json.dumps) | JSON.map(json.dumps)


@given(st.lists(st.builds(call, ANY_TEXT, ARGUMENTS, server=ANY_TEXT, failed=st.booleans()), max_size=6))
def test_whatever_was_called_the_drawn_plan_is_one_a_caller_could_have_given(calls):
    found = drawn(*calls, outcome=Outcome.FAILURE)
    assert (found is None) == (not calls)
    if found is not None:
        assert parse_plan(found.to_json()) == found


def test_an_outcome_without_a_plan_gets_the_one_in_the_trace_and_says_so(words_bank):
    plan_id = opened(words_bank, draft=("something else",))
    traced(words_bank, plan_id, [READ_FAILED, READ, WRITE])
    retained = record(words_bank, plan_id)
    assert retained.status is Status.RETAINED
    assert retained.case.plan == drawn(READ, WRITE)
    assert retained.note == "the plan was drawn from 3 tool calls"
    assert words_bank.episode(plan_id).plan_drawn


def test_a_trace_gives_a_plan_where_no_draft_was_offered(words_bank):
    plan_id = opened(words_bank, draft=())
    with pytest.raises(InputError, match="plan: is needed"):
        record(words_bank, plan_id)
    traced(words_bank, plan_id, [READ])
    assert record(words_bank, plan_id).note == "the plan was drawn from 1 tool call"


def test_a_plan_that_is_given_stands_above_the_trace(words_bank):
    plan_id = opened(words_bank)
    traced(words_bank, plan_id, [READ])
    assert record(words_bank, plan_id, SUCCESS, "as given").case.plan == plan("as given")
    traced(words_bank, plan_id, [WRITE])
    again = record(words_bank, plan_id, result("success", evidence="test_passed"))
    assert again.case.plan == plan("as given")
    assert not words_bank.episode(plan_id).plan_drawn
    assert "drawn" not in again.note


def test_a_trace_in_which_nothing_succeeded_leaves_the_draft(words_bank):
    plan_id = opened(words_bank, draft=("draft",))
    traced(words_bank, plan_id, [TEST_FAILED])
    retained = record(words_bank, plan_id)
    assert (retained.case.plan, retained.note) == (plan("draft"), "")


def test_the_same_report_again_is_unchanged_even_if_more_was_called_since(words_bank):
    plan_id = opened(words_bank)
    traced(words_bank, plan_id, [READ])
    first = record(words_bank, plan_id)
    traced(words_bank, plan_id, [WRITE, TEST_DOWN])
    again = record(words_bank, plan_id)
    assert (again.status, again.case) == (Status.UNCHANGED, first.case)
    assert "nothing was counted twice" in again.note
    assert len(all_cases(words_bank)) == 1


def test_another_outcome_draws_the_plan_anew(words_bank):
    plan_id = opened(words_bank)
    traced(words_bank, plan_id, [READ, TEST_FAILED])
    failed = record(words_bank, plan_id, FAILURE)
    assert texts(failed.case.plan) == ["Read file with path 'a.txt'", "Run tests"]
    traced(words_bank, plan_id, [WRITE, TEST])
    mended = record(words_bank, plan_id, SUCCESS)
    assert mended.status is Status.UPDATED
    assert mended.case.plan == drawn(READ, WRITE, TEST)
    assert (mended.case.successes, mended.case.failures) == (0.4, 0.0)
    assert [case.id for case in all_cases(words_bank)] == [mended.case.id]


def test_stronger_evidence_for_the_same_outcome_keeps_the_case(words_bank):
    plan_id = opened(words_bank)
    traced(words_bank, plan_id, [READ])
    first = record(words_bank, plan_id)
    stronger = record(words_bank, plan_id, result("success", evidence="test_passed"))
    assert (stronger.status, stronger.case.id) == (Status.UPDATED, first.case.id)
    assert stronger.case.successes == 1.0


def test_an_unknown_outcome_draws_no_plan(words_bank):
    plan_id = opened(words_bank)
    traced(words_bank, plan_id, [READ])
    assert record(words_bank, plan_id, UNKNOWN).case is None
    assert words_bank.episode(plan_id).plan is None


def test_a_failure_that_infrastructure_explains_is_kept_as_unknown(words_bank):
    plan_id = opened(words_bank)
    traced(words_bank, plan_id, [READ, TEST_DOWN])
    retained = record(words_bank, plan_id, result("failure", notes="no tests ran"))
    assert retained.case is None
    assert "kept as unknown" in retained.note
    assert "tool server ci" in retained.note
    assert words_bank.episode(plan_id).result == result("unknown", notes="no tests ran")
    again = record(words_bank, plan_id, result("failure", notes="no tests ran"))
    assert again.status is Status.UNCHANGED
    assert "kept as unknown" in again.note
    assert "nothing was counted twice" in again.note


def test_a_plan_that_was_given_with_an_excused_failure_counts_neither_way(words_bank):
    plan_id = opened(words_bank)
    traced(words_bank, plan_id, [TEST_DOWN])
    case = record(words_bank, plan_id, result("failure", 0.2, "test_passed"), "run the tests").case
    assert case.result == result("unknown", evidence="test_passed")
    assert (case.successes, case.failures) == (0.0, 0.0)


@pytest.mark.parametrize("calls", [(TEST_DOWN, TEST), (TEST_FAILED,), (READ,), ()])
def test_a_failure_that_infrastructure_does_not_explain_is_a_failure(words_bank, calls):
    plan_id = opened(words_bank)
    traced(words_bank, plan_id, calls)
    assert record(words_bank, plan_id, FAILURE).case.result == FAILURE


def test_a_success_stays_a_success_whatever_infrastructure_did(words_bank):
    plan_id = opened(words_bank)
    traced(words_bank, plan_id, [READ, TEST_DOWN])
    case = record(words_bank, plan_id).case
    assert (case.result, case.plan) == (SUCCESS, drawn(READ))


def test_a_server_that_came_back_makes_the_excused_failure_count(words_bank):
    plan_id = opened(words_bank)
    traced(words_bank, plan_id, [TEST_DOWN])
    assert record(words_bank, plan_id, FAILURE).case is None
    traced(words_bank, plan_id, [TEST])
    assert record(words_bank, plan_id, FAILURE).case.result == FAILURE


def test_a_failure_that_was_counted_stays_counted_when_a_server_goes_down_later(words_bank):
    plan_id = opened(words_bank)
    traced(words_bank, plan_id, [READ])
    first = record(words_bank, plan_id, FAILURE)
    traced(words_bank, plan_id, [TEST_DOWN])
    again = record(words_bank, plan_id, FAILURE)
    assert (again.status, again.case) == (Status.UNCHANGED, first.case)


KINDS = st.lists(st.sampled_from([READ, READ_FAILED, WRITE, TEST, TEST_FAILED, TEST_DOWN]), max_size=4)
OUTCOMES = st.tuples(st.sampled_from(["success", "failure", "unknown"]), st.sampled_from(["judge", "self_report"]))


@given(st.lists(st.tuples(KINDS, OUTCOMES), max_size=5))
def test_every_report_can_be_repeated_at_once_without_an_effect(tmp_path_factory, story):
    bank = CaseBank(tmp_path_factory.mktemp("again") / "bank.db", clock=lambda: 1.0)
    plan_id = opened(bank)
    for calls, (outcome, evidence) in story:
        traced(bank, plan_id, calls)
        first = record(bank, plan_id, result(outcome, evidence=evidence))
        before = all_cases(bank), bank.episode(plan_id)
        again = record(bank, plan_id, result(outcome, evidence=evidence))
        assert (again.status, again.case) == (Status.UNCHANGED, first.case)
        assert (all_cases(bank), bank.episode(plan_id)) == before
        assert sum(case.successes + case.failures for case in all_cases(bank)) <= 0.6 + 1e-9
    bank.close()
