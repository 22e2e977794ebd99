"""In which order a plan is carried out: every step after those it depends on, independent ones side by side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from memento_memory.plan import Plan, Subtask
from memento_planner.progress import SubtaskMemory, SubtaskResult, SubtaskStatus

CarryOut = Callable[[Subtask, SubtaskMemory], Awaitable[SubtaskResult]]
OnEnd = Callable[[SubtaskResult], Awaitable[None]]


async def run_plan(
    plan: Plan,
    done: Mapping[int, SubtaskResult],
    carry_out: CarryOut,
    *,
    concurrent: int,
    on_end: OnEnd,
) -> dict[int, SubtaskResult]:
    """Carry out the steps that are not over yet; once one is not done, running ones finish and no other is started.

    Args:
        done: steps that ended before, by id; they are not carried out again.
        concurrent: most steps at the same time, from 1.
        on_end: told of each result, one at a time and even while being cancelled, before a step that needs it starts.

    Returns:
        All steps that are over, those of `done` included.

    Raises:
        Exception: the first one that `carry_out` or `on_end` raised, as it was; the other steps were cancelled.
    """
    if concurrent < 1:
        raise ValueError(f"concurrent is {concurrent}; at least one step has to run")
    with unwrapped():
        async with anyio.create_task_group() as group:
            schedule = _Schedule(plan, done, carry_out, concurrent, on_end, group)
            schedule.start_ready()
    return schedule.ended


@contextmanager
def unwrapped() -> Iterator[None]:
    """Raise the first plain exception of a task group instead of the group."""
    try:
        yield
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from first.__cause__


class _Schedule:
    def __init__(
        self,
        plan: Plan,
        done: Mapping[int, SubtaskResult],
        carry_out: CarryOut,
        concurrent: int,
        on_end: OnEnd,
        group: TaskGroup,
    ) -> None:
        self.ended = dict(done)
        self._plan = plan
        self._carry_out = carry_out
        self._concurrent = concurrent
        self._on_end = on_end
        self._group = group
        self._running: set[int] = set()
        self._stopped = any(result.status is not SubtaskStatus.DONE for result in done.values())
        self._one_at_a_time = anyio.Lock()

    def start_ready(self) -> None:
        """Start the steps that may start now, in the plan's order."""
        for step in self._plan.subtasks:
            if self._stopped or len(self._running) >= self._concurrent:
                return
            new = step.id not in self.ended and step.id not in self._running
            if new and all(need in self.ended for need in step.depends_on):
                self._running.add(step.id)
                self._group.start_soon(self._run, step)

    async def _run(self, step: Subtask) -> None:
        if self._stopped:  # since it was its turn
            return
        result = await self._carry_out(step, SubtaskMemory.of(self._plan, self.ended))
        self._stopped = self._stopped or result.status is not SubtaskStatus.DONE
        with anyio.CancelScope(shield=True):  # what was done must not be done again after a cancelled run
            async with self._one_at_a_time:
                await self._on_end(result)
        self.ended[step.id] = result
        self._running.remove(step.id)
        await anyio.lowlevel.checkpoint_if_cancelled()
        self.start_ready()
