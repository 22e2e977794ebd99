"""Short ways to have jobs at work and to wait for their end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from memento_server.jobs import Job, Jobs


def with_jobs(use: Callable[[Jobs], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        jobs = Jobs()
        with anyio.fail_after(60):
            async with jobs.running():
                return await use(jobs)

    return anyio.run(run)


async def until_over(job: Job) -> None:
    while not job.over:
        await job.news()
