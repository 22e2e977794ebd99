"""Carries out one step of a plan: the model calls tools until it says what came out, within bounds."""

from __future__ import annotations

import re
from dataclasses import replace

import anyio

from memento_memory.case import Task
from memento_memory.plan import Subtask
from memento_memory.text import shown
from memento_planner.calling import Calling
from memento_planner.condense import READ_RESULT, Results
from memento_planner.events import Watch, Wrote
from memento_planner.limits import Limits
from memento_planner.models.chat import ChatModel, Message, Reply, Request, Role, Stop, ToolSpec
from memento_planner.models.errors import RefusedError, ToolsRefusedError, UnusableReplyError
from memento_planner.models.likely_values import quoted_as
from memento_planner.models.schema_tools import complete_with_schema
from memento_planner.progress import CallMade, SubtaskMemory, SubtaskResult, SubtaskStatus
from memento_planner.prompts import fence, load
from memento_planner.toolbelt import Toolbelt
from memento_planner.tools import ToolCaller

__all__ = ["CallMade", "SubtaskMemory", "SubtaskResult", "SubtaskStatus", "carry_out"]

_REPLY_TOKENS, _FEW_TOKENS = 4_096, 512  # of a reply; few for a small model, which may repeat itself without end
_KNOWN_CHARS = 12_000  # of the results a step builds on
_TASK_CHARS = 4_000
_WHY_CHARS = 500
_CIRCLE = 3  # lines at the end of a reply that were each said so often
_MOST_UNUSABLE = 3  # turns in a row without one call that could be made
_MOST_ERRORS = 3  # failed calls of a model without function calling
_FAILED = re.compile(r"^[^\w\n]*FAILED[^\w\n]*:[*_\s]*(.*)", re.MULTILINE | re.DOTALL)
_CUT = "; your reply was too long and was cut off, so write less"
_SAY_SOMETHING = "You said nothing. Call a tool, or say what came out of the step."
_CALL_IT = (
    "You have not called {}. Call it now; only if another tool has done this step already, say again what came out."
)
_ALL_FAILED = (
    "Every call you made failed. Try another way; or, if that is what this step had to find out, say again what came "
    "out; or end with a line that starts with FAILED: and says why."
)
_STUCK = "the model kept calling the same tool with the same arguments"
_SHORTER = "Your reply was too long and was cut off. Say what came out of the step again, in at most 200 words."


async def carry_out(
    model: ChatModel,
    tools: ToolCaller,
    subtask: Subtask,
    memory: SubtaskMemory,
    *,
    task: Task,
    plan_id: str,
    limits: Limits,
    watch: Watch,
    results: Results,
) -> SubtaskResult:
    """Carry out a step with tools, or without where it needs none.

    A model without function calling makes one call of the tool the step names, and what that returns is the result.

    Raises:
        ModelError: what the model raised, but for replies that are unusable or refused: then the step failed.
        BudgetSpentError: if the budget of the run is spent.
    """
    room = model.supports.context  # in tokens: so many characters are about a quarter of it
    step = _Step(
        model, tools, subtask, plan_id, replace(limits, result_chars=min(limits.result_chars, room)), watch, results
    )
    with anyio.move_on_after(limits.seconds):
        return await step.carried_out(task, memory.needed_by(subtask, results, min(_KNOWN_CHARS, room)))
    return step.gave_up(f"its {limits.seconds:g} seconds are over")


class _Step:
    """One step while it is carried out."""

    def __init__(
        self,
        model: ChatModel,
        tools: ToolCaller,
        subtask: Subtask,
        plan_id: str,
        limits: Limits,
        watch: Watch,
        results: Results,
    ) -> None:
        self._model = model
        self._subtask = subtask
        self._limits = limits
        self._watch = watch
        self._belt = Toolbelt(tools)
        self._calling = Calling(
            tools, self._belt, subtask, plan_id=plan_id, limits=limits, watch=watch, results=results
        )
        self._messages: list[Message] = []
        self._refused = False  # whether the endpoint refused function calling
        self._pressed = False  # whether the model was asked once more to call the named tool
        self._force = False  # whether its next reply has to be that call
        self._task, self._known = Task(""), ""
        self._reminders: set[str] = set()
        self._turns = self._tokens = self._asked_for = self._unusable = 0

    async def carried_out(self, task: Task, known: str) -> SubtaskResult:
        """Ask and make calls until the step is over one way or the other."""
        await self._belt.fill(self._subtask)
        self._task, self._known = task, known
        while not (bound := self._bound()):
            if not self._native and self._subtask.tool and self._belt.named is None:
                return self._failed(f"there is no tool {self._subtask.tool}")
            try:
                reply = await self._ask()
            except ToolsRefusedError:
                if self._refused:
                    raise
                self._refused = True
                continue
            except (UnusableReplyError, RefusedError) as error:
                return self._failed(str(error))
            ended = await self._called(reply) if reply.tool_uses else self._said(reply)
            if ended is not None:
                return ended
        return self.gave_up(bound)

    def gave_up(self, why: str) -> SubtaskResult:
        """A bound is reached; what is known so far goes with it."""
        return self._ended(SubtaskStatus.GAVE_UP, self._calling.known(), why)

    @property
    def _native(self) -> bool:
        return self._model.supports.tools and not self._refused

    def _bound(self) -> str:
        limits = self._limits
        if self._turns >= limits.turns:
            return f"all {limits.turns} turns are used up"
        if self._tokens >= limits.tokens:
            return f"all {limits.tokens:,} tokens are used up"
        if self._asked_for > limits.calls:
            return f"more than {limits.calls} tool calls were asked for"
        return ""

    def _opening(self, *, brief: bool) -> Message:
        """What the model is told first; in brief without the task, which a small model repeats instead of working."""
        known, step = self._known, self._subtask.description
        if brief:
            return Message(Role.USER, f"{known}\n\n{quoted_as(step, self._task.text)}".strip())
        task = f"{self._task.text}\n{self._task.context}"
        parts = ["The task, for orientation:\n" + fence("task", task, limit=_TASK_CHARS), known]
        if self._belt.named is not None:
            parts.append(f"Do your step with the tool {self._belt.named.name}.")
        elif self._subtask.tool:
            parts.append(f"The tool {self._subtask.tool} is not at hand; use another one that does the same.")
        return Message(Role.USER, "\n\n".join(filter(None, [*parts, f"Your step:\n{step}"])))

    async def _ask(self) -> Reply:
        self._turns += 1
        named, forced, self._force = self._belt.named, self._force, False
        if named is not None and (forced or not self._native):
            reply = await complete_with_schema(self._model, self._request((named,), named.name, forced=forced))
        else:
            pages = any(f"{READ_RESULT}(" in text for text in (self._known, *(m.text for m in self._messages)))
            offer = self._belt.offer(pages=pages) if self._native else ()
            reply = await self._model.complete(self._request(offer), self._wrote)
        self._tokens += reply.usage.total
        return reply

    def _request(self, tools: tuple[ToolSpec, ...], choice: str = "auto", *, forced: bool = False) -> Request:
        """The next request; where a call is forced, with nothing that would distract from its arguments."""
        small = self._model.supports.small
        opening = self._opening(brief=forced or small)
        messages = (opening,) if forced else (opening, *self._messages)
        system = load("execute" if self._native and not forced else "execute_alone")
        return Request(system, messages, tools, choice, max_tokens=_FEW_TOKENS if small else _REPLY_TOKENS)

    def _wrote(self, text: str) -> None:
        self._watch(Wrote("executor", text))

    async def _called(self, reply: Reply) -> SubtaskResult | None:
        """Make the calls of a reply; None where the model has to go on."""
        if reply.stop is Stop.REFUSAL:
            return self._refusal(reply)
        uses = reply.tool_uses
        self._asked_for += len(uses)
        if self._asked_for > self._limits.calls:
            return None
        self._messages.append(Message(Role.ASSISTANT, reply.text, uses))
        told = await self._calling.make(uses)
        for use, one in zip(uses, told, strict=True):
            cut = _CUT if reply.stop is Stop.LENGTH and not one.usable else ""
            self._messages.append(Message(Role.TOOL, one.text + cut, tool_use_id=use.id, is_error=one.is_error))
        if self._calling.stuck:
            last = self._calling.made[-1:]
            return self._failed(_STUCK + "".join(f"; it failed: {call.text}" for call in last if call.is_error))
        self._unusable = 0 if any(one.usable for one in told) else self._unusable + 1
        if self._unusable >= _MOST_UNUSABLE:
            return self._failed(f"{_MOST_UNUSABLE} calls in a row could not be made; {told[-1].text}")
        return None if self._native else self._after_its_call(repeated=told[-1].repeated)

    def _after_its_call(self, *, repeated: bool) -> SubtaskResult | None:
        """How a step ends for a model without function calling: with what the tool returned, or its third error."""
        made = self._calling.made
        if made and not made[-1].is_error:
            return self._ended(SubtaskStatus.DONE, made[-1].text)
        if made and (repeated or len(made) >= _MOST_ERRORS):
            return self._failed(f"{made[-1].tool} failed: {made[-1].text}")
        return None

    def _said(self, reply: Reply) -> SubtaskResult | None:
        """Take a text as the end of the step, unless something is missing: then None."""
        text, named = reply.text.strip(), self._belt.named
        if reply.stop is Stop.REFUSAL:
            return self._refusal(reply)
        if reply.stop is Stop.LENGTH and not (text := before_it_repeats(text)):
            return (
                None
                if self._reminded(reply.text.strip(), _SHORTER)
                else self._failed("the reply was too long and was cut off")
            )
        if not text:
            return None if self._reminded("", _SAY_SOMETHING) else self._failed("the model said nothing")
        if failed := _FAILED.search(text.rsplit("\n\n", 1)[-1]):
            return self._failed(failed[1].strip() or "the model did not say why", text)
        if named is None or self._calling.called(named.name) or self._pressed:
            made = self._calling.made
            failed_all = bool(made) and all(call.is_error for call in made)
            return None if failed_all and self._reminded(text, _ALL_FAILED) else self._ended(SubtaskStatus.DONE, text)
        self._pressed = True
        if self._calling.made:  # another tool was used: forcing this one might do the work twice
            self._reminded(text, _CALL_IT.format(named.name))
        else:
            self._force = True
        return None

    def _reminded(self, said: str, reminder: str) -> bool:
        """Remind the model of something; False where that was done before."""
        if reminder in self._reminders:
            return False
        self._reminders.add(reminder)
        if said:
            self._messages.append(Message(Role.ASSISTANT, said))
        self._messages.append(Message(Role.USER, reminder))
        return True

    def _refusal(self, reply: Reply) -> SubtaskResult:
        return self._failed(f"the model declined: {reply.text.strip() or 'it gave no reason'}")

    def _failed(self, why: str, text: str = "") -> SubtaskResult:
        return self._ended(SubtaskStatus.FAILED, text or self._calling.known(), shown(why, _WHY_CHARS))

    def _ended(self, status: SubtaskStatus, text: str, why: str = "") -> SubtaskResult:
        return SubtaskResult(self._subtask.id, status, text, why, tuple(self._calling.made))


def before_it_repeats(text: str) -> str:
    """What a cut-off reply says before it goes round in circles, as small models do; "" where it does not."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    ending = lines[-1 - _CIRCLE : -1]  # the last line may be cut
    if len(ending) < _CIRCLE or any(lines.count(line) < _CIRCLE for line in ending):
        return ""
    first: list[str] = []
    for line in lines:
        if line in first:
            break
        first.append(line)
    return "\n".join(first)
