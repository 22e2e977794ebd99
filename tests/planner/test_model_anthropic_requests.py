"""What Anthropic's models are sent: conversations, tools, schemas, thinking and what is marked for the cache."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from memento_planner.models.anthropic import AnthropicModel
from memento_planner.models.chat import Message, Request, Role, Stop, ToolSpec, ToolUse
from planner.anthropic_talk import (
    ASK,
    CACHED,
    KEY,
    READ,
    SCHEMA,
    SEARCH,
    ask,
    end,
    fails,
    says,
    sent_for,
    start,
    text,
    thought,
    tool_use,
)
from planner.wire_server import Answer, WireServer, events


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
    sent = sent_for(Request("", messages, (SEARCH,)))
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
        {"type": "text", "text": "Well?", "cache_control": CACHED},
    ]


def test_what_stays_is_marked_for_the_cache() -> None:
    sent = sent_for(Request("You plan.", ASK.messages, (SEARCH, READ)))
    assert sent["system"] == [{"type": "text", "text": "You plan.", "cache_control": CACHED}]
    assert ["cache_control" in tool for tool in sent["tools"]] == [False, True]
    assert sent["messages"][-1]["content"][-1]["cache_control"] == CACHED


def test_a_single_question_is_not_written_to_the_cache() -> None:
    assert sent_for(ASK)["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Plan it."}]}]


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
    assert sent_for(Request("", ASK.messages, (SEARCH, READ), choice))["tool_choice"] == wire
    assert "tool_choice" not in sent_for(Request("", ASK.messages, (), choice))


def test_a_tool_schema_the_api_would_refuse_is_made_a_plain_object() -> None:
    odd = ToolSpec("odd", "", {"anyOf": [{"required": ["a"]}], "properties": {"a": {"type": "string"}}})
    (tool,) = sent_for(Request("", ASK.messages, (odd,)))["tools"]
    assert tool["input_schema"] == {"type": "object", "properties": {"a": {"type": "string"}}}


def test_a_schema_is_sent_as_the_format_of_the_output() -> None:
    sent = sent_for(Request("", ASK.messages, schema=SCHEMA))
    assert sent["output_config"]["format"]["type"] == "json_schema"
    schema = sent["output_config"]["format"]["schema"]
    assert (schema["additionalProperties"], schema["required"]) == (False, ["plan"])
    assert "tools" not in sent


def test_where_an_endpoint_takes_no_schema_a_demanded_tool_carries_it_from_then_on() -> None:
    refused = fails(400, "invalid_request_error", "output_config.format: not supported by this model")
    answered = Answer(events(start(), *tool_use(0, "answer", '{"plan":', ' "go"}'), *end("tool_use")))
    pieces: list[str] = []
    with WireServer([refused, answered]).running() as server:
        reply = ask(server, Request("", ASK.messages, schema=SCHEMA), on_text=pieces.append, times=2)
        bodies = [body for _, _, body in server.requests]
    assert (reply.text, reply.tool_uses, reply.stop) == ('{"plan": "go"}', (), Stop.END)
    assert pieces == ['{"plan":', ' "go"}'] * 2
    assert ["output_config" in body for body in bodies] == [True, False, False]
    assert bodies[1]["tool_choice"] == {"type": "tool", "name": "answer"}
    assert bodies[1]["tools"][0]["input_schema"] == SCHEMA


def test_a_schema_beyond_the_dialect_of_structured_outputs_is_carried_by_a_tool() -> None:
    loose = {"type": "object", "properties": {"n": {"type": ["string", "null"]}}}
    assert sent_for(Request("", ASK.messages, schema=loose))["tools"][0]["input_schema"] == loose


def test_where_no_tool_call_can_be_demanded_the_model_is_told_to_make_it() -> None:
    refused = fails(400, "invalid_request_error", "tool_choice: forced tool use is not supported with thinking")
    with WireServer([refused, says("ok")]).running() as server:
        ask(server, Request("You plan.", ASK.messages, (SEARCH,), "search"), times=2)
        bodies = [body for _, _, body in server.requests]
    assert [body["tool_choice"]["type"] for body in bodies] == ["tool", "auto", "auto"]
    assert bodies[1]["system"][-1]["text"] == "Now call the tool search."


def test_a_model_that_takes_a_schema_in_no_form_says_so() -> None:
    async def main() -> None:
        model = AnthropicModel("claude-old", key=KEY, base_url=server.url)
        assert model.supports.schema
        reply = await model.complete(Request("", ASK.messages, schema=SCHEMA))
        assert reply.text == "plain"
        assert not model.supports.schema
        await model.aclose()

    first = fails(400, "invalid_request_error", "output_config: Extra inputs are not permitted")
    second = fails(400, "invalid_request_error", "tool_choice forces tool use, which is not supported")
    with WireServer([first, second, says("plain")]).running() as server:
        anyio.run(main)
        assert len(server.requests) == 3


def _after_thinking(answers: list[Answer]) -> list[Any]:
    """The bodies sent in a tool loop whose first turn holds thinking."""
    thinking = events(
        start(), *thought(0, "Hm.", "signed"), *text(1, "Yes."), *tool_use(2, "read", "{}"), *end("tool_use")
    )

    async def main() -> None:
        model = AnthropicModel("claude-opus-5-5", key=KEY, base_url=server.url)
        reply = await model.complete(Request("", ASK.messages, (READ,)))
        assert reply.text == "Yes."
        said = Message(Role.ASSISTANT, reply.text, reply.tool_uses)
        result = Message(Role.TOOL, "content", tool_use_id=reply.tool_uses[0].id)
        await model.complete(Request("", (*ASK.messages, said, result), (READ,)))
        await model.aclose()

    with WireServer([Answer(thinking), *answers]).running() as server:
        anyio.run(main)
        return [body for _, _, body in server.requests]


def test_thinking_goes_back_unchanged_in_a_tool_loop() -> None:
    _, second = _after_thinking([says("done")])
    assert second["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "signed"},
        {"type": "text", "text": "Yes."},
        {"type": "tool_use", "id": "toolu_2", "name": "read", "input": {}},
    ]


def test_thinking_the_api_does_not_recognise_is_left_out() -> None:
    refused = fails(400, "invalid_request_error", "messages.1.content.0: Invalid `signature` in `thinking` block")
    _, second, third = _after_thinking([refused, says("done")])
    assert second["messages"][1]["content"][0]["type"] == "thinking"
    assert [block["type"] for block in third["messages"][1]["content"]] == ["text", "tool_use"]


def test_a_model_that_thinks_unasked_has_room_for_it() -> None:
    ask = Request("", ASK.messages, max_tokens=512, temperature=0.0)
    assert sent_for(ask, model="claude-opus-4-8")["max_tokens"] == 512
    thinking = sent_for(ask, model="claude-sonnet-5-5")
    assert thinking["max_tokens"] > 4096
    assert "temperature" not in thinking
