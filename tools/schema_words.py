"""JSON schemas of tools in words: rows of name, type and meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Row = tuple[str, str, str]
Schema = Mapping[str, Any]

_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
    "null": "nothing",
}
_DEEPEST = 3


def parameters_of(schema: Schema) -> list[Row]:
    """A row for each argument: name, type with bounds and default, description."""
    required = schema.get("required", [])
    return [
        (f"`{name}`", _joined(type_of(part), bounds_of(part), _default(part, name in required)), _said(part))
        for name, part in schema.get("properties", {}).items()
    ]


def fields_of(schema: Schema) -> list[Row]:
    """A row for each field of a result, those of parts as `whole.part`, of a list's items as `list[].part`."""
    return list(_fields(schema, "", 1))


def _fields(part: Schema, before: str, depth: int) -> Iterator[Row]:
    for name, field in part.get("properties", {}).items():
        yield f"`{before}{name}`", type_of(field), _said(field)
        inner, mark = field, "."
        while (inner := _object_in(inner)).get("type") == "array":
            inner, mark = inner.get("items", {}), "[]" + mark
        if depth < _DEEPEST:
            yield from _fields(inner, f"{before}{name}{mark}", depth + 1)


def _object_in(part: Schema) -> Schema:
    """The one alternative that says what is inside, where there are several."""
    return next((kind for kind in part.get("anyOf", ()) if kind.get("type") in ("object", "array")), part)


def type_of(part: Schema) -> str:
    """A type in words."""
    if "enum" in part:
        return "one of " + ", ".join(f"`{value}`" if value else "empty" for value in part["enum"])
    if "const" in part:
        return f"`{part['const']}`"
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(map(type_of, part["anyOf"])))
    kind = part.get("type", "")
    if isinstance(kind, list):
        return " or ".join(type_of({**part, "type": one}) for one in kind)
    if kind == "array":
        items = part.get("items", {})
        return f"list of {type_of(items)}" if items else "list"
    if kind == "object" and isinstance(values := part.get("additionalProperties"), Mapping) and values:
        return f"object of {type_of(values)} by name"
    return _WORDS.get(kind, "anything")


def bounds_of(part: Schema) -> str:
    """The limits of a value in words; empty without any."""
    low, high = part.get("minimum", part.get("minItems")), part.get("maximum", part.get("maxItems"))
    said = f"{low:,} to {high:,}" if low is not None and high is not None else ""
    if not said:
        said = f"{low:,} or more" if low is not None else f"at most {high:,}" if high is not None else ""
    above, below = part.get("exclusiveMinimum"), part.get("exclusiveMaximum")
    longest = part.get("maxLength")
    return _joined(
        said,
        f"above {above:,}" if above is not None else "",
        f"below {below:,}" if below is not None else "",
        f"at most {longest:,} characters" if longest is not None else "",
    )


def _default(part: Schema, required: bool) -> str:
    if required:
        return "**required**"
    return (
        f"default `{json.dumps(part['default'], ensure_ascii=False)}`"
        if part.get("default") not in (None, "", [])
        else ""
    )


def _said(part: Schema) -> str:
    return str(part.get("description", ""))


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
