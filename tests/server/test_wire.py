"""What hosts see of the tools before they call any: names, defaults, schemas, annotations, size."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import Tool

from memento_server.app import INSTRUCTIONS, build
from memento_server.settings import Settings

CONTRACT = {
    "plan_with_memory": {"task": "", "context": "", "k": 4, "namespace": "", "plan_id": "", "progress": ""},
    "record_outcome": {
        "outcome": None,
        "plan_id": "",
        "reward": None,
        "evidence": "self_report",
        "task": "",
        "plan": "",
        "notes": "",
        "used_cases": "",
        "namespace": "",
    },
    "retrieve_cases": {"query": None, "k": 4, "outcome": "any", "tags": "", "namespace": ""},
}

REQUIRED = {"plan_with_memory": [], "record_outcome": ["outcome"], "retrieve_cases": ["query"]}


@pytest.fixture(scope="module", params=["auto", "legacy"])
def tools(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Tool]:
    bank = tmp_path_factory.mktemp("wire") / "bank.sqlite3"

    async def listed() -> list[Tool]:
        async with Client(build(Settings(bank)), mode=request.param) as client:
            return (await client.list_tools()).tools

    return asyncio.run(listed())


def every_schema(node: Any) -> list[dict[str, Any]]:
    found = [node] if isinstance(node, dict) else []
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return found + [schema for child in children for schema in every_schema(child)]


def test_names_order_and_defaults_are_the_contract(tools: list[Tool]) -> None:
    assert [tool.name for tool in tools] == list(CONTRACT)
    for tool in tools:
        properties = tool.input_schema["properties"]
        assert {name: schema.get("default") for name, schema in properties.items()} == CONTRACT[tool.name]
        assert tool.input_schema.get("required", []) == REQUIRED[tool.name]


def test_input_schemas_are_flat_so_that_every_host_can_read_them(tools: list[Tool]) -> None:
    for tool in tools:
        for schema in every_schema(tool.input_schema):
            assert not {"$ref", "$defs", "anyOf", "oneOf", "allOf"} & schema.keys()
        assert all(isinstance(schema["type"], str) for schema in tool.input_schema["properties"].values())
        assert all("description" in schema for schema in tool.input_schema["properties"].values())


def test_output_schemas_need_no_references(tools: list[Tool]) -> None:
    for tool in tools:
        assert tool.output_schema is not None
        assert tool.output_schema["type"] == "object"
        assert not any({"$ref", "$defs", "anyOf"} & schema.keys() for schema in every_schema(tool.output_schema))


def test_every_tool_says_what_it_does_to_the_world(tools: list[Tool]) -> None:
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (tool.name == "retrieve_cases")
        assert tool.annotations.destructive_hint is False
        assert tool.annotations.open_world_hint is False


def test_the_list_of_tools_stays_under_2500_tokens(tools: list[Tool]) -> None:
    text = json.dumps([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools])
    assert len(text) / 4 <= 2500


def test_the_instructions_fit_into_2_kb_and_name_every_tool() -> None:
    assert len(INSTRUCTIONS.encode()) < 2048
    assert all(name in INSTRUCTIONS for name in CONTRACT)


def test_nothing_heavy_is_imported_to_list_the_tools(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sys; from pathlib import Path; from memento_server.app import build; "
        "from memento_server.settings import Settings; build(Settings(Path('x'))); "
        "print([m for m in ('torch', 'transformers', 'sentence_transformers', 'anthropic', 'openai', 'onnxruntime') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"
