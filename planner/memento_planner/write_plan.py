"""A model writes the plan: shown what worked, what failed and why, and the tools at hand; checked, then set right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memento_memory.case import Case, Outcome, Slate, Task
from memento_memory.plan import Plan
from memento_memory.text import cut, shown
from memento_planner import graph
from memento_planner.adapt import Draft
from memento_planner.models.chat import ChatModel, Message, OnText, Request, Role, ToolSpec
from memento_planner.models.errors import UnusableReplyError
from memento_planner.models.structured import complete_json
from memento_planner.prompts import fence, load

MAX_TOOLS_SHOWN = 40
MAX_TOOLS_LISTED = 60  # beyond that the schema no longer lists their names
CHARS_PER_TOKEN = 3  # plans as JSON are dense: 3.2 were measured
_MAX_PROMPT = 24_000  # characters, however much a model can read
_MAX_REPLY, _MIN_REPLY = 8_192, 512  # tokens; some models think on the same account
_STEP_CHARS = (600, 240, 100)
_MAX_TASK_SHOWN, _MAX_REASON, _MAX_DRAFT = 600, 400, 6_000
_MAX_TOOL_TEXT, _MAX_LESSON, _MAX_NOTE, _MAX_SO_FAR = 100, 300, 1_500, 3_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan is wanted for, and everything known that may help.

    Attributes:
        draft: the best success adapted by rule.
        tools: those at hand, the most relevant first.
        lessons: one sentence each.
        notes: (heading, text) of passages about the domain, the most relevant first.
        so_far: what has been done and what failed in this run.
        failed: the plans that failed in this run.
    """

    task: Task
    slate: Slate
    draft: Draft | None
    tools: tuple[ToolSpec, ...]
    lessons: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    so_far: str = ""
    failed: tuple[Plan, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A plan by a model.

    Attributes:
        repairs: what was wrong with the model's replies and what was set right by rule, in words.
    """

    plan: Plan
    repairs: tuple[str, ...] = ()


async def write_plan(model: ChatModel, asked: Asked, *, attempts: int = 3, on_text: OnText | None = None) -> Written:
    """Have a model write a plan for a task.

    Unknown tools, wrong dependencies, too many steps and a plan that failed before are sent back once, then set right
    by rule where there is one.

    Raises:
        UnusableReplyError: if no reply was a plan.
        ModelError: what the model raised.
    """
    checker = _Checker(asked)
    try:
        plan, problems = await complete_json(
            model, request_for(asked, model), check=checker.check, attempts=attempts, on_text=on_text
        )
    except UnusableReplyError:
        if checker.held is None:
            raise
        return checker.held
    return Written(plan.plan, (*(f"sent back: {problem}" for problem in problems), *plan.repairs))


class _Checker:
    """Makes plans of replies; the first that has something to set right is sent back, and kept in case none follows."""

    def __init__(self, asked: Asked) -> None:
        self.held: Written | None = None
        self._tools = [tool.name for tool in asked.tools]
        self._failed = {plan.skeleton for plan in asked.failed} | asked.slate.failed_here

    def check(self, raw: Any) -> Written:
        plan, repairs = graph.mended(raw, self._tools)
        if plan.skeleton in self._failed:
            said = "this very plan has failed before"
            repairs = (*repairs, graph.Repair(f"{said}; write another one", f"{said}, and the model keeps to it"))
        written = Written(plan, tuple(repair.done for repair in repairs))
        refused = graph.refusal(repairs)
        if refused is not None and self.held is None:
            self.held = written
            raise refused
        return written


def request_for(asked: Asked, model: ChatModel) -> Request:
    """The prompt, with what helps least left out where the model cannot read it all."""
    supports = model.supports
    reply = min(max(supports.context // 6, _MIN_REPLY), _MAX_REPLY)
    system = load("write_plan", steps=str(graph.MAX_STEPS))
    schema = plan_schema(asked.tools)
    taken = len(system) + (0 if supports.schema else len(json.dumps(schema)))
    room = min((supports.context - reply) * CHARS_PER_TOKEN - taken, _MAX_PROMPT)
    message = Message(Role.USER, _fitted(_pieces(asked, room), room))
    return Request(system, (message,), schema=schema, max_tokens=reply)


def plan_schema(tools: tuple[ToolSpec, ...]) -> Mapping[str, Any]:
    """JSON schema of a plan; a step's tool is one of those at hand, where they are few enough to list."""
    tool: dict[str, Any] = {"type": "string"}
    if len(tools) <= MAX_TOOLS_LISTED:
        tool["enum"] = [*(spec.name for spec in tools), ""]
    step = {
        "id": {"type": "integer"},
        "description": {"type": "string"},
        "depends_on": {"type": "array", "items": {"type": "integer"}},
        "tool": tool,
    }
    steps = {"type": "array", "items": _closed(step)}
    return _closed({"plan": steps})


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the prompt; those of the highest rank give way first, and rank 0 never."""

    rank: int
    text: str


def _fitted(pieces: list[_Piece], room: int) -> str:
    kept = [piece for piece in pieces if piece.text]
    while sum(len(piece.text) + 2 for piece in kept) > room and any(piece.rank for piece in kept):
        kept.remove(max(kept, key=lambda piece: piece.rank))
    return "\n\n".join(piece.text for piece in kept)


def _pieces(asked: Asked, room: int) -> list[_Piece]:
    """The prompt in the order it is read: what stays the same from plan to plan first, the task last."""
    failures, successes = _cases(asked.slate)
    limit = max(room // 4, 400)
    notes = [fence("note", f"{heading}\n{text}", limit=_MAX_NOTE) for heading, text in asked.notes]
    return [
        _Piece(3, _tools(asked.tools)),
        *(_Piece(50 + i, note) for i, note in enumerate(notes)),
        _Piece(10, _lessons(asked.lessons)),
        *(_Piece(20 + i, _failure(case, limit)) for i, case in reversed(list(enumerate(failures)))),
        *(_Piece(2 if i == 0 else 30 + i, _success(case, limit)) for i, case in reversed(list(enumerate(successes)))),
        _Piece(1, _draft(asked.draft, asked.task)),
        _Piece(4, _so_far(asked)),
        _Piece(0, _task(asked.task)),
    ]


def _cases(slate: Slate) -> tuple[list[Case], list[Case]]:
    cases = [entry.case for entry in slate.shown]
    failed = [case for case in cases if case.result.outcome is Outcome.FAILURE]
    return failed, [case for case in cases if case not in failed]


def _tools(tools: tuple[ToolSpec, ...]) -> str:
    if not tools:
        return 'No tools are at hand: tool is always "".'
    lines = [f"{tool.name}: {_one_line(tool.description)}" for tool in tools[:MAX_TOOLS_SHOWN]]
    if left := len(tools) - len(lines):
        lines.append(f"… and {left} more, less likely to fit")
    return f"Tools at hand:\n{fence('tools', chr(10).join(lines))}"


def _one_line(text: str) -> str:
    return cut(" ".join(text.split()), _MAX_TOOL_TEXT)


def _lessons(lessons: tuple[str, ...]) -> str:
    if not lessons:
        return ""
    return f"Lessons:\n{fence('lessons', chr(10).join(f'- {shown(lesson, _MAX_LESSON)}' for lesson in lessons))}"


def _failure(case: Case, limit: int) -> str:
    reason = shown(case.result.notes, _MAX_REASON) or "the reason was not written down"
    said = f"{_past(case, limit)}\nFailed, because: {reason}"
    return f"A plan that failed:\n{fence('failed', said)}"


def _success(case: Case, limit: int) -> str:
    known = case.result.outcome is Outcome.SUCCESS
    head = "A plan that worked:" if known else "A plan of which is not known how it ended:"
    return f"{head}\n{fence('worked' if known else 'unknown', _past(case, limit))}"


def _past(case: Case, limit: int) -> str:
    return f"{_task(case.task, _MAX_TASK_SHOWN)}\nPlan: {_plan(case.plan, limit)}"


def _plan(plan: Plan, limit: int) -> str:
    """A plan as the JSON that is asked for, its steps shortened until it is no longer than the limit.

    It is laid out over lines, as models held to a schema lay theirs out: small ones copy well only what looks the same.
    """
    for chars in _STEP_CHARS:
        steps = [{**step, "description": shown(step["description"], chars)} for step in plan.to_json()]
        text = json.dumps({"plan": steps}, ensure_ascii=False, indent=2)
        if len(text) <= limit:
            break
    return cut(text, limit)


def _draft(draft: Draft | None, task: Task) -> str:
    if draft is None or draft.plan is None:
        return ""
    missing = f"\nIt does not cover: {', '.join(draft.unplaced)}" if draft.unplaced else ""
    said = f"{_task(task, _MAX_TASK_SHOWN)}\nPlan: {_plan(draft.plan, _MAX_DRAFT)}{missing}"
    return f"The plan that worked, adapted to the new task by rule; check it:\n{fence('draft', said)}"


def _so_far(asked: Asked) -> str:
    plans = [f"Plan that failed: {_plan(plan, 1_000)}" for plan in asked.failed[-2:]]
    lines = [*plans, shown(asked.so_far, _MAX_SO_FAR)]
    if not any(lines):
        return ""
    return f"What has been tried so far; plan only what is left to do:\n{fence('tried', chr(10).join(lines))}"


def _task(task: Task, limit: int | None = None) -> str:
    text, context = (shown(said, limit) if limit else said for said in (task.text, task.context))
    return f"Task: {text}" + (f"\nEnvironment: {context}" if context.strip() else "")
