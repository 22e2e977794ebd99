"""JSON schemas of tools made so simple that every grammar converter takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MAX_ENUM = 100
_MAX_ARMS = 8
_MAX_DEPTH = 6
_MAX_ITEMS = 16


def simple_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that every grammar converter takes, of at least the values that the given one allows.

    References are put in place, arms that only allow null are left out where the property is, and all that merely
    narrows a string, number or list is dropped: a tool checks its arguments itself.
    """
    simple = _simple(schema, schema, 0)
    return simple if simple.get("type") == "object" else {"type": "object"}


def _simple(node: Any, root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if not isinstance(node, Mapping) or depth > _MAX_DEPTH:
        return {}
    node = merged(_resolved(node, root), root)
    arms = node.get("anyOf") or node.get("oneOf")
    if isinstance(arms, list) and not node.get("properties"):
        return _any_of([_simple(arm, root, depth + 1) for arm in arms[:_MAX_ARMS]])
    if "const" in node:
        return {"const": node["const"]}
    if isinstance(values := node.get("enum"), list) and 0 < len(values) <= _MAX_ENUM:
        return {"enum": values}
    kind = node.get("type")
    if isinstance(kind, list):
        return _any_of([_simple({**node, "type": one}, root, depth + 1) for one in kind])
    if kind == "object" or (kind is None and "properties" in node):
        return _object_schema(node, root, depth)
    if kind == "array":
        return {"type": "array", "items": _simple(node.get("items"), root, depth + 1), "maxItems": _MAX_ITEMS}
    if kind is None and isinstance(values, list):
        return {"type": "string"}
    return {"type": kind} if kind in ("string", "integer", "number", "boolean", "null") else {}


def _object_schema(node: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    told = node.get("properties")
    extra = node.get("additionalProperties")
    if not isinstance(told, Mapping) or not told:
        if isinstance(extra, Mapping) and extra:
            return {"type": "object", "additionalProperties": _simple(extra, root, depth + 1)}
        return {"type": "object", "additionalProperties": False} if depth == 0 or extra is False else {"type": "object"}
    required = [name for name in _listed(node.get("required")) if isinstance(name, str) and name in told]
    properties = {str(name): _simple(value, root, depth + 1) for name, value in told.items()}
    for name in properties.keys() - set(required):
        properties[name] = _without_null(properties[name])
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _any_of(arms: list[dict[str, Any]]) -> dict[str, Any]:
    arms = [arm for at, arm in enumerate(arms) if arm not in arms[:at]]
    return arms[0] if len(arms) == 1 else {} if not arms or {} in arms else {"anyOf": arms}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    return _any_of([arm for arm in schema.get("anyOf", [schema]) if arm != {"type": "null"}] or [schema])


def _resolved(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference inside the schema points to; anything is allowed where it points nowhere."""
    for _ in range(_MAX_DEPTH):
        if "$ref" not in node:
            return node
        target: Any = root
        for step in str(node["$ref"]).removeprefix("#").strip("/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, Mapping) else None
        node = target if isinstance(target, Mapping) else {}
    return {}


def merged(node: Mapping[str, Any], root: Mapping[str, Any], depth: int = 0) -> Mapping[str, Any]:
    """The parts of an allOf as one schema."""
    parts = node.get("allOf")
    if not isinstance(parts, list) or depth > _MAX_DEPTH:
        return node
    joined: dict[str, Any] = {key: value for key, value in node.items() if key != "allOf"}
    for part in (merged(_resolved(mapped(part), root), root, depth + 1) for part in parts[:_MAX_ARMS]):
        properties = {**mapped(joined.get("properties")), **mapped(part.get("properties"))}
        required = [*_listed(joined.get("required")), *_listed(part.get("required"))]
        joined = {**joined, **part, **({"properties": properties, "required": required} if properties else {})}
    return joined


def mapped(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
