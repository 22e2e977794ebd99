"""Questions to the host's model: the same conversation in the words of MCP, and its answers as replies."""

from __future__ import annotations

import json

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.server.validation import validate_tool_use_result_messages
from mcp.types import (
    CreateMessageRequest,
    CreateMessageResult,
    CreateMessageResultWithTools,
    ImageContent,
    TextContent,
    ToolUseContent,
)

from memento_planner.models.chat import Message, Reply, Request, Role, Stop, ToolSpec, ToolUse, Usage
from memento_planner.models.host import HostModel, estimate
from memento_server.host_model import result_type, to_reply, to_sampling
from planner.scripted import ScriptedModel

READ = ToolSpec("notes__read", "Read a note.", {"type": "object", "properties": {"name": {"type": "string"}}})
LIST = ToolSpec("notes__list", "List the notes.", {"type": "object", "properties": {}})


def used(*ids: str) -> tuple[ToolUse, ...]:
    return tuple(ToolUse(id_, "notes__read", {"name": id_}, json.dumps({"name": id_})) for id_ in ids)


def wire(request: Request) -> CreateMessageRequest:
    """The request as a host reads it."""
    sent = to_sampling(request).model_dump_json(by_alias=True, exclude_none=True)
    return CreateMessageRequest.model_validate_json(sent, by_name=False)


def test_a_plain_question_needs_nothing_that_older_hosts_do_not_know() -> None:
    params = wire(Request("Be brief.", (Message(Role.USER, "Why?"),), max_tokens=99, temperature=0.5)).params
    assert params.system_prompt == "Be brief."
    assert (params.max_tokens, params.temperature) == (99, 0.5)
    assert (params.tools, params.tool_choice) == (None, None)
    assert [(message.role, message.content) for message in params.messages] == [
        ("user", TextContent(type="text", text="Why?"))
    ]


def test_calls_and_their_results_keep_their_order_and_the_results_of_one_reply_are_one_message() -> None:
    conversation = (
        Message(Role.USER, "Compare a and b."),
        Message(Role.ASSISTANT, "I look.", used("a", "b")),
        Message(Role.TOOL, "1", tool_use_id="a"),
        Message(Role.TOOL, "gone", tool_use_id="b", is_error=True),
    )
    params = wire(Request("", conversation, (READ, LIST))).params
    validate_tool_use_result_messages(params.messages)
    assert [message.role for message in params.messages] == ["user", "assistant", "user"]
    said, *calls = params.messages[1].content_as_list
    assert said == TextContent(type="text", text="I look.")
    assert [(call.id, call.input) for call in calls if isinstance(call, ToolUseContent)] == [
        ("a", {"name": "a"}),
        ("b", {"name": "b"}),
    ]
    results = params.messages[2].content_as_list
    assert [(block.type, getattr(block, "tool_use_id", ""), getattr(block, "is_error", None)) for block in results] == [
        ("tool_result", "a", False),
        ("tool_result", "b", True),
    ]


@pytest.mark.parametrize(
    ("choice", "mode", "offered"),
    [
        ("auto", "auto", ["notes__read", "notes__list"]),
        ("none", "none", ["notes__read", "notes__list"]),
        ("required", "required", ["notes__read", "notes__list"]),
        ("notes__list", "required", ["notes__list"]),
    ],
)
def test_a_named_tool_is_the_only_one_offered(choice: str, mode: str, offered: list[str]) -> None:
    request = wire(Request("", (Message(Role.USER, "Go."),), (READ, LIST), choice))
    assert request.params.tool_choice is not None
    assert request.params.tool_choice.mode == mode
    assert [tool.name for tool in request.params.tools or ()] == offered
    assert result_type(request) is CreateMessageResultWithTools


texts = st.text(max_size=20)


@given(st.lists(st.tuples(texts, st.lists(texts, max_size=3)), max_size=5))
def test_whatever_was_said_is_passed_on_whole_and_well_formed(turns: list[tuple[str, list[str]]]) -> None:
    conversation = [Message(Role.USER, "Begin.")]
    for number, (text, results) in enumerate(turns):
        ids = [f"{number}-{i}" for i in range(len(results))]
        conversation.append(Message(Role.ASSISTANT, text, used(*ids)))
        conversation += [Message(Role.TOOL, said, tool_use_id=id_) for id_, said in zip(ids, results, strict=True)]
        conversation.append(Message(Role.USER, "Go on."))
    messages = wire(Request("", tuple(conversation))).params.messages
    for end in range(1, len(messages)):
        validate_tool_use_result_messages(messages[:end]) if messages[end - 1].role == "user" else None
    blocks = [block for message in messages for block in message.content_as_list]
    said = [block.text for block in blocks if isinstance(block, TextContent)]
    assert [text for text in said if text] == [
        message.text for message in conversation if message.text and message.role is not Role.TOOL
    ]
    kept = [block.content[0] for block in blocks if block.type == "tool_result"]
    assert [block.text for block in kept if isinstance(block, TextContent)] == [
        message.text for message in conversation if message.role is Role.TOOL
    ]


def test_an_answer_is_its_text_its_calls_and_why_it_ended() -> None:
    call = ToolUseContent(name="notes__read", id="u1", input={"name": "a"})
    text = TextContent(type="text", text="I look.")
    with_call = CreateMessageResultWithTools(role="assistant", content=[text, call], model="m", stop_reason="endTurn")
    assert to_reply(with_call) == Reply(
        "I look.", (ToolUse("u1", "notes__read", {"name": "a"}, '{"name": "a"}'),), Stop.TOOL_USE
    )
    cut = CreateMessageResult(role="assistant", content=text, model="m", stop_reason="maxTokens")
    assert to_reply(cut) == Reply("I look.", stop=Stop.LENGTH)
    declined = CreateMessageResult(role="assistant", content=text, model="m", stop_reason="refusal")
    assert to_reply(declined) == Reply("I look.", stop=Stop.REFUSAL)
    image = ImageContent(type="image", data="AAAA", mime_type="image/png")
    assert to_reply(CreateMessageResult(role="assistant", content=image, model="m")) == Reply("")


class Answering:
    """A host whose model is scripted."""

    def __init__(self, model: ScriptedModel) -> None:
        self._model = model

    async def ask(self, request: Request) -> Reply:
        return await self._model.complete(request)


def ask(host: HostModel, request: Request) -> Reply:
    return anyio.run(host.complete, request)


def test_the_hosts_model_is_asked_as_it_stands_and_its_tokens_are_estimated() -> None:
    scripted = ScriptedModel(Reply("Because of 42."))
    request = Request("Be brief.", (Message(Role.USER, "Why?"),))
    heard: list[str] = []

    async def use() -> Reply:
        return await HostModel(Answering(scripted), tools=True).complete(request, heard.append)

    reply = anyio.run(use)
    assert scripted.asked == [request]
    assert heard == [reply.text] == ["Because of 42."]
    assert reply.usage == estimate(request, reply) == Usage(input=4, output=4)


def test_a_host_that_counts_is_believed() -> None:
    scripted = ScriptedModel(Reply("42", usage=Usage(7, 1)))
    assert ask(HostModel(Answering(scripted), tools=True), Request("", ())).usage == Usage(7, 1)


def test_tools_are_passed_on_only_to_a_host_that_takes_them() -> None:
    request = Request("", (Message(Role.USER, "Go."),), (LIST,))
    scripted = ScriptedModel("done")
    ask(HostModel(Answering(scripted), tools=True), request)
    assert scripted.asked[0].tools == (LIST,)
    scripted = ScriptedModel(json.dumps({"answer": "done", "tool": "", "arguments": {}}))
    host = HostModel(Answering(scripted), tools=False)
    assert not host.supports.schema
    ask(host, request)
    assert all(not asked.tools and asked.schema is None for asked in scripted.asked)
    assert "notes__list" in scripted.asked[0].system + scripted.asked[0].messages[-1].text
