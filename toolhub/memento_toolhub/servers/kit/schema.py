"""JSON schemas as hosts and models take them best."""

from __future__ import annotations

from typing import Any

_NULL = {"type": "null"}


def flat(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema with its $refs written out and its titles dropped; hosts stumble over $defs, models over length."""
    definitions = schema.get("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            target = definitions[node["$ref"].rsplit("/", 1)[1]]
            return walk({**target, **{key: value for key, value in node.items() if key != "$ref"}})
        kinds = node.get("anyOf", ())
        if len(kinds) == 2 and _NULL in kinds:
            some = walk(next(kind for kind in kinds if kind != _NULL))
            if isinstance(some.get("type"), str) and "enum" not in some:
                rest = {key: value for key, value in node.items() if key != "anyOf"}
                return walk({**some, **rest, "type": [some["type"], "null"]})
        return {key: walk(value) for key, value in node.items() if not _is_noise(key, value)}

    flattened: dict[str, Any] = walk(schema)
    return flattened


def _is_noise(key: str, value: Any) -> bool:
    return (
        key == "$defs"
        or (key in ("title", "additionalProperties") and not isinstance(value, dict))
        or (key == "default" and value is None)
    )
