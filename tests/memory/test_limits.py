"""How much of each input is accepted, and what is said about the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.errors import InputError
from memento_memory.limits import MAX_CASES, check_k, check_namespace, check_notes, check_tags, check_task


def test_a_task_needs_a_text_but_no_context():
    assert check_task("  go ").text == "go"
    assert check_task("go", " there ").context == "there"
    with pytest.raises(InputError, match="task: is empty"):
        check_task(" ")


@pytest.mark.parametrize("given", [{"text": "x" * 20_001}, {"text": "x", "context": "x" * 20_001}])
def test_tasks_and_contexts_hold_at_most_20_kb_each(given):
    field = "context" if "context" in given else "query"
    with pytest.raises(InputError, match="at most 20,000") as caught:
        check_task(**given, field="query")
    assert caught.value.field == field
    assert check_task("x" * 20_000, "x" * 20_000).text == "x" * 20_000


def test_notes_hold_at_most_20_kb():
    assert check_notes("") == ""
    with pytest.raises(InputError, match="notes: is 20,001 bytes"):
        check_notes("x" * 20_001)


def test_tags_are_stripped_and_kept_once_in_order():
    assert check_tags([" b", "a", "b ", ""]) == ("b", "a")


@pytest.mark.parametrize("tags", ["shop", [1], ["x" * 65], [f"t{i}" for i in range(21)], ["a\x00"]])
def test_tags_that_are_no_short_list_of_words_are_refused(tags):
    with pytest.raises(InputError) as caught:
        check_tags(tags)
    assert caught.value.field == "tags"


@pytest.mark.parametrize("name", ["default", "team/shop", "a@b.c", "x" * 64, "Büro_1-2"])
def test_names_that_make_good_namespaces_are_taken(name):
    assert check_namespace(name) == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a\n", "a,b", "a\u200b", None, 5])
def test_other_namespaces_are_refused(name):
    with pytest.raises(InputError, match="namespace: "):
        check_namespace(name)


@given(st.integers())
def test_one_to_twenty_cases_can_be_asked_for(k):
    if 1 <= k <= MAX_CASES:
        assert check_k(k) == k
    else:
        with pytest.raises(InputError, match="ask for 1 to 20"):
            check_k(k)
