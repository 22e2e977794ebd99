"""The answer of a run, put together from what its steps came to: by a model, or by rule where none can."""

from __future__ import annotations

from collections.abc import Sequence

from memento_memory.case import Task
from memento_memory.plan import Plan, Subtask
from memento_memory.text import cut, shown
from memento_planner.models.chat import ChatModel, Message, OnText, Request, Role, Stop
from memento_planner.models.errors import RefusedError, UnusableReplyError
from memento_planner.prompts import fence, load

Results = Sequence[tuple[Subtask, str, str]]
"""Each step that is over, of all plans of the run in order, with its status and what came out or why it failed."""

DONE = "done"
_CHARS_PER_TOKEN = 3  # results are dense: numbers, addresses, code
_MAX_PROMPT = 60_000  # characters
_MAX_REPLY = 4_096  # tokens
_MIN_RESULT, _MAX_STEP = 200, 250
_ATTEMPTS = 2
_MAX_REASON, _MAX_BY_RULE = 300, 4_000


async def synthesise(
    model: ChatModel,
    task: Task,
    plan: Plan | None,
    results: Results,
    *,
    form: str = "",
    on_text: OnText | None = None,
) -> str:
    """The final answer, written by a model from the results of the steps.

    Args:
        form: what the answer has to look like, in words.
        plan: the last plan; its steps without a result are named as not carried out.

    Raises:
        UnusableReplyError: if the model says nothing.
        RefusedError: if it declines.
        ModelError: what the model raised.
    """
    request = _request(model, task, plan, results, form)
    for _ in range(_ATTEMPTS):
        reply = await model.complete(request, on_text)
        if reply.stop is Stop.REFUSAL:
            raise RefusedError(f"{model.name} declined to write the answer; use another model")
        if text := reply.text.strip():
            return f"{text} […]" if reply.stop is Stop.LENGTH else text
    raise UnusableReplyError(f"{model.name} wrote no answer in {_ATTEMPTS} attempts; use a more capable model")


def by_rule(task: Task, plan: Plan | None, results: Results) -> str:
    """The same without a model: what the last finished steps came to, then what did not work."""
    used = _used(results)
    ends = [text.strip() for i, (_, status, text) in enumerate(results) if status == DONE and i not in used]
    outcome = list(dict.fromkeys(text for text in ends if text))
    failed = [
        f"- {_said(step)}: {status.replace('_', ' ')}{_why(text)}"
        for step, status, text in results
        if status != DONE and not _earlier(step, plan)
    ]
    missing = [f"- {_said(step)}: not carried out" for step in _left(plan, results)]
    share = _MAX_BY_RULE // max(len(outcome), 1)
    parts = [cut(text, share) for text in outcome]
    if all(status != DONE for _, status, _ in results):
        parts.append("Nothing was finished.")
    if failed or missing:
        parts.append("\n".join(["Not everything worked:", *failed, *missing]))
    return "\n\n".join(parts) or "Everything was carried out; no step had a result to show."


def _request(model: ChatModel, task: Task, plan: Plan | None, results: Results, form: str) -> Request:
    context = model.supports.context
    reply = min(context // 4, _MAX_REPLY)
    system = load("synthesise")
    asked = f"Task: {task.text}" + (f"\nEnvironment: {task.context}" if task.context.strip() else "")
    asked += f"\n\n{form}" if form else ""
    missing = [f"Not carried out: {_said(step)}" for step in _left(plan, results)]
    room = min((context - reply) * _CHARS_PER_TOKEN, _MAX_PROMPT) - len(system) - len(asked) - sum(map(len, missing))
    shares = _shares([len(text) for _, _, text in results], room - len(results) * _MAX_STEP)
    told = [
        fence("result", _told(step, status, text, plan), limit=share + _MAX_STEP)
        for (step, status, text), share in zip(results, shares, strict=True)
    ]
    parts = [*told, *missing, asked] if told or missing else ["No step was carried out.", asked]
    return Request(system, (Message(Role.USER, "\n\n".join(parts)),), max_tokens=reply)


def _shares(lengths: Sequence[int], room: int) -> list[int]:
    """How many characters of each text are shown: short ones whole, what they leave goes to the long ones."""
    shares = [0] * len(lengths)
    for left, i in enumerate(sorted(range(len(lengths)), key=lambda i: lengths[i])):
        shares[i] = max(min(lengths[i], room // (len(lengths) - left)), _MIN_RESULT)
        room -= shares[i]
    return shares


def _told(step: Subtask, status: str, text: str, plan: Plan | None) -> str:
    when = " (in an earlier plan)" if _earlier(step, plan) else ""
    return f"Step: {_said(step)}\nStatus: {status}{when}\n{text}"


def _used(results: Results) -> set[int]:
    """Positions of the results that a later finished step of the same plan built on, so that its own says it all."""
    used: set[int] = set()
    position: dict[int, int] = {}
    last = 0
    for i, (step, status, _) in enumerate(results):
        if step.id <= last:
            position = {}  # ids start anew with each plan
        position[step.id], last = i, step.id
        if status == DONE:
            used |= {position[need] for need in step.depends_on if need in position}
    return used


def _earlier(step: Subtask, plan: Plan | None) -> bool:
    return plan is not None and step not in plan.subtasks


def _left(plan: Plan | None, results: Results) -> list[Subtask]:
    known = {step.description for step, _, _ in results}
    return [step for step in plan.subtasks if step.description not in known] if plan else []


def _said(step: Subtask) -> str:
    return shown(" ".join(step.description.split()), _MAX_STEP - 50)


def _why(text: str) -> str:
    return f" ({shown(' '.join(text.split()), _MAX_REASON)})" if text.strip() else ""
