"""docs/TOOLS.md and the README's table say what the bundled servers publish."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from memento_toolhub.servers.kit.schema import flat

ROOT = Path(__file__).resolve().parents[2]


def test_the_pages_are_what_the_servers_publish() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "tool_docs.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def words() -> ModuleType:
    spec = importlib.util.spec_from_file_location("schema_words", ROOT / "tools" / "schema_words.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_arguments_are_told_with_bounds_and_defaults(words: ModuleType) -> None:
    schema = {
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 2000, "default": 5, "description": "how many"},
            "kind": {"enum": ["", "a"]},
            "words": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        },
        "required": ["words"],
    }
    assert words.parameters_of(schema) == [
        ("`n`", "whole number, 1 to 2,000, default `5`", "how many"),
        ("`kind`", "one of empty, `a`", ""),
        ("`words`", "list of text, at most 3, **required**", ""),
    ]


def test_fields_of_parts_are_told_by_their_path(words: ModuleType) -> None:
    schema = {
        "$defs": {"Row": {"type": "object", "properties": {"cells": {"type": "array", "items": {"type": "number"}}}}},
        "properties": {
            "rows": {"type": "array", "items": {"$ref": "#/$defs/Row"}, "description": "all"},
            "best": {"anyOf": [{"$ref": "#/$defs/Row"}, {"type": "null"}]},
        },
    }
    assert words.fields_of(flat(schema)) == [
        ("`rows`", "list of object", "all"),
        ("`rows[].cells`", "list of number", ""),
        ("`best`", "object or nothing", ""),
        ("`best.cells`", "list of number", ""),
    ]
