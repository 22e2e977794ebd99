"""What every bundled server does with schemas and mistakes, whatever its tools do."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

import anyio
import pytest
from mcp import Client
from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.tool_server import ToolServer


class Part(BaseModel):
    name: str
    weight: float | None = None


class Whole(BaseModel):
    """All."""

    parts: list[Part]


def server() -> ToolServer:
    made = ToolServer("example")

    @made.tool()
    def weigh(n: Annotated[int, Field(ge=1, description="how many")], name: str = "a") -> Whole:
        """Weigh things,
        one by one.
        """
        if name == "lead":
            raise CallError("name: lead is too heavy; take another")
        if name == "gold":
            raise RuntimeError("no gold")
        return Whole(parts=[Part(name=name)] * n)

    return made


def with_client(use: Any, mode: str) -> Any:
    async def run() -> Any:
        async with Client(server(), mode=mode) as client:
            return await use(client)

    return anyio.run(run)


def call(arguments: dict[str, Any], mode: str = "auto") -> CallToolResult:
    async def use(client: Client) -> Any:
        return await client.call_tool("weigh", arguments)

    result: CallToolResult = with_client(use, mode)
    return result


def text(result: CallToolResult) -> str:
    (block,) = result.content
    assert block.type == "text"
    return block.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_tools_are_listed_with_flat_schemas_and_descriptions_without_indentation(mode: str) -> None:
    async def use(client: Client) -> Any:
        return (await client.list_tools()).tools

    (tool,) = with_client(use, mode)
    assert tool.description == "Weigh things,\none by one."
    assert tool.input_schema["properties"]["n"] == {"type": "integer", "minimum": 1, "description": "how many"}
    part = tool.output_schema["properties"]["parts"]["items"]
    assert part["properties"] == {"name": {"type": "string"}, "weight": {"type": ["number", "null"]}}
    assert "$defs" not in tool.output_schema


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "n: is missing; give it"),
        ({"n": 0}, "n: Input should be greater than or equal to 1; given was 0"),
        ({"n": 1, "size": 2}, "size: is not an argument of weigh; it takes n, name"),
        ({"n": 1, "name": "lead"}, "name: lead is too heavy; take another"),
    ],
)
def test_mistakes_are_one_line_that_names_the_field(mode: str, arguments: dict[str, Any], said: str) -> None:
    result = call(arguments, mode)
    assert result.is_error
    assert text(result) == said


def test_what_breaks_inside_a_tool_is_logged_and_tells_the_caller_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert text(call({"n": 1, "name": "gold"})) == "Error executing tool weigh"
    assert "RuntimeError: no gold" in caplog.text


def test_a_mistake_of_the_caller_is_not_logged_as_a_crash(caplog: pytest.LogCaptureFixture) -> None:
    call({"n": 1, "name": "lead"})
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_server_says_its_version(mode: str) -> None:
    async def use(client: Client) -> Any:
        return client.server_info and client.server_info.version

    assert with_client(use, mode) == version("memento-cbr")
