"""What can be wrong with a plan a model wrote, and how it is set right by rule: ids, tools, dependencies, length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from memento_memory.errors import InputError
from memento_memory.plan import Plan, Subtask, parse_plan
from memento_memory.text import normalised, shown

MAX_STEPS = 20
_LIKE = 0.85  # edit similarity from which a tool's name is taken for a misspelt one
_LIKE_WORD = 0.7  # of each of its words: `create_event` is no misspelt `delete_event`
_MAX_LISTED = 12
_SPLIT = re.compile(r"[^0-9a-z]+")


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that was set right by rule.

    Attributes:
        problem: what is wrong, for the model to set right itself; "" where it need not be asked.
        done: what was done about it.
    """

    problem: str
    done: str


@dataclass(frozen=True, slots=True)
class _Step:
    key: str
    text: Any
    needs: tuple[str, ...]
    tool: str


def mended(raw: Any, tools: Sequence[str], *, field: str = "plan") -> tuple[Plan, tuple[Repair, ...]]:
    """A plan from parsed JSON, with everything set right that can be set right by rule.

    Args:
        tools: names of the tools at hand; a step may use no other.

    Raises:
        InputError: if it is no plan at all: no steps, or a step without a text.
    """
    repairs: list[Repair] = []
    steps = _unique_ids(_steps(raw, field), repairs)
    steps = [_with_known_tool(step, tools, repairs) for step in steps]
    steps = _acyclic(_without_empty_needs(steps, repairs), repairs)
    plan = _without_repeats(parse_plan([_item(step) for step in steps], field=field), repairs)
    return _joined(plan, repairs), tuple(repairs)


def _item(step: _Step) -> dict[str, Any]:
    return {"id": step.key, "description": step.text, "depends_on": list(step.needs), "tool": step.tool}


def _steps(raw: Any, field: str) -> list[_Step]:
    items = raw
    while isinstance(items, Mapping):
        items = next((items[key] for key in ("plan", "steps", "subtasks") if key in items), None)
    if isinstance(raw, str) or not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        items = parse_plan([] if isinstance(raw, str) else raw, field=field).to_json()  # or it says what is wrong
    return [_step(item, position) for position, item in enumerate(items, start=1)]


def _step(item: Mapping[str, Any], position: int) -> _Step:
    text = next((item[k] for k in ("description", "step", "task", "text") if isinstance(item.get(k), str)), None)
    needs = item.get("depends_on") or []
    tool = item.get("tool")
    return _Step(
        key=str(item.get("id", position)),
        text=text,
        needs=tuple(dict.fromkeys(str(need) for need in (needs if isinstance(needs, list) else [needs]))),
        tool=tool.strip() if isinstance(tool, str) else "",
    )


def _unique_ids(steps: list[_Step], repairs: list[Repair]) -> list[_Step]:
    if len({step.key for step in steps}) == len(steps):
        return steps
    repairs.append(Repair("several steps have the same id; number them from 1", "steps with the same id numbered anew"))
    seen: set[str] = set()
    renamed = []
    for position, step in enumerate(steps, start=1):
        renamed.append(replace(step, key=f"{step.key} (step {position})") if step.key in seen else step)
        seen.add(step.key)
    return renamed


def _with_known_tool(step: _Step, tools: Sequence[str], repairs: list[Repair]) -> _Step:
    if not step.tool or step.tool in tools:
        return step
    name, tool = shown(step.tool, 80), closest_tool(step.tool, tools)
    listed = ", ".join(tools[:_MAX_LISTED]) + (", …" if len(tools) > _MAX_LISTED else "")
    use = f"use one of: {listed}; or leave it empty" if tools else "there are none, so leave it empty"
    said = f"step {shown(step.key, 40)} names the tool {name}, which is not at hand"
    repairs.append(Repair(f"{said}; {use}", f"{said}: {f'taken for {tool}' if tool else 'left out'}"))
    return replace(step, tool=tool)


def closest_tool(name: str, tools: Sequence[str]) -> str:
    """The one tool at hand that a name must stand for: the same name without its prefix, or misspelt; "" for none."""
    tail = _tail(name)
    same = [tool for tool in tools if _letters(tool) == _letters(name)]
    same = same or [tool for tool in tools if _letters(_tail(tool)) == _letters(tail)]
    if same:
        return same[0] if len(same) == 1 else ""
    likeness = {tool: _likeness(tail, _tail(tool)) for tool in tools}
    best = max(likeness.values(), default=0.0)
    like = [tool for tool, value in likeness.items() if value == best >= _LIKE]
    return like[0] if len(like) == 1 else ""


def _tail(name: str) -> str:
    return name.rpartition("__")[2] or name


def _letters(name: str) -> str:
    return _SPLIT.sub("", name.casefold())


def _likeness(one: str, other: str) -> float:
    """Edit similarity of two names, in [0, 1]; 0 where they differ in a whole word."""
    pairs = list(zip(_words(one), _words(other), strict=False))
    if len(_words(one)) != len(_words(other)) or not all(_misspelt(a, b) for a, b in pairs):
        return 0.0
    return SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False).ratio()


def _words(name: str) -> list[str]:
    return [word for word in _SPLIT.split(name.casefold()) if word]


def _misspelt(one: str, other: str) -> bool:
    """Whether one word may be the other misspelt: `get` and `set`, or `lock` and `unlock`, are words of their own."""
    return one[0] == other[0] and SequenceMatcher(None, one, other, autojunk=False).ratio() >= _LIKE_WORD


def _without_empty_needs(steps: list[_Step], repairs: list[Repair]) -> list[_Step]:
    """The steps without dependencies on themselves, of which nothing need be asked, and on steps that do not exist."""
    keys = {step.key for step in steps}
    known = []
    for step in steps:
        for need in (need for need in step.needs if need not in keys):
            said = f"step {shown(step.key, 40)} depends on step {shown(need, 40)}, which does not exist"
            repairs.append(Repair(said, f"{said}: dropped"))
        if step.key in step.needs:
            repairs.append(Repair("", f"step {shown(step.key, 40)} depends on itself: dropped"))
        known.append(replace(step, needs=tuple(need for need in step.needs if need in keys and need != step.key)))
    return known


def _acyclic(steps: list[_Step], repairs: list[Repair]) -> list[_Step]:
    """The steps without the dependencies that lead back, in the given order, inside a circle."""
    circle = _in_circles({step.key: set(step.needs) for step in steps})
    if not circle:
        return steps
    named = ", ".join(shown(step.key, 40) for step in steps if step.key in circle)
    problem = f"steps {named} depend on each other in a circle"
    position = {step.key: i for i, step in enumerate(steps)}
    free = []
    for step in steps:
        back = {n for n in step.needs if step.key in circle and n in circle and position[n] > position[step.key]}
        said = f"step {shown(step.key, 40)} depends in a circle on step"
        repairs.extend(Repair(problem, f"{said} {shown(need, 40)}: dropped") for need in step.needs if need in back)
        free.append(replace(step, needs=tuple(need for need in step.needs if need not in back)))
    return free


def _in_circles(needs: dict[str, set[str]]) -> set[str]:
    """The steps that lie in a circle of dependencies, or between two."""
    left = set(needs)
    while True:
        needed = {need for key in left for need in needs[key] & left}
        inner = {key for key in left if needs[key] & left and key in needed}
        if inner == left:
            return left
        left = inner


def _without_repeats(plan: Plan, repairs: list[Repair]) -> Plan:
    """The plan without steps that say again what an earlier one says, with nothing done in between."""
    stands_for: dict[int, int] = {}
    kept: list[Subtask] = []
    for step in plan.subtasks:
        needs = {stands_for[need] for need in step.depends_on}
        twin = next((k for k in kept if _same(k, step) and needs <= {k.id, *k.depends_on}), None)
        if twin is None:
            kept.append(replace(step, depends_on=tuple(sorted(needs))))
        else:
            repairs.append(Repair("", f"a step that repeats another was dropped: {shown(step.description, 60)}"))
        stands_for[step.id] = twin.id if twin else step.id
    return _numbered(kept)


def _same(one: Subtask, other: Subtask) -> bool:
    return one.tool == other.tool and normalised(one.description) == normalised(other.description)


def _numbered(steps: Iterable[Subtask]) -> Plan:
    kept = tuple(steps)
    number = {step.id: i for i, step in enumerate(kept, start=1)}
    return Plan(tuple(replace(s, id=number[s.id], depends_on=tuple(number[n] for n in s.depends_on)) for s in kept))


def _joined(plan: Plan, repairs: list[Repair]) -> Plan:
    """The plan with its last steps joined to one where there are too many."""
    count = len(plan.subtasks)
    if count <= MAX_STEPS:
        return plan
    head, tail = plan.subtasks[: MAX_STEPS - 1], plan.subtasks[MAX_STEPS - 1 :]
    tools = {step.tool for step in tail}
    needs = {need for step in tail for need in step.depends_on if need < MAX_STEPS}
    last = Subtask(
        MAX_STEPS,
        "; then ".join(step.description for step in tail),
        tuple(sorted(needs)),
        tools.pop() if len(tools) == 1 else "",
    )
    problem = f"the plan has {count} steps, more than {MAX_STEPS}; join small steps"
    repairs.append(Repair(problem, f"the plan had {count} steps: the last {len(tail)} were joined to one"))
    return Plan((*head, last))


def refusal(repairs: Iterable[Repair]) -> InputError | None:
    """What the model is to be told about what it should set right itself; None where there is nothing."""
    problems = dict.fromkeys(repair.problem for repair in repairs if repair.problem)
    return InputError("plan", "; ".join(problems)) if problems else None
