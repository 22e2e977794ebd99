"""Waiting for a job on behalf of a host: telling it what happens, and putting the job's questions to its model.

The SDK's `Sample` resolver does not fit here: it asks one question that is known before the tool's body runs, and from
then on its answer goes back and forth in the request state. A job asks as many questions as it happens to have.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import anyio
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp.types import CreateMessageResult, CreateMessageResultWithTools, InputRequiredResult
from pydantic import ValidationError

from memento_planner.models.errors import ModelUnavailableError
from memento_server.host_model import result_type, to_reply, to_sampling
from memento_server.jobs import Job
from memento_server.mailbox import Question
from memento_toolhub.wire.profile import is_modern

MOST_ROUNDS = 8
"""Returns with questions in one call; the SDK's client goes along with 10."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How far one call of a stateless host is, which takes as many requests as it is asked questions, and one more.

    Attributes:
        plan_id: what it waits for, "" at its beginning.
        began: seconds since the epoch.
        rounds: how often it was sent back with questions.
    """

    plan_id: str = ""
    began: float = field(default_factory=time.time)
    rounds: int = 0

    @classmethod
    def of(cls, state: str | None) -> Turn:
        """From what was given along, which the SDK has sealed."""
        return cls(**json.loads(state)) if state else cls()

    def next(self, job: Job) -> InputRequiredResult:
        """Send the host back with the job's questions."""
        questions = {question.key: to_sampling(question.request) for question in job.mailbox.questions()}
        state = json.dumps(asdict(Turn(job.plan_id, self.began, self.rounds + 1)))
        return InputRequiredResult(input_requests={**questions}, request_state=state)


def take_answers(ctx: Context[Any, Any], job: Job) -> None:
    """Hand the job the answers that a stateless host has brought."""
    for key, given in (ctx.input_responses or {}).items():
        if isinstance(given, CreateMessageResult | CreateMessageResultWithTools):
            job.mailbox.answer(key, to_reply(given))


def has_questions(ctx: Context[Any, Any], job: Job) -> bool:
    """Whether the host has to go back for answers."""
    return is_modern(ctx.protocol_version or "") and bool(job.mailbox.questions())


async def attend(ctx: Context[Any, Any], job: Job, seconds: float) -> None:
    """Wait until a job is over, has questions for a stateless host, or the time has passed.

    A host of the handshake era is asked meanwhile, at least what is open when it comes; that its model is at work
    keeps the call open beyond its time.
    """
    end = anyio.current_time() + seconds
    told, came = -1, True
    asked: set[str] = set()
    async with anyio.create_task_group() as tasks:
        while not (job.over or has_questions(ctx, job)):
            if job.count != told:
                told = job.count
                await ctx.report_progress(told, message=job.word)
                continue
            left = end - anyio.current_time()
            for question in job.mailbox.questions() if left > 0 or came else ():
                asked.add(question.key)
                question.taken = True
                tasks.start_soon(_put, ctx, job, question, asked)
            came = False
            if left <= 0 and not asked:
                break
            with anyio.move_on_after(left if left > 0 else math.inf):
                await job.news()
        tasks.cancel_scope.cancel()


async def _put(ctx: Context[Any, Any], job: Job, question: Question, asked: set[str]) -> None:
    """Put a question to a host of the handshake era, in the middle of its call."""
    request = to_sampling(question.request)
    metadata = ServerMessageMetadata(related_request_id=ctx.request_context.request_id)
    try:
        answer = to_reply(await ctx.session.send_request(request, result_type(request), metadata=metadata))
    except (MCPError, ValidationError) as error:
        why = " ".join(str(error).split())[:300]
        job.mailbox.answer(question.key, ModelUnavailableError(f"host: its model did not answer: {why}"))
    else:
        job.mailbox.answer(question.key, answer)
    finally:
        question.taken = False
        asked.discard(question.key)
