"""The math server, asked in the process and through the protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client

from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.roots import Roots
from memento_toolhub.servers.math.results import Answer
from memento_toolhub.servers.math.server import build
from memento_toolhub.servers.math.work import perform


def calculate(expression: str, digits: int = 15) -> Answer:
    answer: Answer = perform("calculate", expression, digits)
    return answer


def exact(expression: str) -> str:
    return calculate(expression).exact


def convert(quantity: str, to: str) -> Answer:
    answer: Answer = perform("convert_units", quantity, to, 15)
    return answer


@asynccontextmanager
async def math_client(era: str = "auto") -> AsyncIterator[Client]:
    options = Options(roots=Roots.of(()), scratch=Path("/nonexistent"))
    async with Client(build(options), mode=era) as client:  # type: ignore[arg-type]
        yield client


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The structured result of a call that has to succeed."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """The message of a call that has to fail."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    return "".join(getattr(block, "text", "") for block in result.content)
