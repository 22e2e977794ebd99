"""Requests to a model as MCP sampling requests, and sampling results as its replies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby

from mcp import types

from memento_planner.models.chat import Message, Reply, Request, Role, Stop, ToolSpec, ToolUse

Sampled = types.CreateMessageResult | types.CreateMessageResultWithTools

_STOPS = {"maxTokens": Stop.LENGTH, "toolUse": Stop.TOOL_USE, "refusal": Stop.REFUSAL}


def to_sampling(request: Request) -> types.CreateMessageRequest:
    """A request as hosts take it. A schema is left out: sampling has no place for one."""
    tools = [_tool(spec) for spec in _offered(request)]
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(
            messages=list(_messages(request.messages)),
            system_prompt=request.system or None,
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            tools=tools or None,
            tool_choice=_choice(request) if tools else None,
        )
    )


def result_type(request: types.CreateMessageRequest) -> type[Sampled]:
    """What the host's answer to a request has to be."""
    return types.CreateMessageResultWithTools if request.params.tools else types.CreateMessageResult


def to_reply(result: Sampled) -> Reply:
    """What a host's model said; pictures and sounds are left out."""
    content = result.content if isinstance(result.content, list) else [result.content]
    text = "\n".join(block.text for block in content if isinstance(block, types.TextContent))
    uses = tuple(
        ToolUse(block.id, block.name, block.input, json.dumps(block.input, ensure_ascii=False))
        for block in content
        if isinstance(block, types.ToolUseContent)
    )
    stop = Stop.TOOL_USE if uses else _STOPS.get(result.stop_reason or "", Stop.END)
    return Reply(text, uses, stop)


def _offered(request: Request) -> tuple[ToolSpec, ...]:
    """The tools; where one is named, that one alone, for sampling can only ask for any of those it is given."""
    named = tuple(spec for spec in request.tools if spec.name == request.tool_choice)
    return named or request.tools


def _choice(request: Request) -> types.ToolChoice:
    mode = request.tool_choice
    return types.ToolChoice(mode=mode if mode in ("auto", "none", "required") else "required")  # type: ignore[arg-type]


def _tool(spec: ToolSpec) -> types.Tool:
    return types.Tool(name=spec.name, description=spec.description, input_schema=dict(spec.input_schema))


def _messages(messages: tuple[Message, ...]) -> Iterator[types.SamplingMessage]:
    """Messages as hosts take them: the results of all calls of one reply have to be one message."""
    for is_result, group in groupby(messages, key=lambda message: message.role is Role.TOOL):
        if is_result:
            yield types.SamplingMessage(role="user", content=[_tool_result(message) for message in group])
        else:
            yield from map(_message, group)


def _tool_result(message: Message) -> types.ToolResultContent:
    text = types.TextContent(type="text", text=message.text)
    return types.ToolResultContent(tool_use_id=message.tool_use_id, content=[text], is_error=message.is_error)


def _message(message: Message) -> types.SamplingMessage:
    """One block goes without a list: hosts from before tools know no other way."""
    blocks: list[types.SamplingMessageContentBlock] = [
        types.ToolUseContent(name=use.name, id=use.id, input=dict(use.arguments or {})) for use in message.tool_uses
    ]
    if message.text or not (blocks or message.images):
        blocks.insert(0, types.TextContent(type="text", text=message.text))
    blocks[:0] = [types.ImageContent(data=image.base64, mime_type=image.media_type) for image in message.images]
    role = "assistant" if message.role is Role.ASSISTANT else "user"
    return types.SamplingMessage(role=role, content=blocks[0] if len(blocks) == 1 else blocks)  # type: ignore[arg-type]
