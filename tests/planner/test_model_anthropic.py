"""Anthropic's models through the real SDK, against a server on loopback that speaks the Messages API."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback

import anyio
import pytest

from memento_planner.models.anthropic import AnthropicModel
from memento_planner.models.chat import Reply, Request, Stop, ToolUse, Usage
from memento_planner.models.errors import ModelSetupError
from planner.anthropic_talk import ASK, KEY, READ, SEARCH, ask, end, fails, says, start, text, tool_use
from planner.wire_server import Answer, WireServer, events


def test_text_arrives_piece_by_piece_and_as_a_whole() -> None:
    pieces: list[str] = []
    with WireServer([says("First ", "search.")]).running() as server:
        reply = ask(server, on_text=pieces.append)
        path, headers, body = server.requests[0]
    assert reply == Reply("First search.", (), Stop.END, Usage(10, 7))
    assert pieces == ["First ", "search."]
    assert path == "/v1/messages"
    assert any(KEY in value for value in headers.values())
    assert (body["model"], body["stream"], body["max_tokens"]) == ("claude-sonnet-4-6", True, 2048)


def test_all_input_tokens_are_counted_and_the_cached_ones_among_them() -> None:
    counted = start(cache_read_input_tokens=300, cache_creation_input_tokens=40)
    with WireServer([Answer(events(counted, *text(0, "ok"), *end()))]).running() as server:
        assert ask(server).usage == Usage(input=350, output=7, cached=300, cache_writes=40)


def test_a_tool_call_comes_with_its_arguments() -> None:
    answer = events(start(), *text(0, "Let me see."), *tool_use(1, "search", '{"q": ', '"Osaka"}'), *end("tool_use"))
    with WireServer([Answer(answer)]).running() as server:
        reply = ask(server, Request("", ASK.messages, (SEARCH,)))
    assert reply.text == "Let me see."
    assert reply.tool_uses == (ToolUse("toolu_1", "search", {"q": "Osaka"}, '{"q": "Osaka"}'),)
    assert reply.stop is Stop.TOOL_USE


def test_several_tool_calls_come_in_order() -> None:
    answer = events(start(), *tool_use(0, "search", '{"q": "a"}'), *tool_use(1, "read", ""), *end("tool_use"))
    with WireServer([Answer(answer)]).running() as server:
        uses = ask(server, Request("", ASK.messages, (SEARCH, READ))).tool_uses
    assert [(use.id, use.name, use.arguments) for use in uses] == [
        ("toolu_0", "search", {"q": "a"}),
        ("toolu_1", "read", {}),
    ]


@pytest.mark.parametrize("raw", ['{"q": "Os', '["Osaka"]', "{'q': 1}"])
def test_arguments_that_are_no_object_are_kept_as_written(raw: str) -> None:
    with WireServer([Answer(events(start(), *tool_use(0, "search", raw), *end("tool_use")))]).running() as server:
        (use,) = ask(server, Request("", ASK.messages, (SEARCH,))).tool_uses
    assert (use.arguments, use.raw) == (None, raw)


def test_a_call_cut_off_before_its_arguments_is_not_a_call_without_any() -> None:
    with WireServer([Answer(events(start(), *tool_use(0, "read"), *end("max_tokens")))]).running() as server:
        reply = ask(server, Request("", ASK.messages, (READ,)))
    assert reply.stop is Stop.LENGTH
    assert reply.tool_uses[0].arguments is None


@pytest.mark.parametrize(
    ("said", "stop"),
    [("max_tokens", Stop.LENGTH), ("model_context_window_exceeded", Stop.LENGTH), ("refusal", Stop.REFUSAL)],
)
def test_an_empty_reply_says_why_it_ended(said: str, stop: Stop) -> None:
    with WireServer([Answer(events(start(), *end(said)))]).running() as server:
        assert ask(server) == Reply("", (), stop, Usage(10, 7))


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
    assert AnthropicModel(model, key=KEY).supports.context == context


def test_the_key_is_in_no_log_and_no_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [fails(429, "rate_limit_error", "slow down"), Answer(says("half").body[:4], cut=True), says("ok")]
    with WireServer(answers).running() as server:
        ask(server)
    assert "messages" in caplog.text
    assert KEY not in caplog.text
    assert KEY not in repr(AnthropicModel("claude-sonnet-4-6", key=KEY))


@pytest.mark.parametrize("key", [KEY, "gateway-0123456789"])
def test_a_key_that_the_server_repeats_is_taken_out_whatever_it_looks_like(key: str) -> None:
    answer = fails(401, "authentication_error", f"no such key: {key}")

    async def main(url: str) -> None:
        model = AnthropicModel("claude-sonnet-4-6", key=key, base_url=url)
        with pytest.raises(ModelSetupError, match=r"no such key: \[key\]") as refused:
            await model.complete(ASK)
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
    endless = Answer(events(start(), *text(0, *["word "] * 500), *end()), pause_s=0.02)

    async def main() -> None:
        model = AnthropicModel("claude-sonnet-4-6", key=KEY, base_url=server.url)
        with anyio.CancelScope() as scope:
            await model.complete(ASK, lambda _: scope.cancel())
        assert scope.cancelled_caught
        assert await anyio.to_thread.run_sync(server.hung_up.wait, 5.0)
        await model.aclose()

    with WireServer([endless]).running() as server:
        anyio.run(main)
        assert len(server.requests) == 1


def test_several_requests_at_once_keep_to_themselves() -> None:
    async def main() -> None:
        model = AnthropicModel("claude-sonnet-4-6", key=KEY, base_url=server.url)
        replies: list[str] = []

        async def ask() -> None:
            replies.append((await model.complete(ASK)).text)

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(ask)
        assert replies == ["one two"] * 8
        await model.aclose()

    with WireServer([says("one ", "two")]).running() as server:
        anyio.run(main)


def test_the_sdk_is_not_loaded_before_a_model_is_asked() -> None:
    program = (
        "import sys, json; from memento_planner.models.anthropic import AnthropicModel; "
        f"AnthropicModel('claude-sonnet-4-6', key={KEY!r}); "
        "print(json.dumps([name for name in ('anthropic', 'httpx2') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
