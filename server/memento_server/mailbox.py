"""Where a job leaves its questions for the host's model, and where whoever waits for the job brings the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from memento_planner.models.chat import Reply, Request
from memento_planner.models.errors import ModelUnavailableError

PATIENCE_S = 900.0
"""When nobody came for a question in this time, the run is put aside until somebody asks for it again."""


@dataclass(eq=False, slots=True)
class Question:
    """One question.

    Attributes:
        key: names it among those of its job.
        taken: whether somebody is putting it to a host just now.
    """

    key: str
    request: Request
    taken: bool = False
    answered: anyio.Event = field(default_factory=anyio.Event)
    answer: Reply | ModelUnavailableError | None = None


class Mailbox:
    """The open questions of one job; to be used on the event loop.

    Args:
        ring: called when there is a new question, or one was answered.
        put_aside: called when nobody came for one; cancels the job.
    """

    def __init__(
        self, ring: Callable[[], None], put_aside: Callable[[], None], *, patience_s: float = PATIENCE_S
    ) -> None:
        self._ring = ring
        self._put_aside = put_aside
        self._patience_s = patience_s
        self._open: dict[str, Question] = {}
        self._asked = 0

    async def ask(self, request: Request) -> Reply:
        """Leave a question and wait for its answer.

        Raises:
            ModelUnavailableError: if the host declined.
        """
        self._asked += 1
        question = self._open[f"question-{self._asked}"] = Question(f"question-{self._asked}", request)
        self._ring()
        try:
            with anyio.move_on_after(self._patience_s):
                await question.answered.wait()
            if question.answer is None:
                self._put_aside()
                await question.answered.wait()
        finally:
            self._open.pop(question.key, None)
        assert question.answer is not None
        if isinstance(question.answer, ModelUnavailableError):
            raise question.answer
        return question.answer

    def questions(self) -> tuple[Question, ...]:
        """Those that nobody is asking just now, oldest first."""
        return tuple(question for question in self._open.values() if not question.taken)

    def answer(self, key: str, answer: Reply | ModelUnavailableError) -> None:
        """Bring an answer; one to a question that is no longer open is dropped."""
        question = self._open.pop(key, None)
        if question is not None:
            question.answer = answer
            question.answered.set()
            self._ring()
