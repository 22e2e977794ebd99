"""The tools a step is carried out with: which of them are offered, and whether a call fits what a tool takes."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from memento_memory.plan import Subtask
from memento_memory.text import shown
from memento_planner.condense import READ_RESULT
from memento_planner.graph import closest_tool
from memento_planner.models.chat import ToolSpec, ToolUse
from memento_planner.tools import ToolCaller

FIND_TOOLS = "find_tools"
FEW = 24  # tools up to this number are all offered
FOUND = 12
_HITS = 8
_LISTED = 12
_DESCRIPTION, _RAW = 300, 200  # characters shown

_FIND = ToolSpec(
    FIND_TOOLS,
    "Find more tools. The ones found can be called from then on.",
    {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "What is to be done, in a few words."}},
        "required": ["query"],
    },
    read_only=True,
)
_READ = ToolSpec(
    READ_RESULT,
    "Read a result that was shown condensed: one page of its full text.",
    {
        "type": "object",
        "properties": {
            "call": {"type": "integer", "description": "Number of the call, as given where the result was condensed."},
            "offset": {"type": "integer", "description": "Character to start at; 0 is the first."},
        },
        "required": ["call"],
    },
    read_only=True,
)
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": Mapping,
    "null": type(None),
}


class Toolbelt:
    """The tools at hand for one step.

    A tool that has the name of one of ours, find_tools or read_result, cannot be called.

    Attributes:
        named: the tool the step names; None where it names none, or none that is at hand.
    """

    def __init__(self, caller: ToolCaller) -> None:
        self.named: ToolSpec | None = None
        self._caller = caller
        self._all: dict[str, ToolSpec] = {}
        self._offered: dict[str, ToolSpec] = {}

    async def fill(self, subtask: Subtask) -> None:
        """Take the tool the step names first; beside it all others where they are few, else those that fit."""
        own = (FIND_TOOLS, READ_RESULT)
        self._all = {spec.name: spec for spec in await self._caller.tools() if spec.name not in own}
        name = subtask.tool
        if name and name not in self._all:
            name = closest_tool(name, tuple(self._all))
        self.named = self._all.get(name)
        self._offered = {name: self.named} if self.named else {}
        if len(self._all) <= FEW:
            self._offered |= self._all
        else:
            await self._add_found(subtask.description, FOUND)

    def offer(self, *, pages: bool) -> tuple[ToolSpec, ...]:
        """What the model may call now.

        Args:
            pages: whether something was condensed that can be read page by page.
        """
        more = [_FIND] if len(self._all) > FEW else []
        return (*self._offered.values(), *more, *([_READ] if pages else []))

    def spec(self, name: str) -> ToolSpec | None:
        """A tool by its name, offered or not; our own two included."""
        return {FIND_TOOLS: _FIND, READ_RESULT: _READ}.get(name) or self._all.get(name)

    async def find(self, query: str) -> str:
        """Offer more tools, and say which."""
        found = await self._add_found(query, _HITS)
        lines = [f"{spec.name}: {shown(spec.description, _DESCRIPTION)}" for spec in found]
        return "\n".join(lines) or "no tool fits; describe what is to be done in other words"

    async def _add_found(self, query: str, k: int) -> tuple[ToolSpec, ...]:
        hits = await self._caller.find(query, k)
        found = tuple(self._all[spec.name] for spec in hits if spec.name in self._all)
        self._offered |= {spec.name: spec for spec in found if spec.name not in self._offered}
        return found

    def problem(self, use: ToolUse) -> str:
        """Why a call cannot be made, for the model to set right; "" where it can."""
        spec = self.spec(use.name)
        if spec is None:
            close = get_close_matches(use.name, list(self._all), n=5, cutoff=0.5)
            listed = close or list(self._offered)[:_LISTED]
            said = f"there is no tool {shown(use.name, _RAW)!r}"
            return f"{said}; there is: {', '.join(listed)}" if listed else f"{said}, nor any other"
        if use.arguments is None and use.raw.strip():
            return f"the arguments are no JSON object: {shown(use.raw, _RAW)}"
        return wrong_arguments(use.arguments or {}, spec.input_schema)


def wrong_arguments(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What is wrong with arguments as far as required names and the types on the top level tell; "" for nothing."""
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required")
    names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    missing = [name for name in names if name not in arguments]
    problems = [f"missing: {', '.join(missing)}"] if missing else []
    for name, value in arguments.items():
        kinds = _kinds(properties.get(name))
        if kinds and not any(_is(value, kind) for kind in kinds):
            problems.append(f"{shown(str(name), _RAW)} has to be {' or '.join(kinds)}, not {shown(repr(value), 80)}")
    return "the arguments do not fit: " + "; ".join(problems) if problems else ""


def _kinds(schema: Any) -> list[str]:
    """The types a value may have; none where the schema leaves it open or says it in a way we do not read."""
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    kinds = [str(k) for k in (kind if isinstance(kind, list) else [kind])]
    return kinds if all(k == "integer" or k in _TYPES for k in kinds) else []


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return isinstance(value, _TYPES[kind])
