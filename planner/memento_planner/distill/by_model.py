"""A lesson in a model's words; what it writes is checked, for it will be shown to other models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from memento_memory.case import Case
from memento_memory.curation.injection import instruction_in
from memento_memory.lessons import MAX_CHARS
from memento_memory.text import harmless, shown
from memento_planner.align import Token
from memento_planner.distill.grouping import Group
from memento_planner.distill.pattern import telling, tokens
from memento_planner.models.chat import ChatModel, Message, Request, Role
from memento_planner.models.errors import RefusedError, UnusableReplyError
from memento_planner.models.structured import complete_json
from memento_planner.prompts import fence, load
from memento_planner.words import DECISIVE, FILLER

_SUCCESSES, _FAILURES = 4, 3  # that the model is shown
_TASK, _PLAN, _NOTES = 240, 600, 160
_TOKENS = 400
_REPEATED = 3  # times that three words in a row may not come
_COMMON = 0.5  # share of the tasks a name has to be in
_GROUNDED = 0.4  # share of the words of the steps that a lesson has to have
_SCHEMA = {
    "type": "object",
    "properties": {"lesson": {"type": "string", "maxLength": MAX_CHARS}},
    "required": ["lesson"],
    "additionalProperties": False,
}


async def lesson(model: ChatModel, group: Group, draft: str) -> tuple[str, str]:
    """The lesson of a group in the model's words, or "" where none of its replies can be used, and why.

    Args:
        draft: what the rule says of it.

    Raises:
        ModelError: if the model cannot be reached.
    """
    prompt = load("lesson", cases=fence("cases", _told(group)), draft=fence("summary", draft), limit=str(MAX_CHARS))
    request = Request("", (Message(Role.USER, prompt),), schema=_SCHEMA, max_tokens=_TOKENS, temperature=0.0)
    try:
        text, _ = await complete_json(model, request, check=partial(_checked, group))
    except (UnusableReplyError, RefusedError) as error:
        return "", str(error)
    return text, ""


def _told(group: Group) -> str:
    worked = [case for _, case in group.followers if case.result.outcome.value == "success"][-_SUCCESSES:]
    failed = [case for _, case in group.failures or group.followers if case.result.outcome.value == "failure"]
    return "\n\n".join(_case(case) for case in [*worked, *failed[-_FAILURES:]])


def _case(case: Case) -> str:
    outcome = "SUCCEEDED" if case.result.outcome.value == "success" else "FAILED"
    steps = "\n".join(f"{s.id}. {f'[{s.tool}] ' if s.tool else ''}{s.description}" for s in case.plan.subtasks)
    notes = f"\nnotes: {shown(case.result.notes, _NOTES)}" if case.result.notes else ""
    return f"{outcome}\ntask: {shown(case.task.state, _TASK)}\n{shown(steps, _PLAN)}{notes}"


def _checked(group: Group, value: Any) -> str:
    text = value.get("lesson") if isinstance(value, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise ValueError('give an object with the text of the lesson under "lesson"')
    said = " ".join(harmless(text).split())
    if len(said) > MAX_CHARS:
        raise ValueError(f"the lesson is {len(said)} characters long; write at most {MAX_CHARS}")
    if found := instruction_in(said):
        raise ValueError(f"the lesson instructs its reader ({found!r}); say only what the cases show")
    _check_sense(group, tokens(said))
    return said


def _check_sense(group: Group, said: Sequence[Token]) -> None:
    """Refuse what small models write when they are lost: the same again and again, one case, or something else."""
    keys = [token.key for token in said]
    runs = Counter(zip(keys, keys[1:], keys[2:], strict=False))
    if max(runs.values(), default=0) >= _REPEATED:
        raise ValueError("the lesson repeats itself; say each thing once")
    tasks = [{token.key for token in tokens(case.task.text)} for _, case in group.followers]
    for token in said:
        among = sum(token.key in task for task in tasks)
        if not token.text[:1].islower() and 0 < among < _COMMON * len(tasks) and token.key not in DECISIVE | FILLER:
            raise ValueError(f"the lesson names {token.text!r}, of only some of the cases; say what holds for all")
    steps = {key for step in group.steps for key in (*step.pattern.keys, *telling(step.tool)) if key not in FILLER}
    if len(steps & set(keys)) < _GROUNDED * len(steps):
        raise ValueError("the lesson does not say what to do; name the steps that the successes share")
