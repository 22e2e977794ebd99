"""The server that the bundled ones are: plain schemas, and mistakes named by their field."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.types import CallToolResult, InputRequiredResult, Tool
from pydantic import ValidationError
from typing_extensions import TypeVar

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.schema import flat

State = TypeVar("State", default=Any)


class ToolServer(MCPServer[State]):
    """An MCPServer that refuses arguments it does not know and answers mistakes with the field and the fix."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, version=version("memento-cbr"), log_level="WARNING", **options)
        self._published: list[Tool] = []

    async def list_tools(self) -> list[Tool]:
        """The tools with schemas that every host can read, in the order in which they were registered."""
        if not self._published:
            self._published = [
                tool.model_copy(
                    update={
                        "description": inspect.cleandoc(tool.description or ""),
                        "input_schema": flat(tool.input_schema),
                        "output_schema": flat(tool.output_schema) if tool.output_schema else None,
                    }
                )
                for tool in await super().list_tools()
            ]
        return self._published

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[State, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """The result of a tool.

        Raises:
            ToolError: of one line for each argument at fault, or what the tool itself raises.
            UnexpectedToolError: if the tool broke.
        """
        known = next((tool.input_schema["properties"] for tool in await self.list_tools() if tool.name == name), None)
        if known is not None and (unknown := [key for key in arguments if key not in known]):
            raise ToolError(sendable(f"{unknown[0]}: is not an argument of {name}; it takes {', '.join(known)}"))
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            said = self.explained(error.__cause__)
            if not said and isinstance(error, UnexpectedToolError):
                raise  # and is logged with its traceback
            raise ToolError(sendable(said or str(error))) from error

    def explained(self, cause: BaseException | None) -> str:
        """What is told of an error that a tool ended with; nothing of one that was not meant to be told."""
        if isinstance(cause, ValidationError):
            return explain(cause)
        if isinstance(cause, ModuleNotFoundError):
            return f"the package {cause.name} is missing; install it with: pip install 'memento-cbr[all-tools]'"
        return str(cause) if isinstance(cause, CallError | ToolError) else ""


def explain(error: ValidationError) -> str:
    """Arguments that do not fit, as one line each: the field, what is wrong, what was given."""
    lines = []
    for problem in error.errors(include_url=False):
        field = ".".join(str(part) for part in problem["loc"]) or "arguments"
        if problem["type"] == "missing":
            lines.append(f"{field}: is missing; give it")
        else:
            given = repr(problem["input"])
            lines.append(f"{field}: {problem['msg']}; given was {given[:80]}{'…' if len(given) > 80 else ''}")
    return "\n".join(lines)


def sendable(text: str) -> str:
    """A text with half characters spelled out, which JSON can hold and UTF-8 cannot carry."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
