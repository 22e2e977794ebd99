"""A real tool caller: plain functions that read and write real files in one folder."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memento_planner.models.chat import ToolSpec
from memento_planner.tools import CallResult

_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
Function = Callable[..., "str | Awaitable[str]"]


@dataclass(frozen=True)
class _Tool:
    spec: ToolSpec
    run: Function


class FunctionTools:
    """Offers functions as tools; what one raises is an error result, and an OSError a failure of infrastructure.

    Attributes:
        called: (tool, arguments, plan_id, subtask) of every call, in order.
        queries: what was searched for.
    """

    def __init__(self) -> None:
        self.called: list[tuple[str, dict[str, Any], str, int]] = []
        self.queries: list[str] = []
        self._tools: dict[str, _Tool] = {}

    def add(self, run: Function, *, name: str = "", read_only: bool = False) -> None:
        parameters = inspect.signature(run).parameters.values()
        schema = {
            "type": "object",
            "properties": {p.name: {"type": _TYPES[str(p.annotation)]} for p in parameters},
            "required": [p.name for p in parameters if p.default is inspect.Parameter.empty],
        }
        spec = ToolSpec(name or run.__name__, inspect.getdoc(run) or "", schema, read_only)
        self._tools[spec.name] = _Tool(spec, run)

    async def tools(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self._tools.values())

    async def find(self, query: str, k: int) -> tuple[ToolSpec, ...]:
        """Those that share most words with what is asked for."""
        self.queries.append(query)
        words = set(query.lower().split())
        specs = [tool.spec for tool in self._tools.values()]
        shared = {
            s.name: len(words & set(f"{s.name.replace('_', ' ')} {s.description}".lower().split())) for s in specs
        }
        return tuple(sorted((s for s in specs if shared[s.name]), key=lambda s: -shared[s.name])[:k])

    async def call(self, name: str, arguments: Mapping[str, Any], *, plan_id: str, subtask: int) -> CallResult:
        self.called.append((name, dict(arguments), plan_id, subtask))
        try:
            said = self._tools[name].run(**arguments)
            return CallResult(await said if inspect.isawaitable(said) else str(said))
        except ConnectionError as error:
            return CallResult(str(error), is_error=True, infrastructure=True)
        except Exception as error:
            return CallResult(f"{type(error).__name__}: {error}", is_error=True)


def file_tools(folder: Path) -> FunctionTools:
    """Reads, lists, writes and appends to files of a folder."""

    def read_file(path: str) -> str:
        """Read a text file."""
        return (folder / path).read_text(encoding="utf-8")

    def list_files() -> str:
        """List the files there are."""
        return "\n".join(sorted(path.name for path in folder.iterdir()))

    def write_file(path: str, text: str) -> str:
        """Write a text file, replacing what was in it."""
        (folder / path).write_text(text, encoding="utf-8")
        return f"wrote {len(text)} characters to {path}"

    def append_line(path: str, line: str) -> str:
        """Append a line to a text file."""
        with (folder / path).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        return "appended"

    tools = FunctionTools()
    tools.add(read_file, read_only=True)
    tools.add(list_files, read_only=True)
    tools.add(write_file)
    tools.add(append_line)
    return tools
