"""Relayed names: short, legal, the same everywhere, and never shared by two tools."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_toolhub import names
from memento_toolhub.names import Names

ANY_NAME = st.text(st.sampled_from("ab_-.é/A0") | st.characters(), max_size=60)
PAIRS = st.lists(st.tuples(ANY_NAME, ANY_NAME), min_size=1, max_size=12, unique=True)
LONG = ("github", "create_pull_request_review_comment_for_repository")


def test_an_ordinary_tool_is_called_by_its_server_and_its_own_name() -> None:
    assert Names().give("files", "read_text_file") == "files__read_text_file"


@settings(max_examples=50)
@given(PAIRS)
def test_names_are_legal_short_unlike_each_other_and_lead_back_to_their_owner(pairs: list[tuple[str, str]]) -> None:
    known = Names()
    given_names = [known.give(*pair) for pair in pairs]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name) for name in given_names)
    assert len(set(given_names)) == len(pairs)
    assert [known.owner(name) for name in given_names] == pairs


@settings(max_examples=50)
@given(PAIRS)
def test_a_name_does_not_depend_on_what_was_named_before(pairs: list[tuple[str, str]]) -> None:
    forwards, backwards = Names(), Names()
    first = {pair: forwards.give(*pair) for pair in pairs}
    second = {pair: backwards.give(*pair) for pair in reversed(pairs)}
    assert first == second == {pair: Names().give(*pair) for pair in pairs}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b.c"), ("a", "b_c")),
        (("a_", "b"), ("a", "_b")),
        (("a__b", "c"), ("a", "b__c")),
        (LONG, (LONG[0], LONG[1] + "_x")),
        (("a", "b"), ("a", Names().give("a", "b.").removeprefix("a__"))),
    ],
)
def test_pairs_that_look_alike_have_names_of_their_own(one: tuple[str, str], other: tuple[str, str]) -> None:
    known = Names()
    assert known.give(*one) != known.give(*other)


def test_a_long_name_keeps_its_beginning_where_the_verb_is() -> None:
    assert re.fullmatch(r"github__create_pull_request_rev-[0-9a-f]{8}", Names().give(*LONG))


def test_a_name_that_was_relayed_before_is_relayed_again() -> None:
    inner = Names().give("files", "read_text_file")
    assert Names().give("inner", inner) == "inner__files__read_text_file"


def test_a_long_chained_name_keeps_the_tool_at_its_end() -> None:
    name = Names().give("gateway", Names().give("documentation", "search_everything"))
    assert re.fullmatch(r"gateway__\w*search_everything-[0-9a-f]{8}", name)


def test_a_shortened_name_is_shortened_again_without_a_second_digest() -> None:
    name = Names().give("inner", Names().give(*LONG))
    assert re.fullmatch(r"inner__create_pull_request_rev-[0-9a-f]{8}", name)


def test_another_process_gives_the_same_name() -> None:
    script = f"from memento_toolhub.names import Names; print(Names().give(*{LONG!r}))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == Names().give(*LONG)


def test_two_tools_whose_digests_agree_still_have_names_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_DIGITS", 1)  # sixteen digests for twelve tools: some agree
    known = Names()
    pairs = [("server", "tool" + "." * count) for count in range(1, 13)]
    given_names = [known.give(*pair) for pair in pairs]
    assert len({names._short(*pair, 0) for pair in pairs}) < len(pairs)
    assert len(set(given_names)) == len(pairs)
    assert [known.owner(name) for name in given_names] == pairs
    assert [known.give(*pair) for pair in pairs] == given_names


def test_a_name_that_was_never_given_has_no_owner() -> None:
    assert Names().owner("files__read_text_file") is None
