"""The plan as executed, drawn from an episode's trace, and what of a failure the trace excuses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from memento_memory.case import Outcome, Result
from memento_memory.plan import MAX_PLAN_BYTES, MAX_STEPS, Plan, Subtask
from memento_memory.text import cut, shown
from memento_memory.trace import ToolCall

_MAX_DESCRIPTION = 400
_MAX_VALUE = 120
_MAX_ARGUMENTS = 5
_MAX_TOOL = 100  # characters; a step's tool may have 200 bytes
_TOOL_BYTES = 200
_PARTS = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SPACE = re.compile(r"\s+")


def drawn_plan(calls: Sequence[ToolCall], draft: Plan | None, outcome: Outcome) -> Plan | None:
    """One step for each call that succeeded, in order, each needing the one before; None when none did.

    A failed call is a step only of a plan that failed, and only when its tool never succeeded later. Steps that read
    the same as the one before are joined with it, and steps beyond a plan's limits are left out.

    Args:
        calls: the trace, in the order in which the calls began.
        draft: names the steps the calls were made for, where they say so.
    """
    names = {step.id: step.description for step in draft.subtasks} if draft else {}
    steps: list[Subtask] = []
    size = 0
    for call in _telling(calls, outcome):
        described = names.get(call.subtask) if call.subtask is not None else None
        text, tool = described or description(call), tool_name(call.name)
        if steps and (steps[-1].description, steps[-1].tool) == (text, tool):
            continue
        size += len(text.encode())
        if len(steps) == MAX_STEPS or size > MAX_PLAN_BYTES:
            break
        number = len(steps) + 1
        steps.append(Subtask(number, text, (number - 1,) if steps else (), tool))
    return Plan(tuple(steps)) if steps else None


def description(call: ToolCall) -> str:
    """A call as a sentence, such as: Write file with path 'notes.txt' and content 'Buy milk'."""
    words = _words(call.tool) or _words(call.server) or "call a tool"
    sentence = words[0].upper() + words[1:]
    arguments = _arguments(call.arguments)
    if arguments:
        *others, last = arguments
        sentence += " with " + (f"{', '.join(others)} and {last}" if others else last)
    return cut(sentence, _MAX_DESCRIPTION)


def tool_name(name: str) -> str:
    """The name of a relayed tool as drawn plans have it."""
    text = _SPACE.sub(" ", shown(name, _MAX_TOOL)).strip()
    return text.encode()[:_TOOL_BYTES].decode(errors="ignore").strip()


def excused(result: Result, calls: Sequence[ToolCall]) -> tuple[Result, str]:
    """A failure as unknown where infrastructure failed and the same call was never made good; else as it is.

    Returns:
        The outcome to keep, and one sentence for the caller that says why it is another one, or "".
    """
    if result.outcome is not Outcome.FAILURE:
        return result, ""
    made_good = _last_successes(calls)
    down = [c.server for i, c in enumerate(calls) if c.infrastructure and made_good.get((c.server, c.tool), -1) < i]
    if not down:
        return result, ""
    servers = ", ".join(shown(server, 60) for server in dict.fromkeys(down))
    why = (
        f"kept as unknown, not as a failure: calls to the tool server {servers} failed because of infrastructure, "
        f"which says nothing about the plan"
    )
    return replace(result, outcome=Outcome.UNKNOWN, reward=None), why


def _telling(calls: Sequence[ToolCall], outcome: Outcome) -> list[ToolCall]:
    made_good = _last_successes(calls)

    def is_telling(position: int, call: ToolCall) -> bool:
        if not call.failed:
            return True
        return outcome is Outcome.FAILURE and made_good.get((call.server, call.tool), -1) < position

    return [call for position, call in enumerate(calls) if is_telling(position, call)]


def _last_successes(calls: Sequence[ToolCall]) -> dict[tuple[str, str], int]:
    """Position of the last call of each tool that succeeded."""
    return {(call.server, call.tool): position for position, call in enumerate(calls) if not call.failed}


def _words(name: str) -> str:
    parts = [part.lower() for whole in _PARTS.findall(shown(name, _MAX_TOOL)) for part in _HUMP.split(whole)]
    return " ".join(parts)


def _arguments(text: str) -> list[str]:
    """The main arguments in words: plain values before nested ones, what is empty left out."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return [_value(text)] if text.strip() else []  # cut to its bound, so no JSON any more
    if not isinstance(given, Mapping):
        return [] if _is_empty(given) else [_value(given)]
    told = [(name, value) for name, value in given.items() if not _is_empty(value)]
    told.sort(key=lambda item: isinstance(item[1], list | dict))
    parts = [f"{_words(name) or 'value'} {_value(value)}" for name, value in told[:_MAX_ARGUMENTS]]
    if left := len(told) - len(parts):
        parts.append(f"{left} more")
    return parts


def _is_empty(value: Any) -> bool:
    return value is None or value == [] or value == {} or (isinstance(value, str) and not value.strip())


def _value(value: Any) -> str:
    if isinstance(value, str):
        text = _SPACE.sub(" ", shown(value, _MAX_VALUE)).strip()
        return f'"{text}"' if "'" in text else f"'{text}'"
    return _SPACE.sub(" ", shown(json.dumps(value, ensure_ascii=False), _MAX_VALUE))
