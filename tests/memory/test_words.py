"""Lexical search in the file: the index follows every change, and finds the telling words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_memory.selection.lexical import words as split
from memento_memory.store import cases, words
from memento_memory.store.database import Database
from memento_memory.store.query import fetch_all
from memory import making, upkeep


@pytest.fixture
def bank(tmp_path):
    opened = Database(tmp_path / "bank.db")
    yield opened
    opened.close()


def fill(bank, *tasks, namespace="default"):
    with bank.writing() as db:
        return [
            cases.insert(db, making.case(f"{namespace}-{i}", task, namespace=namespace)) for i, task in enumerate(tasks)
        ]


def search(bank, task, *namespaces, limit=10):
    with bank.reading() as db:
        return words.nearest(db, task, namespaces or ("default",), limit, words.bank_words(db))


def assert_in_step(db):
    """The index holds just the active cases, under just their words."""
    active = upkeep.active(db)
    assert {key for (key,) in fetch_all(db, "SELECT id FROM case_words_docsize")} == active
    found = {}
    for (state,) in fetch_all(db, "SELECT state FROM cases WHERE forgotten_at IS NULL"):
        for word in set(split(state)):
            found[word] = found.get(word, 0) + 1
    assert dict(fetch_all(db, "SELECT term, doc FROM case_vocabulary")) == found


@given(upkeep.CHANGES)
@settings(max_examples=40)
def test_the_index_follows_every_change(tmp_path_factory, changes):
    bank = Database(tmp_path_factory.mktemp("words") / "bank.db")
    with bank.writing() as db:
        for change, number in changes:
            upkeep.apply(db, change, number)
            assert_in_step(db)
        assert {key for (key,) in fetch_all(db, "SELECT case_key FROM unembedded")} == upkeep.active(db)
    bank.close()


def test_a_change_that_is_no_change_of_state_leaves_the_index_alone(bank):
    (key,) = fill(bank, "restart nginx")
    with bank.writing() as db:
        found = cases.by_id(db, "default-0")
        assert found is not None
        cases.update(db, key, found[1])
        cases.set_forgotten(db, key, 1.0)
        cases.set_forgotten(db, key, 2.0)
        cases.set_forgotten(db, key, None)
        cases.set_forgotten(db, key, None)
        assert_in_step(db)


def test_the_case_with_the_rarest_word_in_common_comes_first(bank):
    keys = fill(bank, "restart the web server", "restart the mail server", "restart zookeeper", "list users")
    assert search(bank, "restart the zookeeper please")[0] == keys[2]
    assert keys[3] not in search(bank, "restart the zookeeper please")


def test_at_most_as_many_cases_come_back_as_asked_for(bank):
    fill(bank, *(f"restart server{i}" for i in range(8)))
    assert len(search(bank, "restart", limit=3)) == 3


def test_only_the_namespaces_asked_for_are_searched(bank):
    here, there = fill(bank, "restart nginx"), fill(bank, "restart nginx", namespace="other")
    assert search(bank, "restart nginx") == here
    assert search(bank, "restart nginx", "other") == there
    assert sorted(search(bank, "restart nginx", "other", "default")) == sorted(here + there)
    assert search(bank, "restart nginx", "none") == []


def test_the_environment_is_indexed_with_the_task(bank):
    with bank.writing() as db:
        key = cases.insert(db, making.case("c-1", "count the users", context="webshop\nrunning since 2019"))
    assert search(bank, "webshop") == [key]
    assert search(bank, "running") == []


@given(st.text("abz09 .-_'\"*()éüñŁßйёїЖάώςがギ漢한국", max_size=30))
@settings(max_examples=60)
def test_a_text_in_any_script_finds_the_case_with_that_text(tmp_path_factory, text):
    bank = Database(tmp_path_factory.mktemp("script") / "bank.db")
    keys = fill(bank, "unrelated", text or "x")
    assert set(search(bank, text)) <= set(keys)
    if split(text):
        assert keys[1] in search(bank, text)
    bank.close()


def test_what_is_known_of_the_words_counts_active_cases_only(bank):
    first, _ = fill(bank, "restart nginx now", "restart apache")
    with bank.reading() as db:
        known = words.bank_words(db)
        assert (known.cases, known.mean_length) == (2, 2.5)
        assert [known.frequency(word) for word in ("restart", "nginx", "redis")] == [2, 1, 0]
    with bank.writing() as db:
        cases.set_forgotten(db, first, 1.0)
    with bank.reading() as db:
        known = words.bank_words(db)
        assert (known.cases, known.mean_length) == (1, 2.0)
        assert [known.frequency(word) for word in ("restart", "nginx")] == [1, 0]
