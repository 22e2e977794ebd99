"""The reward of a run, from the strongest evidence at hand: a check, what the tools did, a judge, or nobody's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memento_memory.case import Evidence, Outcome, Result, Task
from memento_memory.errors import InputError
from memento_memory.plan import Plan
from memento_memory.text import shown
from memento_planner.checks import Checks, run_checks
from memento_planner.models.chat import ChatModel, Message, OnText, Request, Role
from memento_planner.models.errors import ModelError
from memento_planner.models.structured import complete_json
from memento_planner.progress import Finished, SubtaskResult
from memento_planner.prompts import fence, load

_SCHEMA = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "verdict": {"type": "string", "enum": ["success", "failure", "unknown"]},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["reason", "verdict", "score"],
}
_MOST_REASON = 400
_MOST_RESULT = 1_000


async def judge(
    task: Task,
    answer: str,
    plan: Plan,
    results: Mapping[int, SubtaskResult],
    checks: Checks | None,
    model: ChatModel | None,
    *,
    earlier: Sequence[Finished] = (),
    on_text: OnText | None = None,
) -> Result:
    """How a plan went whose every step is reported done.

    Args:
        checks: decide alone, where they are given and can be made.
        earlier: what earlier plans of the run got done, for the model to know.
        model: judges where neither checks nor tools decide; its failure makes the outcome unknown.
    """
    if checks is not None:
        return await run_checks(checks, answer)
    by_tools = from_effects(plan, results)
    if by_tools is not None:
        return by_tools
    if model is None:
        return Result.graded(Outcome.SUCCESS, None, Evidence.SELF_REPORT, "every step was reported done")
    try:
        return await _by_model(model, task, answer, plan, results, earlier, on_text)
    except ModelError as error:
        return Result(Outcome.UNKNOWN, None, Evidence.JUDGE, f"the judge could not judge: {error}")


def from_effects(plan: Plan, results: Mapping[int, SubtaskResult]) -> Result | None:
    """Success where each of the plan's last steps had an effect that its tool confirmed; else None.

    Tools that only read confirm nothing about what was concluded from what they read, and a tool that does not say
    which of the two it does counts as one that reads.
    """
    needed = {need for step in plan.subtasks for need in step.depends_on}
    last = [results[step.id] for step in plan.subtasks if step.id not in needed and step.id in results]
    if not last or not all(_had_effect(result) for result in last):
        return None
    tools = ", ".join(dict.fromkeys(call.tool for result in last for call in result.calls if not call.is_error))
    return Result.graded(Outcome.SUCCESS, None, Evidence.TOOL_RESULT, f"{tools} reported success")


def _had_effect(result: SubtaskResult) -> bool:
    return bool(result.calls) and not result.calls[-1].is_error and result.calls[-1].acts


async def _by_model(
    model: ChatModel,
    task: Task,
    answer: str,
    plan: Plan,
    results: Mapping[int, SubtaskResult],
    earlier: Sequence[Finished],
    on_text: OnText | None,
) -> Result:
    told = [fence("task", f"{task.text}\n{task.context}".strip()), fence("answer", answer)]
    told += [fence("earlier_step", f"{done.description}\n{done.text}", limit=_MOST_RESULT) for done in earlier]
    for step in plan.subtasks:
        if (result := results.get(step.id)) is not None:
            calls = "".join(f"\n{call.tool}: {call.text}" for call in result.calls)
            text = f"{step.description}\nended {result.status.value}: {result.text}{calls}"
            told.append(fence("step", text, limit=_MOST_RESULT))
    request = Request(
        load("judge"), (Message(Role.USER, "\n\n".join(told)),), schema=_SCHEMA, max_tokens=400, temperature=0.0
    )
    return (await complete_json(model, request, check=_result, on_text=on_text))[0]


def _result(value: Any) -> Result:
    """A judge's reply as a result.

    Raises:
        InputError: naming the field that cannot be used.
    """
    if not isinstance(value, dict):
        raise InputError("reply", "is no object; give reason, verdict and score")
    try:
        outcome = Outcome(str(value.get("verdict")))
    except ValueError:
        raise InputError("verdict", f"is {value.get('verdict')!r}; give success, failure or unknown") from None
    reason, score = shown(str(value.get("reason") or ""), _MOST_REASON), value.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise InputError("score", f"is {score!r}; give a number from 0 to 1")
    if outcome is Outcome.UNKNOWN:
        return Result(outcome, None, Evidence.JUDGE, reason)
    clear = max(score, 0.5) if outcome is Outcome.SUCCESS else min(score, 0.5)
    return Result.graded(outcome, float(clear), Evidence.JUDGE, reason)
