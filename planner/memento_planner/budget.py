"""What solving a task may cost: tokens, money, seconds and tool calls, watched while they are spent."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from memento_memory.errors import InputError, MementoError
from memento_planner.events import Spent
from memento_planner.models.chat import ChatModel, OnText, Reply, Request, Supports, ToolSpec, Usage
from memento_planner.models.prices import Price
from memento_planner.models.writable import whole, writable
from memento_planner.tools import CallResult, ToolCaller

Number = TypeVar("Number", int, float)

_LEAST_REPLY = 64  # tokens; a reply cut shorter than this says nothing
_LISTED_S = 15.0
_CHARS_PER_TOKEN = 4  # about that many, where nobody counts
_PART = re.compile(r"\s*(\w+)\s*=\s*([\d.]+)\s*")
_FORM = "give parts like tokens=50000, dollars=0.5, seconds=600, calls=40"


@dataclass(frozen=True, slots=True)
class Budget:
    """Upper bounds, None for none.

    Attributes:
        tokens: read and written by models.
        dollars: by the prices of the models.
        seconds: of wall-clock time.
        calls: of tools.
    """

    tokens: int | None = 200_000
    dollars: float | None = None
    seconds: float | None = 1_800.0
    calls: int | None = 100

    def within(self, most: Budget) -> Budget:
        """The same budget, cut down to another one."""
        return Budget(
            _least(self.tokens, most.tokens),
            _least(self.dollars, most.dollars),
            _least(self.seconds, most.seconds),
            _least(self.calls, most.calls),
        )

    def beyond(self, spent: Spent) -> Budget:
        """The same budget for what comes after something was spent."""
        return Budget(
            None if self.tokens is None else self.tokens + spent.tokens,
            None if self.dollars is None else self.dollars + (spent.dollars or 0.0),
            None if self.seconds is None else self.seconds + spent.seconds,
            None if self.calls is None else self.calls + spent.calls,
        )


def _least(one: Number | None, other: Number | None) -> Number | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def parse_budget(text: str, base: Budget | None = None, *, field: str = "budget") -> Budget:
    """A budget from words like `tokens=50000, seconds=600`; what is not named stays as in the base.

    Raises:
        InputError: if a part is not of this form or not above 0.
    """
    budget = base or Budget()
    for part in filter(str.strip, text.split(",")):
        match = _PART.fullmatch(part)
        if match is None or match[1] not in Budget.__slots__:
            raise InputError(field, f"{part.strip()!r} cannot be read; {_FORM}")
        try:
            value = float(match[2]) if match[1] in ("dollars", "seconds") else int(match[2])
        except ValueError:
            raise InputError(field, f"{part.strip()!r} is not a number; {_FORM}") from None
        if value <= 0:
            raise InputError(field, f"{part.strip()!r} leaves nothing to spend; {_FORM}")
        budget = _with(budget, match[1], value)
    return budget


def _with(budget: Budget, bound: str, value: float) -> Budget:
    match bound:
        case "tokens":
            return replace(budget, tokens=int(value))
        case "dollars":
            return replace(budget, dollars=value)
        case "seconds":
            return replace(budget, seconds=value)
        case _:
            return replace(budget, calls=int(value))


class BudgetSpentError(MementoError):
    """A bound of the budget is reached.

    Attributes:
        what: tokens, dollars, seconds or calls.
    """

    def __init__(self, what: str, bound: float) -> None:
        super().__init__(f"budget.{what}: all of {bound:g} is spent; allow more, or take a smaller task")
        self.what = what


class Purse:
    """What has been spent of a budget.

    Args:
        price_of: the price of a model by its name; None where it is not known.
        before: what an earlier process spent on the same task.
    """

    def __init__(
        self,
        budget: Budget,
        price_of: Callable[[str], Price | None],
        *,
        before: Spent | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget = budget
        self._price_of = price_of
        self._clock = clock
        self._start = clock() - (before.seconds if before else 0.0)
        self._tokens = before.tokens if before else 0
        self._dollars: float | None = before.dollars if before else 0.0
        self._calls = before.calls if before else 0

    @property
    def spent(self) -> Spent:
        """What has been spent so far."""
        return Spent(self._tokens, self._dollars, self._clock() - self._start, self._calls)

    def seconds_left(self, *, keep: float = 0.0) -> float:
        """Infinite where time is not bounded; never below 0.

        Args:
            keep: share of the time, in [0, 1), that is left for what comes last.
        """
        if self.budget.seconds is None:
            return float("inf")
        return max(0.0, self.budget.seconds * (1 - keep) - self.spent.seconds)

    def check(self, model: str, *, keep: float = 0.0) -> int | None:
        """Make sure that a model may be asked; return the tokens that are left for it, None without bound.

        Args:
            keep: share of tokens and money, in [0, 1), that is left for what comes last.

        Raises:
            BudgetSpentError: if tokens, money or time are used up.
            InputError: if money is bounded and the model's price is not known.
        """
        budget = self.budget
        if budget.seconds is not None and self.seconds_left() <= 0:
            raise BudgetSpentError("seconds", budget.seconds)
        self.check_price(model)
        if budget.dollars is not None and (self._dollars or 0.0) >= budget.dollars * (1 - keep):
            raise BudgetSpentError("dollars", budget.dollars)
        if budget.tokens is None:
            return None
        left = int(budget.tokens * (1 - keep)) - self._tokens
        if left < _LEAST_REPLY:
            raise BudgetSpentError("tokens", budget.tokens)
        return left

    def check_price(self, model: str) -> None:
        """Make sure that what a model costs can be counted where it has to be.

        Raises:
            InputError: if money is bounded and the model's price is not known.
        """
        if self.budget.dollars is not None and (self._dollars is None or self._price_of(model) is None):
            raise InputError(
                "budget", f"dollars cannot be bounded, for the price of {model} is not known; bound tokens instead"
            )

    def charge(self, model: str, reply: Reply) -> None:
        """Count what a reply cost."""
        price = self._price_of(model)
        self._tokens += reply.usage.total
        known = self._dollars is not None and price is not None
        self._dollars = self._dollars + price.cost(reply.usage) if known else None  # type: ignore[operator, union-attr]

    def count_call(self) -> None:
        """Count a tool call that is about to be made.

        Raises:
            BudgetSpentError: if it would be one too many.
        """
        if self.budget.calls is not None and self._calls >= self.budget.calls:
            raise BudgetSpentError("calls", self.budget.calls)
        self._calls += 1


class Metered:
    """A model whose every reply is paid from a purse.

    Args:
        keep: share of the budget it must leave.
        on_spent: told after each reply.
    """

    def __init__(self, model: ChatModel, purse: Purse, on_spent: Callable[[Spent], None], *, keep: float = 0.0) -> None:
        self._model = model
        self._purse = purse
        self._keep = keep
        self._on_spent = on_spent

    @property
    def name(self) -> str:
        """The model's."""
        return self._model.name

    @property
    def supports(self) -> Supports:
        """The model's."""
        return self._model.supports

    async def complete(self, request: Request, on_text: OnText | None = None) -> Reply:
        """Answer a request, no longer than what is left pays for.

        Raises:
            BudgetSpentError: if nothing is left.
            ModelError: one of its kinds.
        """
        left = self._purse.check(self.name, keep=self._keep)
        if left is not None and left < request.max_tokens:
            request = replace(request, max_tokens=left)
        reply = _counted(request, writable(await self._model.complete(request, on_text)))
        self._purse.charge(self.name, reply)
        self._on_spent(self._purse.spent)
        return reply

    async def aclose(self) -> None:
        """Close the model."""
        await self._model.aclose()


class MeteredTools:
    """A tool caller whose every call is paid from a purse."""

    def __init__(self, tools: ToolCaller, purse: Purse) -> None:
        self._tools = tools
        self._purse = purse
        self._listed: tuple[ToolSpec, ...] = ()
        self._listed_at = -_LISTED_S

    async def tools(self) -> tuple[ToolSpec, ...]:
        """All tools at hand, asked for anew every now and then only."""
        now = time.monotonic()
        if now - self._listed_at >= _LISTED_S:
            self._listed, self._listed_at = await self._tools.tools(), now
        return self._listed

    async def find(self, query: str, k: int) -> tuple[ToolSpec, ...]:
        """At most k tools that fit, best first."""
        return await self._tools.find(query, k)

    async def call(self, name: str, arguments: Mapping[str, Any], *, plan_id: str, subtask: int) -> CallResult:
        """Call a tool.

        Raises:
            BudgetSpentError: if no call is left.
        """
        self._purse.count_call()
        result = await self._tools.call(name, arguments, plan_id=plan_id, subtask=subtask)
        return replace(result, text=whole(result.text))


def _counted(request: Request, reply: Reply) -> Reply:
    """A reply with its tokens, estimated where the endpoint does not count them: else no budget would ever end."""
    if reply.usage.total:
        return reply
    asked = len(request.system) + sum(len(m.text) + sum(len(use.raw) for use in m.tool_uses) for m in request.messages)
    written = len(reply.text) + sum(len(use.raw) for use in reply.tool_uses)
    return replace(reply, usage=Usage(asked // _CHARS_PER_TOKEN + 1, written // _CHARS_PER_TOKEN + 1))
