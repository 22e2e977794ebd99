"""Anthropic's models through the real SDK, against a server on loopback that speaks the Messages API."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import pytest

from memento_planner.models.anthropic import AnthropicModel
from memento_planner.models.chat import Message, Reply, Request, Role, Stop, ToolSpec, ToolUse, Usage
from memento_planner.models.errors import (
    ContextLengthError,
    InterruptedReplyError,
    ModelError,
    ModelSetupError,
    ModelUnavailableError,
)
from planner.wire_server import Answer, WireServer, events

_KEY = "sk-ant-api03-this-must-never-be-seen"
_ASK = Request("You plan.", (Message(Role.USER, "Plan it."),))
_SOON = {"retry-after-ms": "1"}
_SEARCH = ToolSpec("search", "Searches.", {"type": "object", "properties": {"q": {"type": "string"}}})
_READ = ToolSpec("read", "Reads.", {"type": "object", "properties": {}})
_SCHEMA = {"type": "object", "properties": {"plan": {"type": "string", "minLength": 1}}, "required": ["plan"]}
_CACHED = {"type": "ephemeral"}


def _start(**usage: int) -> dict[str, Any]:
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


def _text(index: int, *pieces: str) -> list[dict[str, Any]]:
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return _block(index, {"type": "text", "text": ""}, deltas)


def _use(index: int, name: str, *pieces: str) -> list[dict[str, Any]]:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return _block(index, {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}, deltas)


def _thought(index: int, text: str, signature: str) -> list[dict[str, Any]]:
    deltas = [{"type": "thinking_delta", "thinking": text}, {"type": "signature_delta", "signature": signature}]
    return _block(index, {"type": "thinking", "thinking": "", "signature": ""}, deltas)


def _block(index: int, start: Mapping[str, Any], deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    grown = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *grown,
        {"type": "content_block_stop", "index": index},
    ]


def _end(stop: str = "end_turn", **usage: int) -> list[dict[str, Any]]:
    delta = {"stop_reason": stop, "stop_sequence": None}
    return [
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7, **usage}},
        {"type": "message_stop"},
    ]


def _says(*pieces: str) -> Answer:
    return Answer(events(_start(), {"type": "ping"}, *_text(0, *pieces), *_end()))


def _fails(status: int, kind: str, message: str, headers: Mapping[str, str] = _SOON) -> Answer:
    return Answer({"type": "error", "error": {"type": kind, "message": message}}, status, headers)


def _ask(
    server: WireServer,
    request: Request = _ASK,
    *,
    model: str = "claude-sonnet-4-6",
    on_text: Callable[[str], None] | None = None,
    times: int = 1,
) -> Reply:
    async def main() -> Reply:
        asked = AnthropicModel(model, key=_KEY, base_url=server.url)
        try:
            for _ in range(times - 1):
                await asked.complete(request, on_text)
            return await asked.complete(request, on_text)
        finally:
            await asked.aclose()

    return anyio.run(main)


def _told(answers: list[Answer], request: Request = _ASK) -> tuple[ModelError, int]:
    """The error a model raises, and how many requests it made."""
    with WireServer(answers).running() as server:
        with pytest.raises(ModelError) as raised:
            _ask(server, request)
        return raised.value, len(server.requests)


def _sent(request: Request, *, model: str = "claude-sonnet-4-6") -> Any:
    """The JSON a request becomes."""
    with WireServer([_says("ok")]).running() as server:
        _ask(server, request, model=model)
        return server.requests[0][2]


def test_text_arrives_piece_by_piece_and_as_a_whole() -> None:
    pieces: list[str] = []
    with WireServer([_says("First ", "search.")]).running() as server:
        reply = _ask(server, on_text=pieces.append)
        path, headers, body = server.requests[0]
    assert reply == Reply("First search.", (), Stop.END, Usage(10, 7))
    assert pieces == ["First ", "search."]
    assert path == "/v1/messages"
    assert any(_KEY in value for value in headers.values())
    assert (body["model"], body["stream"], body["max_tokens"]) == ("claude-sonnet-4-6", True, 2048)


def test_all_input_tokens_are_counted_and_the_cached_ones_among_them() -> None:
    counted = _start(cache_read_input_tokens=300, cache_creation_input_tokens=40)
    with WireServer([Answer(events(counted, *_text(0, "ok"), *_end()))]).running() as server:
        assert _ask(server).usage == Usage(input=350, output=7, cached=300, cache_writes=40)


def test_a_tool_call_comes_with_its_arguments() -> None:
    answer = events(_start(), *_text(0, "Let me see."), *_use(1, "search", '{"q": ', '"Osaka"}'), *_end("tool_use"))
    with WireServer([Answer(answer)]).running() as server:
        reply = _ask(server, Request("", _ASK.messages, (_SEARCH,)))
    assert reply.text == "Let me see."
    assert reply.tool_uses == (ToolUse("toolu_1", "search", {"q": "Osaka"}, '{"q": "Osaka"}'),)
    assert reply.stop is Stop.TOOL_USE


def test_several_tool_calls_come_in_order() -> None:
    answer = events(_start(), *_use(0, "search", '{"q": "a"}'), *_use(1, "read", ""), *_end("tool_use"))
    with WireServer([Answer(answer)]).running() as server:
        uses = _ask(server, Request("", _ASK.messages, (_SEARCH, _READ))).tool_uses
    assert [(use.id, use.name, use.arguments) for use in uses] == [
        ("toolu_0", "search", {"q": "a"}),
        ("toolu_1", "read", {}),
    ]


@pytest.mark.parametrize("raw", ['{"q": "Os', '["Osaka"]', "{'q': 1}"])
def test_arguments_that_are_no_object_are_kept_as_written(raw: str) -> None:
    with WireServer([Answer(events(_start(), *_use(0, "search", raw), *_end("tool_use")))]).running() as server:
        (use,) = _ask(server, Request("", _ASK.messages, (_SEARCH,))).tool_uses
    assert (use.arguments, use.raw) == (None, raw)


def test_a_call_cut_off_before_its_arguments_is_not_a_call_without_any() -> None:
    with WireServer([Answer(events(_start(), *_use(0, "read"), *_end("max_tokens")))]).running() as server:
        reply = _ask(server, Request("", _ASK.messages, (_READ,)))
    assert reply.stop is Stop.LENGTH
    assert reply.tool_uses[0].arguments is None


@pytest.mark.parametrize(
    ("said", "stop"),
    [("max_tokens", Stop.LENGTH), ("model_context_window_exceeded", Stop.LENGTH), ("refusal", Stop.REFUSAL)],
)
def test_an_empty_reply_says_why_it_ended(said: str, stop: Stop) -> None:
    with WireServer([Answer(events(_start(), *_end(said)))]).running() as server:
        assert _ask(server) == Reply("", (), stop, Usage(10, 7))


def test_a_conversation_becomes_alternating_messages() -> None:
    broken = ToolUse("toolu_b", "search", None, '{"q": ')
    messages = (
        Message(Role.USER, "Plan it."),
        Message(Role.ASSISTANT, "", (ToolUse("toolu_a", "search", {"q": "x"}, '{"q": "x"}'), broken)),
        Message(Role.TOOL, "found", tool_use_id="toolu_a"),
        Message(Role.TOOL, "", tool_use_id="toolu_b", is_error=True),
        Message(Role.USER, "Go on."),
        Message(Role.ASSISTANT, "  "),
        Message(Role.USER, "Well?"),
    )
    sent = _sent(Request("", messages, (_SEARCH,)))
    assert "system" not in sent
    first, calls, results = sent["messages"]
    assert first == {"role": "user", "content": [{"type": "text", "text": "Plan it."}]}
    assert calls["content"] == [
        {"type": "tool_use", "id": "toolu_a", "name": "search", "input": {"q": "x"}},
        {"type": "tool_use", "id": "toolu_b", "name": "search", "input": {"INVALID_JSON": '{"q": '}},
    ]
    assert results["role"] == "user"
    assert results["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_a", "content": "found"},
        {"type": "tool_result", "tool_use_id": "toolu_b", "is_error": True, "content": "(no message)"},
        {"type": "text", "text": "Go on."},
        {"type": "text", "text": "Well?", "cache_control": _CACHED},
    ]


def test_what_stays_is_marked_for_the_cache() -> None:
    sent = _sent(Request("You plan.", _ASK.messages, (_SEARCH, _READ)))
    assert sent["system"] == [{"type": "text", "text": "You plan.", "cache_control": _CACHED}]
    assert ["cache_control" in tool for tool in sent["tools"]] == [False, True]
    assert sent["messages"][-1]["content"][-1]["cache_control"] == _CACHED


def test_a_single_question_is_not_written_to_the_cache() -> None:
    assert _sent(_ASK)["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Plan it."}]}]


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ("read", {"type": "tool", "name": "read"}),
    ],
)
def test_a_tool_can_be_left_free_forbidden_or_demanded(choice: str, wire: dict[str, str]) -> None:
    assert _sent(Request("", _ASK.messages, (_SEARCH, _READ), choice))["tool_choice"] == wire
    assert "tool_choice" not in _sent(Request("", _ASK.messages, (), choice))


def test_a_tool_schema_the_api_would_refuse_is_made_a_plain_object() -> None:
    odd = ToolSpec("odd", "", {"anyOf": [{"required": ["a"]}], "properties": {"a": {"type": "string"}}})
    (tool,) = _sent(Request("", _ASK.messages, (odd,)))["tools"]
    assert tool["input_schema"] == {"type": "object", "properties": {"a": {"type": "string"}}}


def test_a_schema_is_sent_as_the_format_of_the_output() -> None:
    sent = _sent(Request("", _ASK.messages, schema=_SCHEMA))
    assert sent["output_config"]["format"]["type"] == "json_schema"
    schema = sent["output_config"]["format"]["schema"]
    assert (schema["additionalProperties"], schema["required"]) == (False, ["plan"])
    assert "tools" not in sent


def test_where_an_endpoint_takes_no_schema_a_demanded_tool_carries_it_from_then_on() -> None:
    refused = _fails(400, "invalid_request_error", "output_config.format: not supported by this model")
    answered = Answer(events(_start(), *_use(0, "answer", '{"plan":', ' "go"}'), *_end("tool_use")))
    pieces: list[str] = []
    with WireServer([refused, answered]).running() as server:
        reply = _ask(server, Request("", _ASK.messages, schema=_SCHEMA), on_text=pieces.append, times=2)
        bodies = [body for _, _, body in server.requests]
    assert (reply.text, reply.tool_uses, reply.stop) == ('{"plan": "go"}', (), Stop.END)
    assert pieces == ['{"plan":', ' "go"}'] * 2
    assert ["output_config" in body for body in bodies] == [True, False, False]
    assert bodies[1]["tool_choice"] == {"type": "tool", "name": "answer"}
    assert bodies[1]["tools"][0]["input_schema"] == _SCHEMA


def test_a_schema_beyond_the_dialect_of_structured_outputs_is_carried_by_a_tool() -> None:
    loose = {"type": "object", "properties": {"n": {"type": ["string", "null"]}}}
    assert _sent(Request("", _ASK.messages, schema=loose))["tools"][0]["input_schema"] == loose


def test_where_no_tool_call_can_be_demanded_the_model_is_told_to_make_it() -> None:
    refused = _fails(400, "invalid_request_error", "tool_choice: forced tool use is not supported with thinking")
    with WireServer([refused, _says("ok")]).running() as server:
        _ask(server, Request("You plan.", _ASK.messages, (_SEARCH,), "search"), times=2)
        bodies = [body for _, _, body in server.requests]
    assert [body["tool_choice"]["type"] for body in bodies] == ["tool", "auto", "auto"]
    assert bodies[1]["system"][-1]["text"] == "Now call the tool search."


def test_a_model_that_takes_a_schema_in_no_form_says_so() -> None:
    async def main() -> None:
        model = AnthropicModel("claude-old", key=_KEY, base_url=server.url)
        assert model.supports.schema
        reply = await model.complete(Request("", _ASK.messages, schema=_SCHEMA))
        assert reply.text == "plain"
        assert not model.supports.schema
        await model.aclose()

    first = _fails(400, "invalid_request_error", "output_config: Extra inputs are not permitted")
    second = _fails(400, "invalid_request_error", "tool_choice forces tool use, which is not supported")
    with WireServer([first, second, _says("plain")]).running() as server:
        anyio.run(main)
        assert len(server.requests) == 3


def _after_thinking(answers: list[Answer]) -> list[Any]:
    """The bodies sent in a tool loop whose first turn holds thinking."""
    thinking = events(
        _start(), *_thought(0, "Hm.", "signed"), *_text(1, "Yes."), *_use(2, "read", "{}"), *_end("tool_use")
    )

    async def main() -> None:
        model = AnthropicModel("claude-opus-5-5", key=_KEY, base_url=server.url)
        reply = await model.complete(Request("", _ASK.messages, (_READ,)))
        assert reply.text == "Yes."
        said = Message(Role.ASSISTANT, reply.text, reply.tool_uses)
        result = Message(Role.TOOL, "content", tool_use_id=reply.tool_uses[0].id)
        await model.complete(Request("", (*_ASK.messages, said, result), (_READ,)))
        await model.aclose()

    with WireServer([Answer(thinking), *answers]).running() as server:
        anyio.run(main)
        return [body for _, _, body in server.requests]


def test_thinking_goes_back_unchanged_in_a_tool_loop() -> None:
    _, second = _after_thinking([_says("done")])
    assert second["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "signed"},
        {"type": "text", "text": "Yes."},
        {"type": "tool_use", "id": "toolu_2", "name": "read", "input": {}},
    ]


def test_thinking_the_api_does_not_recognise_is_left_out() -> None:
    refused = _fails(400, "invalid_request_error", "messages.1.content.0: Invalid `signature` in `thinking` block")
    _, second, third = _after_thinking([refused, _says("done")])
    assert second["messages"][1]["content"][0]["type"] == "thinking"
    assert [block["type"] for block in third["messages"][1]["content"]] == ["text", "tool_use"]


def test_a_model_that_thinks_unasked_has_room_for_it() -> None:
    ask = Request("", _ASK.messages, max_tokens=512, temperature=0.0)
    assert _sent(ask, model="claude-opus-4-8")["max_tokens"] == 512
    thinking = _sent(ask, model="claude-sonnet-5-5")
    assert thinking["max_tokens"] > 4096
    assert "temperature" not in thinking


@pytest.mark.parametrize(
    ("model", "context"),
    [
        ("claude-haiku-4-5-20251001", 200_000),
        ("claude-sonnet-4-20250514", 200_000),
        ("claude-opus-4-6", 1_000_000),
        ("claude-sonnet-5", 1_000_000),
        ("something-else", 200_000),
    ],
)
def test_the_context_goes_by_the_generation(model: str, context: int) -> None:
    assert AnthropicModel(model, key=_KEY).supports.context == context


def test_a_rate_limit_is_waited_out() -> None:
    limited = _fails(429, "rate_limit_error", "slow down", {"Retry-After": "0.01"})
    with WireServer([limited, limited, _says("ok")]).running() as server:
        assert _ask(server).text == "ok"
        assert len(server.requests) == 3


def test_an_overload_is_waited_out() -> None:
    with WireServer([_fails(529, "overloaded_error", "Overloaded"), _says("ok")]).running() as server:
        assert _ask(server).text == "ok"


def test_an_overload_without_end_is_reported_with_the_number_of_tries() -> None:
    error, requests = _told([_fails(529, "overloaded_error", "Overloaded")])
    assert type(error) is ModelUnavailableError
    assert requests == 5
    assert "5 tries (HTTP 529: Overloaded)" in str(error)
    assert "again later" in str(error)


def test_a_wait_of_more_than_a_minute_is_left_to_the_caller() -> None:
    error, requests = _told([_fails(429, "rate_limit_error", "daily limit", {"Retry-After": "3600"})])
    assert type(error) is ModelUnavailableError
    assert requests == 1
    assert "the server asks to wait 3600 s" in str(error)


@pytest.mark.parametrize("broken", [Answer(_says("half").body[:4], cut=True), Answer(_says("half").body[:4])])
def test_a_reply_that_breaks_off_is_asked_for_again(broken: Answer) -> None:
    pieces: list[str] = []
    with WireServer([broken, _says("whole")]).running() as server:
        assert _ask(server, on_text=pieces.append).text == "whole"
        assert len(server.requests) == 2
    assert pieces == ["half", "whole"]


def test_a_reply_that_always_breaks_off_is_given_up_after_three_attempts() -> None:
    error, requests = _told([Answer(_says("half").body[:4], cut=True)])
    assert type(error) is InterruptedReplyError
    assert requests == 3
    assert "broke off 3 times" in str(error)


def test_an_overload_in_the_middle_of_a_reply_is_an_interruption() -> None:
    overload = events({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    answer = Answer([*_says("half").body[:4], *overload])
    with WireServer([answer, _says("whole")]).running() as server:
        assert _ask(server).text == "whole"
    error, requests = _told([answer])
    assert (type(error), requests) == (InterruptedReplyError, 3)
    assert "Overloaded" in str(error)


@pytest.mark.parametrize(
    ("answer", "kind", "step"),
    [
        (_fails(401, "authentication_error", f"invalid x-api-key {_KEY}"), ModelSetupError, "ANTHROPIC_API_KEY"),
        (_fails(403, "permission_error", "no access"), ModelSetupError, "ANTHROPIC_API_KEY"),
        (_fails(404, "not_found_error", "model: claude-sonnet-9"), ModelSetupError, "model's name"),
        (_fails(402, "billing_error", "pay first"), ModelSetupError, "add credit"),
        (_fails(400, "invalid_request_error", "Your credit balance is too low"), ModelSetupError, "add credit"),
        (_fails(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
         ContextLengthError, "send less"),
        (_fails(413, "request_too_large", "Request exceeds the maximum size"), ContextLengthError, "send less"),
        (_fails(400, "invalid_request_error", "messages: roles must alternate"), ModelError, "roles must alternate"),
    ],
)  # fmt: skip
def test_what_trying_again_does_not_help_is_reported_at_once_with_the_next_step(
    answer: Answer, kind: type[ModelError], step: str
) -> None:
    error, requests = _told([answer])
    assert type(error) is kind
    assert requests == 1
    assert step in str(error)
    assert str(error).startswith("anthropic:claude-sonnet-4-6")
    assert _KEY not in "".join(traceback.format_exception(error))


def test_a_server_that_is_not_there_is_reported() -> None:
    async def main() -> None:
        model = AnthropicModel("claude-sonnet-4-6", key=_KEY, base_url=url, retries=1)
        with pytest.raises(ModelUnavailableError, match=r"could not be reached in 2 tries .*check the network"):
            await model.complete(_ASK)
        await model.aclose()

    with WireServer([_says("ok")]).running() as server:
        url = server.url
    anyio.run(main)


def test_no_redirect_is_followed() -> None:
    with WireServer([_says("trap")]).running() as elsewhere:
        moved = Answer({}, 307, {"Location": f"{elsewhere.url}/v1/messages"})
        error, _ = _told([moved])
        assert elsewhere.requests == []
    assert "HTTP 307" in str(error)


def test_the_key_is_in_no_log_and_no_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [_fails(429, "rate_limit_error", "slow down"), Answer(_says("half").body[:4], cut=True), _says("ok")]
    with WireServer(answers).running() as server:
        _ask(server)
    assert "messages" in caplog.text
    assert _KEY not in caplog.text
    assert _KEY not in repr(AnthropicModel("claude-sonnet-4-6", key=_KEY))


@pytest.mark.parametrize("key", [_KEY, "gateway-0123456789"])
def test_a_key_that_the_server_repeats_is_taken_out_whatever_it_looks_like(key: str) -> None:
    answer = _fails(401, "authentication_error", f"no such key: {key}")

    async def main(url: str) -> None:
        model = AnthropicModel("claude-sonnet-4-6", key=key, base_url=url)
        with pytest.raises(ModelSetupError, match=r"no such key: \[key\]") as refused:
            await model.complete(_ASK)
        assert key not in "".join(traceback.format_exception(refused.value))
        await model.aclose()

    with WireServer([answer]).running() as server:
        anyio.run(main, server.url)


@pytest.mark.parametrize("key", ["", "  ", "sk-ant-two\nlines", "sk-ant-ключ"])
def test_what_cannot_be_a_key_is_refused_before_it_is_sent(key: str) -> None:
    with pytest.raises(ModelSetupError, match="set ANTHROPIC_API_KEY") as refused:
        AnthropicModel("claude-sonnet-4-6", key=key)
    assert not key.strip() or key not in str(refused.value)


def test_cancelling_closes_the_connection_at_once() -> None:
    endless = Answer(events(_start(), *_text(0, *["word "] * 500), *_end()), pause_s=0.02)

    async def main() -> None:
        model = AnthropicModel("claude-sonnet-4-6", key=_KEY, base_url=server.url)
        with anyio.CancelScope() as scope:
            await model.complete(_ASK, lambda _: scope.cancel())
        assert scope.cancelled_caught
        assert await anyio.to_thread.run_sync(server.hung_up.wait, 5.0)
        await model.aclose()

    with WireServer([endless]).running() as server:
        anyio.run(main)
        assert len(server.requests) == 1


def test_several_requests_at_once_keep_to_themselves() -> None:
    async def main() -> None:
        model = AnthropicModel("claude-sonnet-4-6", key=_KEY, base_url=server.url)
        replies: list[str] = []

        async def ask() -> None:
            replies.append((await model.complete(_ASK)).text)

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(ask)
        assert replies == ["one two"] * 8
        await model.aclose()

    with WireServer([_says("one ", "two")]).running() as server:
        anyio.run(main)


def test_the_sdk_is_not_loaded_before_a_model_is_asked() -> None:
    program = (
        "import sys, json; from memento_planner.models.anthropic import AnthropicModel; "
        f"AnthropicModel('claude-sonnet-4-6', key={_KEY!r}); "
        "print(json.dumps([name for name in ('anthropic', 'httpx2') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
