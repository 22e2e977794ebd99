"""Makes the calls a model wants during a step: checked before, bounded in time, and not the same one over and over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from memento_memory.plan import Subtask
from memento_memory.text import shown
from memento_planner.condense import READ_RESULT, Results
from memento_planner.events import ToolCalled, ToolReturned, Watch
from memento_planner.limits import Limits
from memento_planner.models.chat import ToolUse
from memento_planner.progress import CallMade
from memento_planner.prompts import fence
from memento_planner.schedule import unwrapped
from memento_planner.toolbelt import FIND_TOOLS, Toolbelt
from memento_planner.tools import CallResult, ToolCaller

MOST_REPEATS = 4  # times the same call may be asked for with nothing changed in between; the last one ends the step
_WATCHED, _KNOWN = 500, 300  # characters of arguments and results
_NOT_AGAIN = "This very call was made before and nothing was changed since, so it was not made again. It returned:\n"
_UNSURE = "whether it took effect is not known"

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What the model is told a call came to.

    Attributes:
        text: what a tool returned is fenced.
        usable: False where the call could not be made as it was written.
        infrastructure: whether making it again may help.
        repeated: whether it is what the same call returned before.
    """

    text: str
    is_error: bool = False
    usable: bool = True
    infrastructure: bool = False
    repeated: bool = False


@dataclass(slots=True)
class _Asked:
    times: int
    told: Told
    changes: int  # how many calls that may change something had been made when it returned


class Calling:
    """The calls of one step.

    Attributes:
        made: those that reached a tool, in the order in which they ended.
        stuck: whether the same call was asked for too often.
    """

    def __init__(
        self,
        tools: ToolCaller,
        belt: Toolbelt,
        subtask: Subtask,
        *,
        plan_id: str,
        limits: Limits,
        watch: Watch,
        results: Results,
    ) -> None:
        self.made: list[CallMade] = []
        self.stuck = False
        self._tools = tools
        self._belt = belt
        self._subtask = subtask
        self._plan_id = plan_id
        self._limits = limits
        self._chars = limits.result_chars
        self._watch = watch
        self._results = results
        self._asked: dict[Key, _Asked] = {}
        self._changes = 0

    async def make(self, uses: tuple[ToolUse, ...]) -> list[Told]:
        """Make calls, side by side where all only read and no two are the same, else one after the other."""
        told: dict[int, Told] = {}

        async def one(index: int, use: ToolUse) -> None:
            told[index] = await self._one(use)

        if len({_key(use) for use in uses}) == len(uses) and all(map(self._only_reads, uses)):
            with unwrapped():
                async with anyio.create_task_group() as group:
                    for index, use in enumerate(uses):
                        group.start_soon(one, index, use)
        else:
            for index, use in enumerate(uses):
                await one(index, use)
        return [told[index] for index in range(len(uses))]

    def called(self, tool: str) -> bool:
        """Whether this tool was called, with or without success."""
        return any(call.tool == tool for call in self.made)

    def known(self) -> str:
        """What the calls that succeeded returned, briefly."""
        return "\n".join(f"{call.tool}: {shown(call.text, _KNOWN)}" for call in self.made if not call.is_error)

    def _only_reads(self, use: ToolUse) -> bool:
        spec = self._belt.spec(use.name)
        return spec is None or spec.read_only

    async def _one(self, use: ToolUse) -> Told:
        if problem := self._belt.problem(use):
            return Told(problem, is_error=True, usable=False)
        key, before = _key(use), self._asked.get(_key(use))
        times = before.times + 1 if before is not None and before.changes == self._changes else 1
        if times >= MOST_REPEATS:
            self.stuck = True
        if before is not None and times > 1 and (self.stuck or not before.told.infrastructure):
            before.times = times
            return Told(_NOT_AGAIN + before.told.text, before.told.is_error, repeated=True)
        told = await self._returned(use)
        if not self._only_reads(use):
            self._changes += 1
        self._asked[key] = _Asked(times, told, self._changes)
        return told

    async def _returned(self, use: ToolUse) -> Told:
        given = dict(use.arguments or {})
        if use.name == FIND_TOOLS:
            return Told(_fenced(await self._belt.find(str(given["query"]))))
        if use.name == READ_RESULT:
            page = self._results.page(int(given["call"]), int(given.get("offset", 0)), self._chars)
            return Told(_fenced(page.text), page.is_error)
        made = await self._call(use.name, given)
        return Told(_fenced(made.text), made.is_error, infrastructure=made.infrastructure)

    async def _call(self, tool: str, arguments: Mapping[str, Any]) -> CallMade:
        call = self._results.new_call()
        self._watch(ToolCalled(self._subtask.id, call, tool, shown(_json(arguments), _WATCHED)))
        result = _down(f"{tool} did not answer within {self._limits.call_seconds:g} s; {_UNSURE}")
        try:
            with anyio.move_on_after(self._limits.call_seconds):
                result = await self._tools.call(tool, arguments, plan_id=self._plan_id, subtask=self._subtask.id)
        except anyio.get_cancelled_exc_class():
            self._record(call, tool, arguments, _down(f"the call was cut off; {_UNSURE}"))
            raise
        return self._record(call, tool, arguments, result)

    def _record(self, call: int, tool: str, arguments: Mapping[str, Any], result: CallResult) -> CallMade:
        spec = self._belt.spec(tool)
        self._results.keep(call, result.text)
        text = self._results.condensed(call, self._chars, query=self._subtask.description)
        reads = spec is not None and spec.read_only
        acts = spec is not None and spec.acts
        made = CallMade(call, tool, dict(arguments), result.is_error, result.infrastructure, reads, text, acts)
        self.made.append(made)
        self._watch(ToolReturned(self._subtask.id, call, tool, result.is_error, shown(text, _WATCHED)))
        return made


def _down(text: str) -> CallResult:
    return CallResult(text, is_error=True, infrastructure=True)


def _fenced(text: str) -> str:
    return fence("result", text, limit=len(text))


def _key(use: ToolUse) -> Key:
    return use.name, use.raw if use.arguments is None else _json(use.arguments)


def _json(arguments: Mapping[str, Any]) -> str:
    return json.dumps(dict(arguments), sort_keys=True, ensure_ascii=False, default=str)
