"""A reply as JSON: asked for, read leniently, checked, and sent back with what is wrong at most twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from memento_memory.errors import InputError
from memento_memory.text import shown
from memento_planner.models.chat import ChatModel, Message, OnText, Reply, Request, Role, Stop
from memento_planner.models.errors import RefusedError, UnusableReplyError

T = TypeVar("T")

_MAX_PROBLEM = 600
_MAX_ECHO = 2_000  # characters of a bad reply that are sent back
_MAX_OPENINGS = 200
_EMPTY = "(empty reply)"
_OBJECT = re.compile(r'\{\s*"')


async def complete_json(
    model: ChatModel,
    request: Request,
    *,
    check: Callable[[Any], T],
    attempts: int = 3,
    on_text: OnText | None = None,
) -> tuple[T, tuple[str, ...]]:
    """Ask for a value of the request's schema; a reply that cannot be used goes back with the reason.

    Args:
        check: makes the result of the parsed JSON; an InputError or ValueError it raises is what the model is told.
        attempts: replies to ask for, at most.

    Returns:
        What `check` made, and what was wrong with the replies before it, in words.

    Raises:
        UnusableReplyError: if no reply could be used.
        RefusedError: if the model declined.
        ModelError: what the model raised.
    """
    if request.schema is None or attempts < 1:
        raise ValueError("complete_json needs a schema and at least one attempt")
    problems: list[str] = []
    asked = request
    for _ in range(attempts):
        reply = await model.complete(_spelled_out(asked) if not model.supports.schema else asked, on_text)
        if reply.stop is Stop.REFUSAL:
            said = shown(reply.text, _MAX_PROBLEM) or "it gave no reason"
            raise RefusedError(f"{model.name} declined: {said}; rephrase the task or use another model")
        try:
            return check(lenient_json(reply.text)), tuple(problems)
        except (InputError, ValueError) as error:
            cut_off = "; it reached the length limit and was cut off: write less" if reply.stop is Stop.LENGTH else ""
            problems.append(shown(str(error), _MAX_PROBLEM) + cut_off)
        asked = _sent_back(request, reply, problems[-1])
    raise UnusableReplyError(
        f"{model.name} gave no usable reply in {attempts} attempts, lastly: {problems[-1]}; use a more capable model"
    )


def lenient_json(text: str) -> Any:
    """The JSON value a text is, or else the longest JSON object in it.

    Raises:
        ValueError: if there is none.
    """
    if not text.strip():
        raise ValueError("the reply is empty")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("the reply is nested too deeply") from None
    except ValueError as error:
        found = max(_objects(text), key=lambda pair: pair[0], default=None)
        if found is None:
            raise ValueError(f"the reply is not JSON: {error}") from None
        return found[1]


def _objects(text: str) -> Iterator[tuple[int, Any]]:
    """Length and value of each outermost JSON object in a text, up to the first one that is broken."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    for _ in range(_MAX_OPENINGS):
        if at < 0:
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            if _OBJECT.match(text, at):
                return  # what stands inside a broken object is not what was meant
            end = at + 1
        else:
            yield end - at, value
        at = text.find("{", end)


def _spelled_out(request: Request) -> Request:
    """The same request for a model that cannot be held to a schema: the schema stands in the prompt."""
    schema = json.dumps(request.schema, ensure_ascii=False, separators=(",", ":"))
    told = f"Reply with one JSON object and nothing else. It follows this JSON schema:\n{schema}"
    return replace(request, system=f"{request.system}\n\n{told}".strip(), schema=None)


def _sent_back(request: Request, reply: Reply, problem: str) -> Request:
    """The request with the last reply and what is wrong with it; earlier ones are left out to stay short."""
    said = Message(Role.ASSISTANT, shown(reply.text, _MAX_ECHO).strip() or _EMPTY)
    told = Message(Role.USER, f"That cannot be used: {problem}. Reply again with the whole JSON object, set right.")
    return replace(request, messages=(*request.messages, said, told))
