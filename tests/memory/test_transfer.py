"""Cases leave as JSON lines and come back the same; foreign lines come in or are reported."""

import gzip
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_memory.bank import CaseBank
from memento_memory.case import Outcome, Task
from memento_memory.errors import InputError
from memento_memory.text import harmless
from memento_memory.transfer import export_cases, import_cases, open_lines, read_case
from memory.making import FAILURE, all_cases, plan, report, result


@pytest.fixture
def banks(tmp_path, clock):
    opened = CaseBank(tmp_path / "one.db", clock=clock), CaseBank(tmp_path / "two.db", clock=clock)
    yield opened
    for bank in opened:
        bank.close()


def comparable(bank):
    return [replace(case, updated_at=0.0, shown=0, used=0) for case in all_cases(bank)]


def exported(bank, **options):
    lines = []
    export_cases(bank, lines.append, **options)
    return lines


def brought_in(bank, *items, **options):
    return import_cases(bank, [json.dumps(item) for item in items], **options)


def test_an_export_begins_with_its_format_and_holds_one_case_a_line(banks):
    bank, _ = banks
    bank.retain(report("a", "b\nc"))
    bank.forget(bank.retain(report("gone", "x")).case.id)
    header, line = exported(bank)
    assert json.loads(header) == {"format": "memento-cases", "version": 1}
    assert json.loads(line)["task"] == "a"
    assert line.count("\n") == 1
    assert exported(bank, namespaces=("other",)) == [header]


def test_an_export_read_into_an_empty_bank_is_the_same_bank(banks, clock):
    one, two = banks
    one.retain(report("a", "1", "2", result=result("success", 0.7, "judge", "mind ü"), tags=("x",), context="db\nmore"))
    one.retain(report("b", "1", result=FAILURE, namespace="team/b"))
    one.retain(report("c", "1", result=result("unknown")))
    one.retain(report("b", "1", result=result("success", evidence="test_passed"), namespace="team/b"))
    clock.advance(days=1)
    outcome = import_cases(two, exported(one))
    assert (outcome.imported, outcome.total_skipped) == (3, 0)
    assert comparable(two) == comparable(one)


plain = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20).filter(
    lambda text: harmless(text).strip()
)


@given(
    st.lists(
        st.tuples(plain, plain, plain, st.floats(0, 1), st.lists(plain.filter(lambda text: len(text) < 9), max_size=3)),
        max_size=4,
    )
)
@settings(max_examples=30)
def test_any_text_survives_the_way_out_and_in(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("round")
    one, two = CaseBank(folder / "one.db"), CaseBank(folder / "two.db")
    for task, context, step, reward, tags in rows:
        one.retain(
            report(
                task.strip(),
                step.strip(),
                context=context.strip(),
                result=result("success", reward, notes=context.strip()),
                tags=tuple(tag.strip() for tag in tags),
            )
        )
    file = folder / "cases.jsonl"
    with file.open("w", encoding="utf-8") as out:
        export_cases(one, out.write)
    with open_lines(file) as lines:
        assert import_cases(two, lines).total_skipped == 0
    assert comparable(two) == comparable(one)
    one.close()
    two.close()


def test_importing_again_adds_nothing(banks):
    one, two = banks
    one.retain(report("a"))
    one.retain(report("b"))
    lines = exported(one)
    import_cases(two, lines)
    before = comparable(two)
    again = import_cases(two, lines)
    assert (again.imported, dict(again.skipped)) == (0, {"already in the bank": 2})
    assert comparable(two) == before


def test_a_case_that_was_forgotten_here_stays_forgotten(banks):
    bank, _ = banks
    lines = ['{"task": "a", "plan": "b"}']
    import_cases(bank, lines)
    bank.forget(all_cases(bank)[0].id)
    assert dict(import_cases(bank, lines).skipped) == {"forgotten here": 1}
    assert all_cases(bank) == []


def test_an_id_that_is_taken_by_another_case_is_given_anew(banks):
    bank, _ = banks
    brought_in(bank, {"id": "c-1", "task": "a", "plan": "p"}, {"id": "c-1", "task": "b", "plan": "p"})
    brought_in(bank, {"id": "c-1", "task": "c", "plan": "p"}, {"id": "no good, id", "task": "d", "plan": "p"})
    first, *others = [case.id for case in all_cases(bank)]
    assert first == "c-1"
    assert len({first, *others}) == 4
    assert all(other.startswith("c-") for other in others)


def test_a_gzipped_file_is_read_like_a_plain_one(banks, tmp_path):
    one, two = banks
    one.retain(report("ä", "b"))
    file = tmp_path / "cases.any"
    file.write_bytes(gzip.compress("".join(exported(one)).encode()))
    with open_lines(file) as lines:
        assert import_cases(two, lines).imported == 1
    assert comparable(two) == comparable(one)


def test_a_file_that_ends_early_or_does_not_exist_is_named(banks, tmp_path):
    bank, _ = banks
    file = tmp_path / "cases.gz"
    many = "".join(json.dumps({"task": f"t{i}", "plan": f"p{i * 7919}"}) + "\n" for i in range(2000))
    file.write_bytes(gzip.compress(many.encode())[:-200])
    with open_lines(file) as lines, pytest.raises(InputError, match="cannot be read to its end"):
        import_cases(bank, lines)
    assert len(all_cases(bank)) >= 500
    with pytest.raises(InputError, match="there is no file"):
        open_lines(tmp_path / "none")


def test_cases_are_written_in_batches_while_the_rest_is_still_to_come(banks, monkeypatch):
    monkeypatch.setattr("memento_memory.transfer._BATCH", 3)
    bank, _ = banks
    there, seen = [], []

    def lines():
        for i in range(8):
            there.append(bank.stats().total)
            yield json.dumps({"task": f"t{i}", "plan": "p"})

    import_cases(bank, lines(), progress=seen.append)
    assert there == [0, 0, 0, 3, 3, 3, 6, 6]
    assert seen == [3, 6, 8]


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ({"format": "other"}, "format: is 'other'"),
        ({"format": "memento-cases", "version": 2}, "version: is 2.*upgrade"),
        ({"format": "memento-cases"}, "version: is None"),
    ],
)
def test_a_file_of_another_format_or_a_newer_version_is_refused(banks, header, problem):
    with pytest.raises(InputError, match=problem):
        brought_in(banks[0], header, {"task": "a", "plan": "b"})
    assert all_cases(banks[0]) == []


def test_a_case_with_a_field_called_format_is_no_header(banks):
    assert brought_in(banks[0], {"task": "a", "plan": "b", "format": "markdown"}).imported == 1
    assert read_case('{"task": "a", "plan": "b", "format": "markdown"}') is not None


def test_the_reference_implementations_rewarded_plans_come_in(banks):
    bank, _ = banks
    outcome = brought_in(
        bank,
        {"question": "What is the capital?", "plan": [{"id": 1, "description": "look it up"}], "reward": 1},
        {"question": "Who painted it?", "plan": '{"plan": [{"id": 1, "description": "guess"}]}', "reward": 0},
        tags=("reference",),
    )
    assert outcome.imported == 2
    good, bad = all_cases(bank)
    assert (good.task, good.plan, good.result.outcome) == (
        Task("What is the capital?"),
        plan("look it up"),
        Outcome.SUCCESS,
    )
    assert (bad.plan, bad.result.outcome, bad.result.reward) == (plan("guess"), Outcome.FAILURE, 0.0)
    assert good.tags == bad.tags == ("reference",)


def test_the_reference_implementations_labelled_cases_come_in(banks):
    bank, _ = banks
    text = '{ "plan": [ { "id": 1, "description": "find it" }, { "id": 2, "description": "say it" } ] }'
    brought_in(
        bank,
        {"case": "What sport?", "plan": text, "case_label": "positive"},
        {"query": "ignored", "case": "Which year?", "plan": text, "case_label": "negative", "truth_label": True},
    )
    first, second = all_cases(bank)
    assert (first.task.text, first.result.outcome) == ("What sport?", Outcome.SUCCESS)
    assert (second.task.text, second.result.outcome) == ("Which year?", Outcome.FAILURE)
    assert [step.description for step in first.plan.subtasks] == ["find it", "say it"]


def test_a_bare_pair_of_task_and_plan_is_a_success_in_the_namespace_given(banks):
    bank, _ = banks
    brought_in(bank, {"nl": "list files", "cmd": "ls"}, {"query": "q", "sql": "SELECT 1", "db": "shop"}, namespace="n")
    first, second = all_cases(bank)
    assert (first.result.outcome, first.namespace, first.plan) == (Outcome.SUCCESS, "n", plan("ls"))
    assert second.task == Task("q", "shop")


def test_one_json_list_is_read_like_its_lines(banks):
    outcome = import_cases(banks[0], ['\ufeff[{"task": "a", "plan": "b"}, {"task": "c", "plan": "d"}, 5]'])
    assert (outcome.imported, dict(outcome.skipped)) == (2, {"not an object": 1})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("5", "not an object"),
        ('{"plan": "b"}', "task"),
        ('{"task": "a"}', "plan"),
        ('{"task": "a", "plan": []}', "plan"),
        ('{"task": "a", "plan": 7}', "plan"),
        ('{"task": "a\\u0000", "plan": "b"}', "task"),
        ('{"task": "a", "plan": "b", "reward": 2}', "reward"),
        ('{"task": "a", "plan": "b", "reward": "1"}', "reward"),
        ('{"task": "a", "plan": "b", "reward": true}', "reward"),
        ('{"task": "a", "plan": "b", "reward": NaN}', "reward"),
        ('{"task": "a", "plan": "b", "reward": 1' + "0" * 400 + "}", "reward"),
        ('{"task": "a", "plan": "b", "case_label": "maybe"}', "case_label"),
        ('{"task": "a", "plan": "b", "case_label": []}', "case_label"),
        ('{"task": "a", "plan": "b", "outcome": "great"}', "outcome"),
        ('{"task": "a", "plan": "b", "outcome": []}', "outcome"),
        ('{"task": "a", "plan": "b", "evidence": "rumour"}', "evidence"),
        ('{"task": "a", "plan": "b", "namespace": "a b"}', "namespace"),
        ('{"task": "a", "plan": "b", "namespace": 5}', "namespace"),
        ('{"task": "a", "plan": "b", "tags": "web"}', "tags"),
        ('{"task": "a", "plan": "b", "tags": 5}', "tags"),
        ('{"task": "a", "plan": "b", "tags": [5]}', "tags"),
        ('{"task": "a", "plan": "b", "host": "\\ud800"}', "host"),
        ('{"task": "a", "plan": "b", "notes": "\\u0007"}', "notes"),
    ],
)
def test_a_line_that_cannot_be_used_is_skipped_with_its_reason_and_the_rest_comes_in(banks, line, reason):
    bank, _ = banks
    outcome = import_cases(bank, ["", line, '{"task": "good", "plan": "line"}'])
    assert outcome.imported == 1
    assert dict(outcome.skipped) == {reason: 1}
    assert outcome.examples[reason].startswith("line 2: ")
    assert [case.task.text for case in all_cases(bank)] == ["good"]
    assert read_case(line) is None


@pytest.mark.parametrize("value", ["NaN", "-1", "1" + "0" * 400, '"yesterday"', "[]", "null"])
def test_numbers_that_make_no_sense_are_filled_in(banks, value):
    bank, _ = banks
    line = f'{{"task": "a", "plan": "b", "created_at": {value}, "successes": {value}, "failures": {value}}}'
    assert import_cases(bank, [line]).imported == 1
    (case,) = all_cases(bank)
    assert case.created_at > 1.6e9
    assert (case.successes, case.failures) == (0.4, 0.0)


def test_imported_cases_wait_for_their_vectors_and_are_found_with_them(bank):
    import_cases(bank, ['{"nl": "show what listens on port 8080", "cmd": "lsof -i :8080"}'])
    assert bank.stats().without_vector == 1
    assert bank.embed_pending() == 1
    slate = bank.retrieve(Task("which program uses port 8080"), browse=True)
    assert slate.ranking == "hybrid"
    assert slate.shown[0].case.plan == plan("lsof -i :8080")
