"""What the tests of the OpenAI model share: answers in its language, and requests to whoever gives them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
import pytest

from memento_planner.models.chat import Message, Reply, Request, Role, ToolSpec
from memento_planner.models.errors import ModelError
from memento_planner.models.openai import OpenAIModel
from planner.wire_server import Answer, WireServer, events

KEY = "sk-very-secret-0123456789"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
STRICT_SCHEMA = {**SCHEMA, "additionalProperties": False}
LOOK = ToolSpec("look", "Look something up.", {"type": "object", "properties": {"q": {"type": "string"}}})
HI = Request("Be brief.", (Message(Role.USER, "Hi"),))
ASK_JSON = Request("Be brief.", (Message(Role.USER, "Count"),), schema=SCHEMA)
ASK_TOOL = Request("", (Message(Role.USER, "Look"),), tools=(LOOK,))

T = TypeVar("T")


def chunk(*, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def usage(read: int, wrote: int, **more: Any) -> dict[str, Any]:
    counted = {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote, **more}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": counted}


def call(index: int | None, *, id: str | None = None, name: str | None = None, arguments: Any = None) -> dict[str, Any]:
    piece: dict[str, Any] = {"function": {"name": name, "arguments": arguments}}
    return piece | ({} if index is None else {"index": index}) | ({} if id is None else {"id": id})


def stream(*chunks: dict[str, Any] | str, **how: Any) -> Answer:
    return Answer(events(*chunks), **how)


def said(text: str = "Hello", **how: Any) -> Answer:
    return stream(chunk(content=text), chunk(finish="stop"), usage(9, 2), "[DONE]", **how)


def refused(status: int, message: str, **fields: Any) -> Answer:
    return Answer({"error": {"message": message, **fields}}, status=status)


def asking(model: OpenAIModel, use: Callable[[OpenAIModel], Awaitable[T]]) -> T:
    async def go() -> T:
        try:
            with anyio.fail_after(30):
                return await use(model)
        finally:
            await model.aclose()

    return anyio.run(go)


def talk(
    answers: list[Answer], *requests: Request, on_text: Callable[[str], None] | None = None
) -> tuple[list[Reply], OpenAIModel, list[Any]]:
    """The replies to requests made one after another, the model that made them, and the bodies the server got."""
    with WireServer(answers).running() as server:
        model = OpenAIModel("m", key=KEY, base_url=f"{server.url}/v1")

        async def use(model: OpenAIModel) -> list[Reply]:
            return [await model.complete(request, on_text) for request in requests]

        return asking(model, use), model, [body for _, _, body in server.requests]


def fail(answers: list[Answer], request: Request = HI, key: str = KEY) -> tuple[ModelError, OpenAIModel, int]:
    """The error of a request, its model, and how often the server was asked."""
    with WireServer(answers).running() as server:
        model = OpenAIModel("m", key=key, base_url=f"{server.url}/v1")
        with pytest.raises(ModelError) as caught:
            asking(model, lambda model: model.complete(request))
        return caught.value, model, len(server.requests)
