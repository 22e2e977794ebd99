"""A plan: an ordered set of subtasks, and how one is read from what people and models write."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from memento_memory.errors import InputError
from memento_memory.text import KB, check, normalised, shown

MAX_STEPS = 100
MAX_PLAN_BYTES = 100 * KB
_MAX_STEP_BYTES = 10 * KB
_MAX_TOOL_BYTES = 200
_SHOWN_ID = 40
_NUMBERED = re.compile(r"^\s*(?:(?:step\s*)?\d{1,3}\s*[.):]|[-*•])\s+", re.IGNORECASE)
_JSON = re.compile(r'\{\s*["}]|\[\s*[{"\]]')
_HOW = 'give numbered lines, or JSON like {"plan": [{"id": 1, "description": "…", "depends_on": [], "tool": ""}]}'


@dataclass(frozen=True, slots=True)
class Subtask:
    """One step of a plan.

    Attributes:
        id: position in the plan, from 1.
        description: what is done in this step.
        depends_on: ids of the steps whose results this one needs.
        tool: the tool it was done with, or "".
    """

    id: int
    description: str
    depends_on: tuple[int, ...] = ()
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Subtasks in an order in which they can be carried out."""

    subtasks: tuple[Subtask, ...]

    @property
    def skeleton(self) -> str:
        """A digest that is equal for plans that differ only in case, white space and end marks."""
        return _skeleton(self.subtasks)

    def text(self) -> str:
        """The plan as numbered lines."""
        return "\n".join(f"{s.id}. {s.description}" for s in self.subtasks)

    def to_json(self) -> list[dict[str, Any]]:
        """The plan in its wire form."""
        return [
            {"id": s.id, "description": s.description, "depends_on": list(s.depends_on), "tool": s.tool}
            for s in self.subtasks
        ]


@lru_cache(4096)
def _skeleton(subtasks: tuple[Subtask, ...]) -> str:
    steps = [[normalised(s.description), sorted(s.depends_on), normalised(s.tool)] for s in subtasks]
    return hashlib.sha256(json.dumps(steps).encode()).hexdigest()[:32]


def parse_plan(source: str | list[Any] | Mapping[str, Any], *, field: str = "plan") -> Plan:
    """Read a plan from JSON of the plan's shape, a list of steps, or plain (numbered) lines.

    Step ids of any kind are renumbered from 1 in an order that respects the dependencies; lines without stated
    dependencies depend on the line before.

    Raises:
        InputError: if there is no step, a step is empty, more than 100 steps are given, a dependency is unknown or
            the dependencies form a cycle.
    """
    if isinstance(source, str):
        text = check(field, source, limit=MAX_PLAN_BYTES, required=True)
        raw: Any = _decode(field, text) if _JSON.match(text) else None
        if raw is None:
            return from_lines(_split_lines(text), field=field)
    else:
        raw = source
    return _from_items(_items(field, raw), field)


def from_lines(lines: list[str], *, field: str = "plan") -> Plan:
    """Make a plan of steps that are carried out one after the other."""
    return _from_items(
        [{"id": i, "description": x, "depends_on": [i - 1] if i > 1 else []} for i, x in _counted(lines)],
        field,
    )


def _counted(lines: list[str]) -> enumerate[str]:
    return enumerate(lines, start=1)


def _decode(field: str, text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise InputError(field, f"is nested too deeply; {_HOW}") from None
    except ValueError as error:
        if text.startswith("[") and not text[1:].lstrip().startswith("{"):
            return None  # `[ "$x" = y ] && …` is a step, not broken JSON
        raise InputError(field, f"looks like JSON but is not ({error}); {_HOW}") from None


def _split_lines(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    if not any(_NUMBERED.match(line) for line in lines):
        return [line.strip() for line in lines]
    steps: list[str] = []
    for line in lines:
        if _NUMBERED.match(line) or not steps:
            steps.append(_NUMBERED.sub("", line, count=1).strip())
        else:
            steps[-1] += " " + line.strip()
    return steps


def _items(field: str, raw: Any) -> list[Any]:
    while isinstance(raw, Mapping):
        key = next((key for key in ("plan", "steps", "subtasks") if key in raw), None)
        if key is None:
            raise InputError(field, f"has no key 'plan'; {_HOW}")
        raw = raw[key]
    if not isinstance(raw, list):
        raise InputError(field, f"is {shown(repr(raw), _SHOWN_ID)}, not a list of steps; {_HOW}")
    if raw and all(isinstance(item, str) for item in raw):
        return [{"id": i, "description": x, "depends_on": [i - 1] if i > 1 else []} for i, x in _counted(raw)]
    return raw


def _from_items(items: list[Any], field: str) -> Plan:
    if not items:
        raise InputError(field, f"has no steps; {_HOW}")
    if len(items) > MAX_STEPS:
        raise InputError(field, f"has {len(items)} steps, at most {MAX_STEPS} are allowed; join small steps")
    drafts = [_draft(field, item, position) for position, item in enumerate(items, start=1)]
    if (size := sum(len(text.encode()) for _, text, _, _ in drafts)) > MAX_PLAN_BYTES:
        raise InputError(field, f"is {size:,} bytes long, at most {MAX_PLAN_BYTES:,} are allowed; shorten the steps")
    ids = [draft[0] for draft in drafts]
    if len(set(ids)) != len(ids):
        raise InputError(field, "gives two steps the same id; number them from 1")
    order = _dependency_order(field, {key: needs for key, _, needs, _ in drafts})
    number = {key: i for i, key in enumerate(order, start=1)}
    by_key = {draft[0]: draft for draft in drafts}
    return Plan(
        tuple(
            Subtask(number[key], text, tuple(sorted({number[need] for need in needs})), tool)
            for key, text, needs, tool in (by_key[key] for key in order)
        )
    )


def _draft(field: str, item: Any, position: int) -> tuple[str, str, tuple[str, ...], str]:
    name = f"{field}[{position}]"
    if isinstance(item, str):
        item = {"description": item}
    if not isinstance(item, Mapping):
        raise InputError(name, f"is not a step; {_HOW}")
    described = next((item[k] for k in ("description", "step", "task", "text") if isinstance(item.get(k), str)), None)
    if described is None:
        raise InputError(name, "has no text under 'description'; say what is done in this step")
    text = check(f"{name}.description", described, limit=_MAX_STEP_BYTES, required=True)
    needs = item.get("depends_on") or []
    if not isinstance(needs, list):
        needs = [needs]
    tool = item.get("tool") or ""
    if not isinstance(tool, str):
        raise InputError(f"{name}.tool", "is not text; name one tool, or leave it out")
    key, *wanted = (_id(name, given) for given in (item.get("id", position), *needs))
    return key, text, tuple(wanted), check(f"{name}.tool", tool, limit=_MAX_TOOL_BYTES)


def _id(name: str, given: Any) -> str:
    if not isinstance(given, str | int | float):
        raise InputError(name, "has an id, or depends on one, that is neither a number nor a text; number steps from 1")
    return str(given)


def _dependency_order(field: str, needs: dict[str, tuple[str, ...]]) -> list[str]:
    """Topological order (Kahn), keeping the given order wherever the dependencies allow it."""
    for key, wanted in needs.items():
        for other in wanted:
            if other not in needs:
                raise InputError(
                    field,
                    f"step {shown(key, _SHOWN_ID)} depends on step {shown(other, _SHOWN_ID)}, which does not exist; "
                    f"give the id of a step",
                )
    order: list[str] = []
    left = dict(needs)
    while left:
        ready = next((key for key, wanted in left.items() if not any(other in left for other in wanted)), None)
        if ready is None:
            circle = ", ".join(shown(key, _SHOWN_ID) for key in left)
            raise InputError(field, f"steps {circle} depend on each other in a circle; remove one dependency")
        order.append(ready)
        del left[ready]
    return order
