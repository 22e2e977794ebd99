"""What the tests of function calling through schemas share: tools, requests, and awkward schemas."""

from __future__ import annotations

from typing import Any

import anyio

from memento_planner.models.chat import Message, Reply, Request, Role, ToolSpec
from memento_planner.models.schema_tools import complete_with_schema

STRING = {"type": "string"}


def tool(name: str, properties: dict[str, Any] | None = None, **more: Any) -> ToolSpec:
    given_properties = properties or {}
    schema = {"type": "object", "properties": given_properties, "required": list(given_properties), **more}
    return ToolSpec(name, f"Does {name}.", schema)


WRITE_NOTE = tool(
    "write_note",
    {
        "name": {"type": "string", "description": "file name of the note"},
        "text": {"type": "string", "description": "what the note says"},
    },
)
LOOK = tool("look", {"query": STRING})


def request(text: str = "Look for cats.", **more: Any) -> Request:
    return Request("Do the step.", (Message(Role.USER, text),), **{"tools": (LOOK, WRITE_NOTE), **more})


def completed(model: Any, asked: Request, heard: list[str] | None = None) -> Reply:
    return anyio.run(complete_with_schema, model, asked, None if heard is None else heard.append)


NASTY: dict[str, dict[str, Any]] = {
    "references": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"Place": {"type": "object", "properties": {"town": STRING}, "required": ["town"], "title": "Place"}},
        "properties": {"place": {"$ref": "#/$defs/Place"}},
        "required": ["place"],
    },
    "recursion": {
        "type": "object",
        "definitions": {"Node": {"type": "object", "properties": {"child": {"$ref": "#/definitions/Node"}}}},
        "properties": {"root": {"$ref": "#/definitions/Node"}},
    },
    "a dangling reference": {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}, "required": ["a"]},
    "null arms": {
        "type": "object",
        "properties": {
            "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None, "title": "Limit"},
            "since": {"type": ["string", "null"], "format": "date-time"},
        },
        "required": ["since"],
    },
    "patterns and lengths": {
        "type": "object",
        "properties": {"code": {"type": "string", "pattern": "^(?!x)\\p{L}+$", "minLength": 1, "maxLength": 100_000}},
        "required": ["code"],
    },
    "bounds": {
        "type": "object",
        "properties": {
            "n": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.01},
            "many": {"type": "array", "items": {"type": "integer"}, "maxItems": 100_000, "uniqueItems": True},
        },
        "required": ["n"],
    },
    "a huge enum": {
        "type": "object",
        "properties": {"zone": {"enum": [f"Zone/{i}" for i in range(5_000)]}},
        "required": ["zone"],
    },
    "free objects": {
        "type": "object",
        "properties": {"headers": {"type": "object", "additionalProperties": {"type": "string"}}, "body": {}},
        "required": ["headers"],
    },
    "all of": {
        "allOf": [
            {"type": "object", "properties": {"a": STRING}, "required": ["a"]},
            {"$ref": "#/$defs/B"},
        ],
        "$defs": {"B": {"properties": {"b": {"const": 3}}, "required": ["b"]}},
    },
    "one of objects": {
        "type": "object",
        "properties": {
            "edit": {
                "oneOf": [
                    {"type": "object", "properties": {"old": STRING}, "required": ["old"]},
                    {"type": "object", "properties": {"line": {"type": "integer"}}, "required": ["line"]},
                ],
                "discriminator": {"propertyName": "kind"},
            }
        },
        "required": ["edit"],
    },
    "lists of lists": {
        "type": "object",
        "properties": {"rows": {"type": "array", "items": {"type": "array", "prefixItems": [STRING], "items": False}}},
        "required": ["rows"],
    },
    "if and not": {
        "type": "object",
        "properties": {"a": {"type": "string", "not": {"const": "x"}}, "b": True},
        "if": {"properties": {"a": {"const": "y"}}},
        "then": {"required": ["b"]},
        "patternProperties": {"^x-": {}},
        "dependentRequired": {"a": ["b"]},
    },
}  # fmt: skip
