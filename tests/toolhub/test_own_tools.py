"""find_tools and call_tool: their arguments, checked, and the answer of a search."""

from __future__ import annotations

from typing import Any

import pytest

from memento_toolhub.own_tools import CALL, FIND, OWN, call_of, found, query_of


def test_the_defaults_are_the_published_ones() -> None:
    assert query_of({"query": "read a file"}) == ("read a file", FIND.input_schema["properties"]["k"]["default"])
    assert call_of({"name": "fs__read"}) == ("fs__read", {}, CALL.input_schema["properties"]["plan_id"]["default"])
    assert call_of({"name": "a", "arguments": {"x": 1}, "plan_id": "p-1"}) == ("a", {"x": 1}, "p-1")


@pytest.mark.parametrize("k", [1, 20])
def test_k_may_be_from_1_to_20(k: int) -> None:
    assert query_of({"query": "x", "k": k}) == ("x", k)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "query: is missing"),
        ({"query": " "}, "query: is missing"),
        ({"query": 7}, "query: is missing"),
        ({"query": "x", "k": 0}, "k: is 0; give a whole number from 1 to 20"),
        ({"query": "x", "k": 21}, "k: is 21"),
        ({"query": "x", "k": True}, "k: is True"),
        ({"query": "x", "k": 2.5}, "k: is 2.5"),
        ({"query": "x", "k": None}, "k: is None"),
        ({"query": "x", "limit": 3}, "limit: is not an argument of find_tools; it takes query, k"),
    ],
)
def test_a_bad_search_names_the_argument_and_the_fix(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=r"^\w+: ") as error:
        query_of(given)
    assert str(error.value).startswith(says)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "name: is missing"),
        ({"name": ""}, "name: is missing"),
        ({"name": 1}, "name: is missing"),
        ({"name": "a", "arguments": "{}"}, "arguments: is str; give an object"),
        ({"name": "a", "arguments": None}, "arguments: is NoneType"),
        ({"name": "a", "plan_id": 1}, "plan_id: is not a string"),
        ({"name": "a", "text": "x"}, "text: is not an argument of call_tool; it takes name, arguments, plan_id"),
    ],
)
def test_a_bad_call_names_the_argument_and_the_fix(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=r"^\w+: ") as error:
        call_of(given)
    assert str(error.value).startswith(says)


def test_an_empty_answer_says_which_servers_were_not_searched() -> None:
    answer = found("sheep", [], ["farm (command 'x' was not found)"])
    assert answer.structured_content is not None
    assert answer.structured_content["tools"] == []
    assert "Not searched: farm (command 'x' was not found)." in answer.structured_content["note"]
    assert "farm (command 'x' was not found)" in answer.content[0].text  # type: ignore[union-attr]


def test_their_own_schemas_are_flat_and_only_the_search_is_read_only() -> None:
    for tool in OWN:
        assert tool.input_schema["type"] == "object"
        assert all("anyOf" not in field and "$ref" not in field for field in tool.input_schema["properties"].values())
    assert [bool(tool.annotations and tool.annotations.read_only_hint) for tool in OWN] == [True, False]
