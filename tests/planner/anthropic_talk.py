"""What the tests of Anthropic's models share: answers in their language, and requests to whoever gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import pytest

from memento_planner.models.anthropic import AnthropicModel
from memento_planner.models.chat import Message, Reply, Request, Role, ToolSpec
from memento_planner.models.errors import ModelError
from planner.wire_server import Answer, WireServer, events

KEY = "sk-ant-api03-this-must-never-be-seen"
ASK = Request("You plan.", (Message(Role.USER, "Plan it."),))
SOON = {"retry-after-ms": "1"}
SEARCH = ToolSpec("search", "Searches.", {"type": "object", "properties": {"q": {"type": "string"}}})
READ = ToolSpec("read", "Reads.", {"type": "object", "properties": {}})
SCHEMA = {"type": "object", "properties": {"plan": {"type": "string", "minLength": 1}}, "required": ["plan"]}
CACHED = {"type": "ephemeral"}


def start(**usage: int) -> dict[str, Any]:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 10, "output_tokens": 1, **usage},
    }
    return {"type": "message_start", "message": message}


def text(index: int, *pieces: str) -> list[dict[str, Any]]:
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return _block(index, {"type": "text", "text": ""}, deltas)


def tool_use(index: int, name: str, *pieces: str) -> list[dict[str, Any]]:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return _block(index, {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}, deltas)


def thought(index: int, text: str, signature: str) -> list[dict[str, Any]]:
    deltas = [{"type": "thinking_delta", "thinking": text}, {"type": "signature_delta", "signature": signature}]
    return _block(index, {"type": "thinking", "thinking": "", "signature": ""}, deltas)


def _block(index: int, start: Mapping[str, Any], deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    grown = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *grown,
        {"type": "content_block_stop", "index": index},
    ]


def end(stop: str = "end_turn", **usage: int) -> list[dict[str, Any]]:
    delta = {"stop_reason": stop, "stop_sequence": None}
    return [
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7, **usage}},
        {"type": "message_stop"},
    ]


def says(*pieces: str) -> Answer:
    return Answer(events(start(), {"type": "ping"}, *text(0, *pieces), *end()))


def fails(status: int, kind: str, message: str, headers: Mapping[str, str] = SOON) -> Answer:
    return Answer({"type": "error", "error": {"type": kind, "message": message}}, status, headers)


def ask(
    server: WireServer,
    request: Request = ASK,
    *,
    model: str = "claude-sonnet-4-6",
    on_text: Callable[[str], None] | None = None,
    times: int = 1,
) -> Reply:
    async def main() -> Reply:
        asked = AnthropicModel(model, key=KEY, base_url=server.url)
        try:
            for _ in range(times - 1):
                await asked.complete(request, on_text)
            return await asked.complete(request, on_text)
        finally:
            await asked.aclose()

    return anyio.run(main)


def told(answers: list[Answer], request: Request = ASK) -> tuple[ModelError, int]:
    """The error a model raises, and how many requests it made."""
    with WireServer(answers).running() as server:
        with pytest.raises(ModelError) as raised:
            ask(server, request)
        return raised.value, len(server.requests)


def sent_for(request: Request, *, model: str = "claude-sonnet-4-6") -> Any:
    """The JSON a request becomes."""
    with WireServer([says("ok")]).running() as server:
        ask(server, request, model=model)
        return server.requests[0][2]
