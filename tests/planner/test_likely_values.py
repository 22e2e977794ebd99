"""Values a small model is pointed to."""

from __future__ import annotations

import pytest

from memento_planner.models.likely_values import likely_values, quoted_as

TEXT = {"type": "string"}
STEP = "Write 'Call Anna at noon' to todo.txt"


def test_values_are_told_apart_by_their_kind() -> None:
    assert likely_values(STEP, "name", "file name, without folders", TEXT) == ["todo.txt"]
    assert likely_values(STEP, "text", "what it shall say", TEXT) == ["Call Anna at noon"]
    assert likely_values("Wait 15 minutes", "minutes", "", {"type": "integer"}) == [15]
    assert likely_values("See https://example.org/a.", "url", "", TEXT) == ["https://example.org/a"]


@pytest.mark.parametrize("schema", [{"type": "boolean"}, {"type": "array"}, {}])
def test_nothing_is_guessed_for_other_types(schema: dict[str, str]) -> None:
    assert likely_values(STEP, "x", "", schema) == []


def test_a_step_gets_back_the_quotes_of_its_task() -> None:
    assert quoted_as("Write the text Call Anna at noon to todo.txt", STEP) == (
        "Write the text 'Call Anna at noon' to todo.txt"
    )


@pytest.mark.parametrize(
    "step", [STEP, 'Write "Call Anna at noon" to todo.txt', "Read todo.txt", "Call Anna at noonday"]
)
def test_what_is_quoted_or_not_there_stays_as_it_is(step: str) -> None:
    assert quoted_as(step, STEP) == step
