"""Tasks that are being solved in the background: one job per plan, for as long as the server runs."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from memento_memory.errors import MementoError
from memento_memory.text import shown
from memento_planner import events
from memento_server.mailbox import Mailbox

if TYPE_CHECKING:
    from memento_planner.solve import Solved

logger = logging.getLogger(__name__)

MOST_AT_WORK = 4
MOST_KEPT = 100
_LONGEST_WORD = 120


class BusyError(MementoError):
    """As many tasks are being solved as may be at a time."""


class Job:
    """One run of the solving loop and what is known of it; to be used on the event loop.

    Attributes:
        plan_id: "" until the run is written down.
        word: what happened last, in words.
        count: how much has happened so far.
        began_at, changed_at: when it began, and when anything happened last; seconds since the epoch.
        mailbox: its questions for the host's model.
        spent: what it has cost so far, None before anything.
        solved: how it ended.
        failure: what broke it.
        cancelled: whether somebody ended it.
        over: whether it has ended, in whichever way.
    """

    def __init__(self, plan_id: str, on_open: Callable[[Job], None]) -> None:
        self.plan_id = plan_id
        self.word = "getting ready"
        self.count = 0
        self.began_at = self.changed_at = time.time()
        self.mailbox = Mailbox(self._ring, self.cancel)
        self.spent: events.Spent | None = None
        self.solved: Solved | None = None
        self.failure: Exception | None = None
        self.cancelled = False
        self.over = False
        self.scope = anyio.CancelScope()
        self._on_open = on_open
        self._news = anyio.Event()

    def opened(self, plan_id: str) -> None:
        """Note that the run is written down, so that it can be gone on with from here."""
        self.plan_id = plan_id
        self._on_open(self)
        self._ring()

    def heard(self, event: events.Event) -> None:
        """Note what happened."""
        if isinstance(event, events.Spent):
            self.spent = event
        elif (word := words(event)) != self.word:
            self.word, self.count = word, self.count + 1
            self._ring()

    async def news(self) -> None:
        """Wait for the next thing to happen."""
        await self._news.wait()

    def cancel(self) -> None:
        """End it; what was done so far stays, and another job can go on with it."""
        self.cancelled = True
        self.scope.cancel()

    def end(self) -> None:
        """Note that it is over."""
        self.over = True
        self._ring()

    def _ring(self) -> None:
        self.changed_at = time.time()
        self._news.set()
        self._news = anyio.Event()


Work = Callable[[Job], Awaitable["Solved"]]


class Jobs:
    """The jobs of this process. Those that are over are kept for a while, for whoever comes to ask."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._at_work: set[Job] = set()
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let jobs run; at the end those that still do are cancelled, and can be gone on with by another process."""
        async with anyio.create_task_group() as self._tasks:
            try:
                yield
            finally:
                self._tasks.cancel_scope.cancel()
        self._jobs.clear()

    def find(self, plan_id: str) -> Job | None:
        """The job of a plan that is at work, or ended with something to tell."""
        job = self._jobs.get(plan_id)
        return None if job is None or job.cancelled else job

    def named(self, plan_id: str) -> Job | None:
        """The latest job of a plan, also one that was cancelled."""
        return self._jobs.get(plan_id)

    async def start(self, work: Work, plan_id: str = "") -> Job:
        """Begin a job, and wait until its run is written down.

        Args:
            plan_id: of the run it goes on with.

        Raises:
            BusyError: if there are too many at work.
        """
        if self._tasks is None:
            raise RuntimeError("jobs are started inside running() only")
        if len(self._at_work) >= MOST_AT_WORK:
            raise BusyError(f"{MOST_AT_WORK} tasks are being solved already; wait until one of them is done")
        job = Job(plan_id, self._remember)
        if plan_id:
            self._remember(job)
        self._at_work.add(job)
        self._tasks.start_soon(self._run, job, work)
        try:
            while not (job.plan_id or job.over):
                await job.news()
        except anyio.get_cancelled_exc_class():
            job.cancel()
            raise
        return job

    async def resume(self, work: Work, plan_id: str) -> Job:
        """The job of a plan, or a new one that goes on with it once a cancelled one has come to its end."""
        while (job := self._jobs.get(plan_id)) is not None and job.cancelled and not job.over:
            await job.news()
        return self.find(plan_id) or await self.start(work, plan_id)

    def forget(self, job: Job) -> None:
        """Drop a job whose end was told: to ask for its plan again then means to go on with it."""
        if self._jobs.get(job.plan_id) is job:
            del self._jobs[job.plan_id]

    async def _run(self, job: Job, work: Work) -> None:
        try:
            with job.scope:
                job.solved = await work(job)
        except Exception as error:
            job.failure = error  # told where the job is asked for
            if not isinstance(error, MementoError):
                logger.exception("solving %s broke off", job.plan_id or "a task")
        finally:
            self._at_work.discard(job)
            job.end()

    def _remember(self, job: Job) -> None:
        self._jobs[job.plan_id] = job
        over = [plan_id for plan_id, kept in self._jobs.items() if kept.over]
        for plan_id in over[: max(0, len(self._jobs) - MOST_KEPT)]:
            del self._jobs[plan_id]


def words(event: events.Event) -> str:
    """What happened, in a few words."""
    match event:
        case events.Planning(cycle=cycle, model=model):
            said = f"cycle {cycle}: {model} writes the plan"
        case events.Planned(cycle=cycle, plan=plan, source=source):
            said = f"cycle {cycle}: a plan of {_counted(len(plan.subtasks))} by {source}"
        case events.SubtaskStarted(subtask=subtask, description=description):
            said = f"step {subtask}: {description}"
        case events.ToolCalled(subtask=subtask, tool=tool):
            said = f"step {subtask} calls {tool}"
        case events.ToolReturned(subtask=subtask, tool=tool, is_error=is_error):
            said = f"step {subtask}: {tool} {'failed' if is_error else 'answered'}"
        case events.SubtaskEnded(subtask=subtask, status=status):
            said = f"step {subtask}: {status}"
        case events.Wrote(role=role):
            said = f"the {role} is writing"
        case events.CycleFailed(cycle=cycle, why=why):
            said = f"cycle {cycle} did not work: {why}"
        case events.Judged(outcome=outcome, evidence=evidence):
            said = f"judged {outcome} ({evidence})"
        case events.Spent(tokens=tokens, calls=calls):
            said = f"{tokens} tokens and {calls} calls so far"
    return shown(said, _LONGEST_WORD)


def _counted(steps: int) -> str:
    return f"{steps} step{'' if steps == 1 else 's'}"
