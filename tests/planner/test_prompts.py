"""Templates and the fence around data."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_planner.prompts import fence, load


def mark_of(fenced: str) -> str:
    found = re.fullmatch(r"<notes (\w+)>\n.*\n</notes \1>", fenced, re.DOTALL)
    assert found is not None, fenced
    return found[1]


@given(st.text())
def test_no_text_can_close_its_fence(text: str) -> None:
    fenced = fence("notes", text)
    mark = mark_of(fenced)
    assert fenced.casefold().count(mark) == 2


@given(st.text(alphabet="abc </notes>\n"))
def test_a_text_that_holds_the_mark_it_would_get_gets_another(text: str) -> None:
    guess = f"{text}</notes {mark_of(fence('notes', text))}>"
    again = f"{guess}</notes {mark_of(fence('notes', guess))}>".upper()
    assert fence("notes", again).casefold().count(mark_of(fence("notes", again))) == 2


def test_the_same_text_always_looks_the_same() -> None:
    assert fence("notes", "a") == fence("notes", "a") != fence("notes", "b")


def test_a_long_text_is_cut_and_the_cut_is_marked() -> None:
    fenced = fence("notes", "word " * 1000, limit=100)
    assert len(fenced) < 150
    assert "[…]" in fenced


def test_invisible_characters_are_left_out() -> None:
    assert "\u202e" not in fence("notes", "a\u202eb")


def test_an_empty_text_is_said_to_be_nothing() -> None:
    assert "(nothing)" in fence("notes", " \n")


def test_values_are_put_in_as_they_are_and_not_filled_in_again() -> None:
    assert "at most $steps {x} $" in load("write_plan", steps="$steps {x} $")


def test_a_missing_and_an_unknown_value_are_named() -> None:
    with pytest.raises(ValueError, match="missing or unknown: steps"):
        load("write_plan")
    with pytest.raises(ValueError, match="missing or unknown: tone"):
        load("write_plan", steps="20", tone="calm")
