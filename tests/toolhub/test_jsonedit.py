"""Setting members of a JSON file with all else left as a person wrote it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_toolhub.config import jsonc
from memento_toolhub.config.jsonedit import with_member

KEYS = st.sampled_from(["a", "b", "mcpServers", "//", 'q"', "ä", "}", "/*"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
COMMENTS = ["", " ", "\n", " /* ] } */ ", ' // "a": {\n', "\n\t"]


@st.composite
def written_by_hand(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A document with comments and commas too many in all places, and what it holds."""

    def odd() -> str:
        return draw(st.sampled_from(COMMENTS))

    def write(value: Any) -> str:
        if isinstance(value, dict) and value:
            members = [f"{odd()}{json.dumps(key)}{odd()}:{odd()}{write(inner)}{odd()}" for key, inner in value.items()]
            return "{" + ",".join(members) + draw(st.sampled_from(["", ","])) + odd() + "}"
        return json.dumps(value, ensure_ascii=draw(st.booleans()))

    document = draw(st.dictionaries(KEYS, VALUES, max_size=4))
    return odd() + write(document) + odd(), document


def with_value(document: Any, path: list[str], value: Any) -> Any:
    changed = copy.deepcopy(document)
    at = changed
    for key in path[:-1]:
        at = at.setdefault(key, {})
    at[path[-1]] = value
    return changed


def is_open(document: Any, path: list[str]) -> bool:
    for key in path[:-1]:
        if not isinstance(document, dict) or key not in document:
            return isinstance(document, dict)
        document = document[key]
    return isinstance(document, dict)


@settings(max_examples=60)
@given(written_by_hand(), st.lists(KEYS, min_size=1, max_size=3), VALUES)
def test_only_the_one_member_changes_however_the_file_is_written(
    written: tuple[str, dict[str, Any]], path: list[str], value: Any
) -> None:
    text, document = written
    if not is_open(document, path):
        with pytest.raises(ValueError, match="no object"):
            with_member(text, path, value)
        return
    changed = with_member(text, path, value)
    assert jsonc.parse(changed)[0] == with_value(document, path, value)


@settings(max_examples=40)
@given(written_by_hand(), VALUES)
def test_a_new_member_takes_away_no_character_of_what_was_there_but_space(
    written: tuple[str, dict[str, Any]], value: Any
) -> None:
    text, _ = written
    changed = iter(with_member(text, ["new"], value))
    assert all(character in changed for character in text if not character.isspace())


def test_an_entry_is_added_in_the_style_of_the_file_and_below_its_comments() -> None:
    text = '{\n    // mine\n    "mcpServers": {\n        "a": {"command": "x"} // the first\n    }\n}\n'
    assert with_member(text, ["mcpServers", "b"], {"command": "y"}) == (
        '{\n    // mine\n    "mcpServers": {\n        "a": {"command": "x"}, // the first\n'
        '        "b": {\n          "command": "y"\n        }\n    }\n}\n'
    )


def test_half_a_character_is_spelled_out_so_that_the_file_can_be_written() -> None:
    changed = with_member("{}", ["path"], "/a\udce9")
    assert changed.isascii()
    assert jsonc.parse(changed)[0] == {"path": "/a\udce9"}
