"""What a job does: the models and the tools put together, and the solving loop run with them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from mcp.types import SamplingCapability

from memento_memory.case import Task
from memento_memory.errors import InputError
from memento_planner import run_state
from memento_planner.budget import Budget, parse_budget
from memento_planner.checks import Checks, parse_check
from memento_planner.models.chat import ChatModel
from memento_planner.models.create import create
from memento_planner.models.errors import ModelSetupError
from memento_planner.models.host import Asker, HostModel
from memento_planner.models.spec import ModelSpec
from memento_planner.run import Crew
from memento_planner.run_state import Status
from memento_planner.solve import Solved, SolveOptions, solve
from memento_server.jobs import Job
from memento_server.tool_caller import relayed_tools

if TYPE_CHECKING:
    from memento_server.memory import Memory
    from memento_server.relaying import Relaying
    from memento_server.settings import Models

MOST_CYCLES = 10
_CLOSING_S = 5.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be solved.

    Attributes:
        task: None to go on with a run.
        resume: the plan_id of that run.
        host_tools: whether the host's model takes tools with a question.
    """

    task: Task | None
    options: SolveOptions
    checks: Checks | None = None
    resume: str = ""
    host_tools: bool = False


class Solver:
    """Solves tasks with a server's bank, tools and models."""

    def __init__(self, memory: Memory, relaying: Relaying | None, models: Models) -> None:
        self._memory = memory
        self._relaying = relaying
        self._models = models

    def order(
        self,
        task: Task | None,
        *,
        resume: str,
        max_cycles: int,
        budget: str,
        check: str,
        host: str,
        sampling: SamplingCapability | None,
    ) -> Order:
        """What a call orders.

        Raises:
            InputError: naming the argument and the fix.
            ModelSetupError: if the host's model is to be asked, and the host lets nobody ask it.
        """
        if not 1 <= max_cycles <= MOST_CYCLES:
            raise InputError("max_cycles", f"is {max_cycles}; give a whole number from 1 to {MOST_CYCLES}")
        roles = (self._models.planner, self._models.executor, self._models.judge)
        if sampling is None and any(spec is not None and spec.kind == "host" for spec in roles):
            raise ModelSetupError(
                "host: this host does not let servers ask its model (it declares no sampling); set MEMENTO_MODEL to "
                "another one, such as anthropic:<model>, openai:<model> or local:smollm2"
            )
        return Order(
            task,
            SolveOptions(
                max_cycles=max_cycles,
                budget=allowed(budget, self._memory.settings.budget),
                namespaces=(self._memory.settings.namespace,),
                host=host,
                prices=self._memory.settings.prices,
            ),
            parse_check(check),
            resume,
            host_tools=sampling is not None and sampling.tools is not None,
        )

    async def solve(self, order: Order, job: Job) -> Solved:
        """Do what was ordered.

        Raises:
            MementoError: if it cannot even be begun.
        """
        bank = await anyio.to_thread.run_sync(self._memory.bank)
        async with (
            crew(self._models, job.mailbox, host_tools=order.host_tools) as models,
            relayed_tools(self._relaying) as tools,
        ):
            return await solve(
                bank,
                order.task,
                models,
                tools,
                order.options,
                checks=order.checks,
                watch=job.heard,
                resume=order.resume,
                on_open=job.opened,
            )

    def finished(self, plan_id: str, *, more: bool) -> Solved | None:
        """How a run ended, by the bank; None if it can be gone on with. It may block.

        Args:
            more: whether a run whose budget ran out is given more.

        Raises:
            NotFoundError: if there is no such run.
        """
        state = run_state.load(self._memory.bank().database, plan_id)
        over = state.is_over or (state.status is Status.GAVE_UP and not more)
        return Solved.of(state) if over else None


@asynccontextmanager
async def crew(models: Models, asker: Asker, *, host_tools: bool) -> AsyncIterator[Crew]:
    """The models, each made once however many roles it has, and closed in the end."""
    made: dict[str, ChatModel] = {}

    async def model(spec: ModelSpec) -> ChatModel:
        if str(spec) not in made:
            made[str(spec)] = (
                HostModel(asker, tools=host_tools)
                if spec.kind == "host"
                else await anyio.to_thread.run_sync(create, spec, os.environ)  # imports an SDK or reads a model file
            )
        return made[str(spec)]

    try:
        judge = await model(models.judge) if models.judge else None
        yield Crew(await model(models.planner), await model(models.executor), judge)
    finally:
        with anyio.move_on_after(_CLOSING_S, shield=True):
            for one in made.values():
                await one.aclose()


def allowed(asked: str, most: str) -> Budget:
    """The budget a host asks for, no larger than what the settings allow where they say so."""
    bound = parse_budget(most, field="MEMENTO_BUDGET")
    budget = parse_budget(asked, bound)
    return budget.within(bound) if most else budget
