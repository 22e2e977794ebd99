"""Jobs in the background: begun, cancelled, gone on with, told of in a few words, and never lost in silence."""

from __future__ import annotations

import logging

import anyio
import pytest

from memento_memory.errors import InputError
from memento_memory.plan import parse_plan
from memento_planner import events
from memento_planner.run_state import Status
from memento_planner.solve import Solved
from memento_server.jobs import MOST_AT_WORK, MOST_KEPT, BusyError, Job, Jobs, words
from server.working import until_over, with_jobs


def solved(plan_id: str) -> Solved:
    return Solved(plan_id, Status.SOLVED, "", "42", None, "success", "judge", 1, "c-1", 10, None, 0.1, 0)


class Held:
    """Work that goes on until it is let go."""

    def __init__(self, plan_id: str) -> None:
        self.plan_id = plan_id
        self.gate = anyio.Event()
        self.begun = 0
        self.cancelled = 0

    async def work(self, job: Job) -> Solved:
        self.begun += 1
        job.opened(self.plan_id)
        try:
            await self.gate.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled += 1
            raise
        return solved(self.plan_id)


def test_a_job_is_found_by_its_plan_while_it_works_and_after() -> None:
    async def use(jobs: Jobs) -> None:
        held = Held("p-1")
        job = await jobs.start(held.work)
        assert (job.plan_id, job.over, jobs.find("p-1")) == ("p-1", False, job)
        held.gate.set()
        await until_over(job)
        assert jobs.find("p-1") is job
        assert job.solved == solved("p-1")

    with_jobs(use)


def test_a_job_that_breaks_before_its_run_is_written_down_is_told_at_once() -> None:
    async def broken(job: Job) -> Solved:
        raise InputError("budget", "cannot be watched")

    async def use(jobs: Jobs) -> None:
        job = await jobs.start(broken)
        assert job.over
        assert isinstance(job.failure, InputError)

    with_jobs(use)


def test_a_bug_in_one_job_is_logged_and_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def bug(job: Job) -> Solved:
        job.opened("p-bug")
        raise ZeroDivisionError

    async def use(jobs: Jobs) -> None:
        held = Held("p-1")
        other = await jobs.start(held.work)
        job = await jobs.start(bug)
        await until_over(job)
        assert isinstance(job.failure, ZeroDivisionError)
        assert not other.over

    with caplog.at_level(logging.ERROR):
        with_jobs(use)
    assert "solving p-bug broke off" in caplog.text


def test_cancelling_the_wait_for_a_jobs_beginning_cancels_the_job() -> None:
    async def use(jobs: Jobs) -> None:
        began, ended = anyio.Event(), anyio.Event()

        async def slow(job: Job) -> Solved:
            began.set()
            try:
                await anyio.sleep_forever()
            finally:
                ended.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(jobs.start, slow)
            await began.wait()
            tasks.cancel_scope.cancel()
        await ended.wait()

    with_jobs(use)


def test_a_cancelled_job_is_gone_on_with_by_a_new_one_when_it_has_ended() -> None:
    async def use(jobs: Jobs) -> None:
        first, second = Held("p-1"), Held("p-1")
        job = await jobs.start(first.work)
        job.cancel()
        assert jobs.find("p-1") is None
        again = await jobs.resume(second.work, "p-1")
        assert (first.cancelled, job.over) == (1, True)
        assert again is not job
        assert await jobs.resume(second.work, "p-1") is again
        await anyio.wait_all_tasks_blocked()
        assert second.begun == 1

    with_jobs(use)


def test_forgetting_a_job_leaves_the_one_that_went_on_with_its_plan() -> None:
    async def use(jobs: Jobs) -> None:
        first, second = Held("p-1"), Held("p-1")
        job = await jobs.start(first.work)
        job.cancel()
        again = await jobs.resume(second.work, "p-1")
        jobs.forget(job)
        assert jobs.find("p-1") is again
        jobs.forget(again)
        assert jobs.find("p-1") is None

    with_jobs(use)


def test_two_who_ask_for_the_same_run_at_once_get_one_job() -> None:
    async def use(jobs: Jobs) -> None:
        held = Held("p-1")
        found: list[Job] = []

        async def ask() -> None:
            found.append(await jobs.resume(held.work, "p-1"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert found[0] is found[1]
        assert held.begun == 1

    with_jobs(use)


def test_the_end_of_the_server_cancels_the_jobs_at_work() -> None:
    held = Held("p-1")

    async def use(jobs: Jobs) -> None:
        await jobs.start(held.work)

    with_jobs(use)
    assert held.cancelled == 1


def test_only_so_many_work_at_a_time() -> None:
    async def use(jobs: Jobs) -> None:
        held = [Held(f"p-{i}") for i in range(MOST_AT_WORK + 1)]
        first, *_ = [await jobs.start(one.work) for one in held[:-1]]
        with pytest.raises(BusyError, match=f"{MOST_AT_WORK} tasks are being solved"):
            await jobs.start(held[-1].work)
        held[0].gate.set()
        await until_over(first)
        await jobs.start(held[-1].work)

    with_jobs(use)


def test_the_oldest_results_make_room_but_jobs_at_work_stay() -> None:
    async def use(jobs: Jobs) -> None:
        held = Held("p-held")
        await jobs.start(held.work)
        for i in range(MOST_KEPT + 5):
            done = Held(f"p-{i}")
            done.gate.set()
            await until_over(await jobs.start(done.work))
        assert jobs.find("p-held") is not None
        assert jobs.find("p-0") is None
        assert jobs.find(f"p-{MOST_KEPT + 4}") is not None

    with_jobs(use)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            events.Planned("p-1", 2, parse_plan("1. Look\n2. Tell"), "scripted", ()),
            "cycle 2: a plan of 2 steps by scripted",
        ),
        (events.SubtaskStarted(1, "Look it up"), "step 1: Look it up"),
        (events.ToolCalled(1, 1, "notes__read_note", "{}"), "step 1 calls notes__read_note"),
        (events.ToolReturned(1, 1, "notes__read_note", True, "no such file"), "step 1: notes__read_note failed"),
        (events.SubtaskEnded(1, "done", "It says 42."), "step 1: done"),
        (events.Wrote("planner", "{"), "the planner is writing"),
        (events.CycleFailed(1, "no such file"), "cycle 1 did not work: no such file"),
        (events.Judged("success", "judge", "right"), "judged success (judge)"),
    ],
)
def test_what_happens_is_told_in_a_few_words(event: events.Event, said: str) -> None:
    assert words(event) == said


def test_news_counts_what_changed_and_keeps_the_costs() -> None:
    async def use() -> None:
        job = Job("p-1", lambda _: None)
        for event in (events.Wrote("planner", "a"), events.Wrote("planner", "b"), events.SubtaskStarted(1, "Look")):
            job.heard(event)
        job.heard(events.Spent(30, None, 1.0, 2))
        assert (job.count, job.word) == (2, "step 1: Look")
        assert job.spent == events.Spent(30, None, 1.0, 2)

    anyio.run(use)
