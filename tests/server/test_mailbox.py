"""Questions wait in the mailbox for their answers, until they are taken back or nobody comes for them."""

from __future__ import annotations

import anyio
import pytest

from memento_planner.models.chat import Message, Reply, Request, Role
from memento_planner.models.errors import ModelUnavailableError
from memento_planner.solve import Solved
from memento_server.jobs import Job, Jobs
from memento_server.mailbox import Mailbox
from server.working import until_over, with_jobs

ASKED = Request("Be brief.", (Message(Role.USER, "What is 6 times 7?"),))


def test_a_question_waits_in_the_mailbox_for_its_answer() -> None:
    async def use() -> None:
        rung: list[str] = []
        mailbox = Mailbox(lambda: rung.append("ring"), lambda: rung.append("put aside"))
        answers: list[Reply] = []

        async def ask() -> None:
            answers.append(await mailbox.ask(ASKED))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            (question,) = mailbox.questions()
            assert question.request == ASKED
            question.taken = True
            assert mailbox.questions() == ()
            question.taken = False
            mailbox.answer("question-99", Reply("to nobody"))
            mailbox.answer(question.key, Reply("42"))
            mailbox.answer(question.key, Reply("43"))
        assert answers == [Reply("42")]
        assert mailbox.questions() == ()
        assert rung == ["ring", "ring"]

    anyio.run(use)


def test_a_question_that_is_taken_back_is_no_longer_put_to_anybody() -> None:
    async def use() -> None:
        mailbox = Mailbox(lambda: None, lambda: None)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(mailbox.ask, ASKED)
            await anyio.wait_all_tasks_blocked()
            assert len(mailbox.questions()) == 1
            tasks.cancel_scope.cancel()
        assert mailbox.questions() == ()

    anyio.run(use)


def test_a_host_that_declines_is_a_model_that_cannot_be_had() -> None:
    async def use() -> None:
        mailbox = Mailbox(lambda: None, lambda: None)

        async def decline() -> None:
            await anyio.wait_all_tasks_blocked()
            mailbox.answer(mailbox.questions()[0].key, ModelUnavailableError("host: no"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(decline)
            with pytest.raises(ModelUnavailableError, match="host: no"):
                await mailbox.ask(ASKED)

    anyio.run(use)


def test_a_question_that_nobody_comes_for_puts_the_job_aside_for_later() -> None:
    async def use(jobs: Jobs) -> None:
        async def lonely(job: Job) -> Solved:
            job.opened("p-1")
            await Mailbox(lambda: None, job.cancel, patience_s=0).ask(ASKED)
            raise AssertionError("there was no answer")

        job = await jobs.start(lonely)
        await until_over(job)
        assert job.cancelled
        assert job.failure is None
        assert jobs.find("p-1") is None

    with_jobs(use)
