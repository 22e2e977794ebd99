"""A request in the language of the Messages API."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memento_planner.models.chat import Image, Message, Reply, Request, Role, ToolSpec, ToolUse

Block = dict[str, Any]

ANSWER_TOOL = "answer"
_CACHE = {"type": "ephemeral"}
_CACHEABLE = {"text", "tool_use", "tool_result"}
_COMBINATORS = {"anyOf", "oneOf", "allOf"}
_MAX_TURNS = 512


@dataclass(frozen=True, slots=True)
class Form:
    """How a request is put.

    Attributes:
        schema: the schema as the endpoint takes it; None where there is none or a tool has to carry it.
        answer_tool: a tool carries the schema.
        forced: a tool call can be demanded; else the model is only told to make it.
        extra_tokens: allowed on top of the reply, for thinking.
    """

    schema: Mapping[str, Any] | None = None
    answer_tool: bool = False
    forced: bool = True
    extra_tokens: int = 0


class Turns:
    """Assistant turns as they came, where they hold thinking: the API wants that back unchanged in a tool loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], tuple[str, list[Block]]] = OrderedDict()

    def keep(self, reply: Reply, blocks: list[Block]) -> None:
        """Remember a turn that calls tools; the oldest are forgotten."""
        if reply.tool_uses and any("thinking" in block["type"] for block in blocks):
            self._kept[_ids(reply.tool_uses)] = (reply.text, blocks)
            if len(self._kept) > _MAX_TURNS:
                self._kept.popitem(last=False)

    def of(self, message: Message) -> list[Block] | None:
        """The blocks of a message that is such a turn, unchanged."""
        text, blocks = self._kept.get(_ids(message.tool_uses), (None, []))
        return blocks if message.tool_uses and text == message.text else None

    def forget(self, messages: Iterable[Message]) -> bool:
        """Forget the turns among the messages; whether there were any."""
        gone = [self._kept.pop(_ids(message.tool_uses), None) for message in messages if message.tool_uses]
        return any(turn is not None for turn in gone)


def body(model: str, request: Request, form: Form, turns: Turns) -> dict[str, Any]:
    """The JSON of a request, with marks for the prompt cache; a temperature is not part of the API any more."""
    tools = [_tool(tool) for tool in request.tools]
    choice = request.tool_choice
    if form.answer_tool and request.schema is not None:
        tools = [_tool(ToolSpec(ANSWER_TOOL, "Takes the answer.", request.schema))]
        choice = ANSWER_TOOL
    told = tools and choice not in ("auto", "none") and not form.forced
    made: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_tokens + form.extra_tokens,
        "messages": _messages(request.messages, turns),
    }
    if request.system.strip():
        made["system"] = [{"type": "text", "text": request.system, "cache_control": _CACHE}]
    if tools:
        tools[-1]["cache_control"] = _CACHE
        made["tools"] = tools
        made["tool_choice"] = {"type": "auto"} if told else _choice(choice)
    if told:
        which = "one of the tools" if choice == "required" else f"the tool {choice}"
        made["system"] = [*made.get("system", ()), {"type": "text", "text": f"Now call {which}."}]
    if form.schema is not None:
        made["output_config"] = {"format": {"type": "json_schema", "schema": form.schema}}
    if tools or len(request.messages) > 1:  # a conversation, which comes again with more at its end
        _mark_end(made["messages"])
    return made


def _ids(uses: Iterable[ToolUse]) -> tuple[str, ...]:
    return tuple(use.id for use in uses)


def _tool(tool: ToolSpec) -> Block:
    """One tool; the API refuses a whole request for one schema that is no plain object at its top."""
    schema = {key: value for key, value in tool.input_schema.items() if key not in _COMBINATORS}
    return {"name": tool.name, "description": tool.description, "input_schema": {**schema, "type": "object"}}


def _choice(choice: str) -> Block:
    kinds = {"auto": "auto", "none": "none", "required": "any"}
    return {"type": kinds[choice]} if choice in kinds else {"type": "tool", "name": choice}


def _messages(messages: Iterable[Message], turns: Turns) -> list[dict[str, Any]]:
    """Messages of alternating roles: results of tools and what the user says after them are one."""
    made: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        blocks = turns.of(message) or _blocks(message)
        if not blocks:  # the API refuses empty text
            continue
        if made and made[-1]["role"] == role:
            made[-1]["content"].extend(blocks)
        else:
            made.append({"role": role, "content": list(blocks)})
    return made


def _blocks(message: Message) -> list[Block]:
    if message.role is Role.TOOL:
        result: Block = {"type": "tool_result", "tool_use_id": message.tool_use_id}
        if message.is_error:
            result["is_error"] = True
        text = message.text if message.text.strip() else "(no message)" if message.is_error else ""
        return [{**result, "content": text} if text else result]
    blocks = [_picture(image) for image in message.images]
    if message.text.strip():
        blocks.append({"type": "text", "text": message.text})
    calls = [{"type": "tool_use", "id": use.id, "name": use.name, "input": input_of(use)} for use in message.tool_uses]
    return [*blocks, *calls]


def _picture(image: Image) -> Block:
    return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": image.base64}}


def input_of(use: ToolUse) -> Mapping[str, Any]:
    """The arguments of a call; broken ones in the wrapping the API's documentation gives for them."""
    return use.arguments if use.arguments is not None else {"INVALID_JSON": use.raw}


def _mark_end(messages: list[dict[str, Any]]) -> None:
    if messages and messages[-1]["content"][-1]["type"] in _CACHEABLE:
        content = messages[-1]["content"]
        content[-1] = {**content[-1], "cache_control": _CACHE}
