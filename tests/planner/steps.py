"""Carries out one step with a scripted model and real tools."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import anyio

from memento_memory.case import Task
from memento_memory.plan import Subtask
from memento_planner.condense import Results
from memento_planner.events import Event
from memento_planner.executor import carry_out
from memento_planner.limits import Limits
from memento_planner.models.chat import ChatModel, Message, Reply, Request, Role, Stop, Supports, ToolUse, Usage
from memento_planner.progress import SubtaskMemory, SubtaskResult
from memento_planner.tools import ToolCaller
from planner.file_tools import FunctionTools

TASK = Task("Sum up the weekly report", "project: harbour")
ALONE = Supports(tools=False, schema=True, context=4_096, small=True)


@dataclass
class Stage:
    """Everything a step is carried out with."""

    tools: ToolCaller
    limits: Limits = field(default_factory=Limits)
    memory: SubtaskMemory = field(default_factory=SubtaskMemory)
    results: Results = field(default_factory=Results)
    events: list[Event] = field(default_factory=list)

    async def carry_out(self, model: ChatModel, step: Subtask | str = "Read the report") -> SubtaskResult:
        subtask = Subtask(1, step) if isinstance(step, str) else step
        return await carry_out(
            model,
            self.tools,
            subtask,
            self.memory,
            task=TASK,
            plan_id="plan-1",
            limits=self.limits,
            watch=self.events.append,
            results=self.results,
        )

    def run(self, model: ChatModel, step: Subtask | str = "Read the report") -> SubtaskResult:
        return anyio.run(self.carry_out, model, step)

    def seen(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def told(request: Request) -> list[Message]:
    """The tool messages of a request."""
    return [message for message in request.messages if message.role is Role.TOOL]


def called(stage: Stage) -> list[str]:
    """The names of the tools that were called."""
    assert isinstance(stage.tools, FunctionTools)
    return [name for name, *_ in stage.tools.called]


def offered(request: Request) -> list[str]:
    return [spec.name for spec in request.tools]


def unreadable(name: str, raw: str, *, stop: Stop = Stop.TOOL_USE) -> Reply:
    """A reply that asks for a call with arguments that are no JSON object."""
    return Reply("", (ToolUse("use-1", name, None, raw),), stop, Usage(100, 20))


def dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
