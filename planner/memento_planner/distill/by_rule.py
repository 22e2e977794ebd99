"""A lesson in words, by rule: what the tasks share, the steps that worked, and what those that failed lacked."""

from __future__ import annotations

from memento_memory.lessons import MAX_CHARS
from memento_memory.text import cut, shown
from memento_planner.distill.grouping import Group
from memento_planner.distill.pattern import Step

_FEWEST_SHARED, _SHARED = 2, 0.6  # telling words the tasks share; else one of them stands for all
_TASK, _PLACE, _WORD = 90, 40, 40
_LONGEST_STEP = 60  # that is told in full where there are several
_MARKS = 4  # a number, a bracket and spaces


def lesson(group: Group) -> str:
    """The lesson of a group, at most 300 characters; `…` stands where its cases differ."""
    shared = group.task
    is_telling = shared.telling >= _FEWEST_SHARED and shared.telling >= _SHARED * shared.total
    head = f"{_said(group.place, _PLACE)}: for" if group.place else "For"
    opening = f'{head} tasks like "{_said(shared.text if is_telling else group.example.task.text, _TASK)}": '
    record = f" (worked {group.worked} of {len(group.followers)})."
    contrast = _contrast(group)
    room = MAX_CHARS - len(opening) - len(record) - len(contrast)
    return opening + _steps(group.steps, room) + record + contrast


def _contrast(group: Group) -> str:
    count = len(group.failures)
    failed = f" {count} failed" if count > 1 else " 1 failed"
    lacked, instead = (", ".join(f'"{_said(text, _WORD)}"' for text in side) for side in (group.lacked, group.instead))
    if lacked and instead:
        return f"{failed} without {lacked}, with {instead}."
    if lacked or instead:
        return f"{failed} without {lacked}." if lacked else f"{failed} with {instead}."
    return ""


def _steps(steps: tuple[Step, ...], room: int) -> str:
    told = [_said(f"{step.tool}: {step.pattern.text}" if step.tool else step.pattern.text, MAX_CHARS) for step in steps]
    if len(told) == 1:
        return cut(told[0], room)
    kept = _worth_telling(steps, told, room)
    width = room // len(kept) - _MARKS
    spare = sum(max(width - len(told[i]), 0) for i in kept)
    said: list[str] = []
    for number, i in enumerate(kept, start=1):
        text = cut(told[i], width + spare)
        spare -= max(len(text) - width, 0)
        said.append(f"{number}) {text}")
    return cut(" ".join(said), room)


def _worth_telling(steps: tuple[Step, ...], told: list[str], room: int) -> list[int]:
    """Positions of the steps that fit, those with the most words of their own; one that comes again is told once."""
    first = {text: i for i, text in reversed(list(enumerate(told)))}
    best = sorted(first.values(), key=lambda i: (-steps[i].pattern.telling, i))
    kept: list[int] = []
    for i in best:
        room -= min(len(told[i]), _LONGEST_STEP) + _MARKS
        if room < 0 and len(kept) > 1:
            break
        kept.append(i)
    return sorted(kept)


def _said(text: str, limit: int) -> str:
    return cut(" ".join(shown(text, 4 * limit).split()), limit)
