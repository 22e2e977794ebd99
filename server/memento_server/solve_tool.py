"""The tool solve_task: a whole task solved in the background, waited for in calls short enough for every host.

A call ends after 25 seconds, with the result or with status running and the plan_id to ask again with. Cancelling the
call that began a job cancels the job; cancelling one that names a plan_id ends the asking alone.
"""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import Field

from memento_memory import limits
from memento_memory.errors import InputError, MementoError
from memento_memory.text import check as check_text
from memento_memory.text import cut
from memento_server.attend import MOST_ROUNDS, Turn, attend, has_questions, take_answers
from memento_server.jobs import Job, Jobs
from memento_server.memory import Memory
from memento_server.tools import client_name
from memento_server.wire import SolveOut

if TYPE_CHECKING:
    from memento_planner.solve import Solved
    from memento_server.relaying import Relaying
    from memento_server.settings import Models
    from memento_server.solving import Order, Solver

PATIENCE_S = 25.0
_ID_BYTES = 100
_LONGEST_ANSWER = 12_000
_LONGEST_TEXT = 4_000
_LONGEST_WHY = 600
_LONGEST_STEP = 200
_AGAIN = "call solve_task again with this plan_id"


class SolveTool:
    """The tool; serve inside `running`.

    Attributes:
        jobs: what is being solved.
    """

    def __init__(self, memory: Memory, relaying: Relaying | None, models: Models) -> None:
        self._memory = memory
        self._relaying = relaying
        self._models = models
        self._patience_s = PATIENCE_S
        self.jobs = Jobs()
        self._made: Solver | None = None

    def running(self) -> AbstractAsyncContextManager[None]:
        """Let jobs run; at the end those at work are cancelled, and can be gone on with later."""
        return self.jobs.running()

    def publish(self, server: MCPServer[Memory]) -> None:
        """Publish the tool."""

        @server.tool(
            title="Solve task",
            annotations=ToolAnnotations(
                read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
            ),
        )
        async def solve_task(
            ctx: Context[Memory, Any],
            task: Annotated[str, Field(description="what is to be done, at most 20 kB")] = "",
            context: Annotated[str, Field(description="environment in a few words")] = "",
            max_cycles: Annotated[int, Field(description="most plans to try, 1-10")] = 3,
            budget: Annotated[str, Field(description="like tokens=50000, dollars=0.5, seconds=600, calls=40")] = "",
            plan_id: Annotated[str, Field(description="of a run to wait for or go on with, instead of a task")] = "",
            check: Annotated[str, Field(description='test of the answer: {"answer": "..."} or {"schema": {...}}')] = "",
        ) -> Annotated[CallToolResult, SolveOut] | InputRequiredResult:
            """Solve a task from past cases with the connected tools: plan, act, plan again, answer, record the outcome.

            Takes long: while status is running, call again with the plan_id alone."""
            if plan_id and (task or context or check):
                raise InputError("plan_id", "names a run that has its task already; leave task, context and check out")
            turn = Turn.of(ctx.request_state)
            named = turn.plan_id or check_text("plan_id", plan_id, limit=_ID_BYTES)
            solver = await self._solver()
            order = solver.order(
                None if named else limits.check_task(task, context),
                resume=named,
                max_cycles=max_cycles,
                budget=budget,
                check=check,
                host=client_name(ctx),
                sampling=ctx.client_capabilities.sampling if ctx.client_capabilities else None,
            )
            job = await self._job(solver, order, more=bool(budget))
            if not isinstance(job, Job):
                return result(over(job))
            take_answers(ctx, job)
            try:
                await attend(ctx, job, self._patience_s - (time.time() - turn.began))
            except anyio.get_cancelled_exc_class():
                if not plan_id:
                    job.cancel()
                raise
            again = has_questions(ctx, job) and turn.rounds < MOST_ROUNDS
            return turn.next(job) if again and not job.over else result(self.told(job))

    async def _job(self, solver: Solver, order: Order, *, more: bool) -> Job | Solved:
        """The job to wait for, begun where there is none yet; or how the run ended that was asked for.

        Args:
            more: whether a run whose budget ran out is given more.
        """
        work = partial(solver.solve, order)
        if not order.resume:
            return await self.jobs.start(work)
        job = self.jobs.find(order.resume)
        if job is not None and more and job.solved is not None and job.solved.status == "gave_up":
            self.jobs.forget(job)
            job = None
        if job is None:
            solved = await anyio.to_thread.run_sync(partial(solver.finished, order.resume, more=more))
            return solved or await self.jobs.resume(work, order.resume)
        return job

    def told(self, job: Job) -> SolveOut:
        """What there is to say of a job now.

        Raises:
            MementoError: if it broke; asking again goes on with its run.
        """
        if job.solved is not None:
            return over(job.solved)
        if job.failure is not None:
            self.jobs.forget(job)
            known = isinstance(job.failure, MementoError)
            why = str(job.failure) if known else "solving broke off unexpectedly; the server's log says where"
            raise MementoError(f"{why}; to go on, {_AGAIN}: {job.plan_id}" if job.plan_id else why) from job.failure
        if job.cancelled:
            return at_hand(job, "cancelled", f"cancelled; to go on, {_AGAIN}")
        return at_hand(job, "running", f"at work; {_AGAIN}")

    async def _solver(self) -> Solver:
        """What brings in the planner, which start-up need not wait for."""
        if self._made is None:
            self._made = await anyio.to_thread.run_sync(self._make_solver)
        return self._made

    def _make_solver(self) -> Solver:
        from memento_server.solving import Solver

        return Solver(self._memory, self._relaying, self._models)


def at_hand(job: Job, status: str, why: str) -> SolveOut:
    """What is known of a job without a result."""
    out = SolveOut(plan_id=job.plan_id, status=status, progress=job.word, why=why)
    if job.spent is None:
        return out
    spent = {"tokens": job.spent.tokens, "calls": job.spent.calls, "dollars": job.spent.dollars}
    return out.model_copy(update={**spent, "seconds": round(job.spent.seconds, 1)})


def over(solved: Solved) -> SolveOut:
    """How a run ended."""
    steps = solved.plan.subtasks if solved.plan else ()
    return SolveOut(
        plan_id=solved.plan_id,
        status=solved.status.value,
        answer=cut(solved.answer, _LONGEST_ANSWER),
        why=cut(solved.why, _LONGEST_WHY),
        plan=[
            cut(f"{step.description} ({step.tool})" if step.tool else step.description, _LONGEST_STEP) for step in steps
        ],
        outcome=solved.outcome,
        evidence=solved.evidence,
        case_id=solved.case_id,
        cycles=solved.cycles,
        tokens=solved.tokens,
        calls=solved.calls,
        seconds=round(solved.seconds, 1),
        dollars=solved.dollars,
    )


def result(out: SolveOut) -> CallToolResult:
    """The result as it goes over the wire: hosts give their model either the structure or the text."""
    said = out.answer or out.progress
    text = f"status: {out.status} (plan_id {out.plan_id}): {out.why}\n{said}".strip()
    content = TextContent(type="text", text=cut(text, _LONGEST_TEXT))
    return CallToolResult(content=[content], structured_content=out.model_dump(mode="json"))
