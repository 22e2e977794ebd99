"""A schema is simplified to what every model can follow, and what matters of it stays."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memento_planner.models.schema_tools import simple_schema
from planner.schema_talk import NASTY, STRING


def test_what_matters_of_a_schema_stays() -> None:
    assert simple_schema(NASTY["references"])["properties"]["place"]["required"] == ["town"]
    nullable = simple_schema(NASTY["null arms"])["properties"]
    assert nullable == {"limit": {"type": "integer"}, "since": {"anyOf": [STRING, {"type": "null"}]}}
    assert simple_schema(NASTY["all of"])["required"] == ["a", "b"]
    assert simple_schema(NASTY["a huge enum"])["properties"] == {"zone": STRING}


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["object", "string", "array", "#/properties", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "anyOf", "allOf", "enum", "$ref", "required", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["type", "properties", "required", "allOf", "$ref", "anyOf"]), JSON_VALUES))
def test_even_broken_schemas_are_simplified_to_an_object(schema: dict[str, Any]) -> None:
    assert simple_schema(schema)["type"] == "object"
