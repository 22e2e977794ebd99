"""A request in the language of OpenAI's chat completions, and what an endpoint may refuse of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from memento_planner.models.chat import Message, Request, Role, ToolSpec, ToolUse


class Feature(StrEnum):
    """What not every endpoint takes; a refused one is left out, or the next weaker one takes its place."""

    USAGE = "stream_options"
    MAX_TOKENS = "max_tokens"
    MAX_COMPLETION_TOKENS = "max_completion_tokens"
    TEMPERATURE = "temperature"
    STRICT_SCHEMA = "json_schema, strict"
    JSON_SCHEMA = "json_schema"
    OBJECT_WITH_SCHEMA = "json_object with a schema"
    JSON_OBJECT = "json_object"
    NAMED_TOOL = "tool_choice by name"
    REQUIRED_TOOL = "tool_choice required or none"
    TOOLS = "tools"


SCHEMAS = frozenset({Feature.JSON_SCHEMA, Feature.OBJECT_WITH_SCHEMA})
"""What holds a reply to a schema; one of them is enough."""

_FORMAT = re.compile(
    r"response[_ ]?format|schema|json[_ ]?(object|mode|output)|structured[_ ]?output|grammar|guided", re.IGNORECASE
)
_NAMES = {
    Feature.USAGE: re.compile(r"stream_options|include_usage", re.IGNORECASE),
    Feature.MAX_TOKENS: re.compile(r"max_tokens", re.IGNORECASE),
    Feature.MAX_COMPLETION_TOKENS: re.compile(r"max_completion_tokens", re.IGNORECASE),
    Feature.TEMPERATURE: re.compile(r"temperature", re.IGNORECASE),
    Feature.STRICT_SCHEMA: _FORMAT,
    Feature.JSON_SCHEMA: _FORMAT,
    Feature.OBJECT_WITH_SCHEMA: _FORMAT,
    Feature.JSON_OBJECT: _FORMAT,
    Feature.NAMED_TOOL: re.compile(r"tool[_ ]choice", re.IGNORECASE),
    Feature.REQUIRED_TOOL: re.compile(r"tool[_ ]choice", re.IGNORECASE),
    Feature.TOOLS: re.compile(r"\btools?\b|function[_ -]?call|parser for this template", re.IGNORECASE),
}
_REFUSING = re.compile(
    r"support|require|not (enabled|implemented|permitted|allowed)|un(known|recogni|expected|available|able)|invalid",
    re.IGNORECASE,
)
_ABOUT_MESSAGES = re.compile(r"\broles?\b|tool_call", re.IGNORECASE)
_ABOUT_ONE_TOOL = re.compile(r"tools?\W{0,4}\d|parameters|schema|function\W{1,3}\w+\W{1,3}:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it goes out.

    Attributes:
        body: of the HTTP request.
        features: what in it may be refused; where one refusal fits several, the first is meant.
    """

    body: dict[str, Any]
    features: tuple[Feature, ...]

    def refused(self, why: str) -> Feature | None:
        """Which of its features an endpoint's error names as the reason."""
        model = re.escape(str(self.body["model"]))
        why = re.sub(rf"(?<!\w){model}(?!\w)", "", why)  # its name may have any word in it
        return next((feature for feature in self.features if _names(feature, why)), None)


def is_about_one_tool(why: str) -> bool:
    """Whether it was the description of one tool that was refused, not function calling as such."""
    return bool(_ABOUT_ONE_TOOL.search(why))


def written(model: str, request: Request, left_out: frozenset[Feature], *, official: bool) -> Sent:
    """The request for an endpoint.

    Args:
        left_out: what the endpoint does not take.
        official: whether it is OpenAI's own, which prefers max_completion_tokens; its reasoning models insist on it.
    """
    limits = (Feature.MAX_COMPLETION_TOKENS, Feature.MAX_TOKENS)
    limit = next((each for each in (limits if official else limits[::-1]) if each not in left_out), limits[0])
    parts: list[tuple[Feature, dict[str, Any]]] = [(limit, {limit.value: request.max_tokens})]
    if Feature.USAGE not in left_out:
        parts.append((Feature.USAGE, {"stream_options": {"include_usage": True}}))
    if request.temperature is not None and Feature.TEMPERATURE not in left_out:
        parts.append((Feature.TEMPERATURE, {"temperature": request.temperature}))
    parts.extend(_tools(request, left_out))
    system = request.system
    if request.schema is not None:
        parts.extend(_format(request.schema, left_out))
        if not any(feature in (Feature.STRICT_SCHEMA, Feature.JSON_SCHEMA) for feature, _ in parts):
            system = f"{system}\n\n{_in_words(request.schema)}".strip()
    messages = [{"role": "system", "content": system}] if system else []
    messages.extend(_message(message) for message in request.messages)
    body: dict[str, Any] = {"model": model, "messages": messages, "stream": True}
    for _, part in parts:
        body.update(part)
    settled = {limit} if left_out & set(limits) else set()  # there has to be one of the two
    return Sent(body, tuple(feature for feature, _ in parts if feature not in settled))


def _names(feature: Feature, why: str) -> bool:
    if not _NAMES[feature].search(why):
        return False
    return feature is not Feature.TOOLS or bool(_REFUSING.search(why) and not _ABOUT_MESSAGES.search(why))


def _tools(request: Request, left_out: frozenset[Feature]) -> Iterator[tuple[Feature, dict[str, Any]]]:
    if not request.tools:
        return
    choice = request.tool_choice
    if choice == "none" and Feature.REQUIRED_TOOL in left_out:
        return
    if choice not in ("auto", "none", "required"):
        if Feature.NAMED_TOOL not in left_out:
            yield Feature.NAMED_TOOL, {"tool_choice": {"type": "function", "function": {"name": choice}}}
        else:
            choice = "required"
    if choice in ("none", "required") and Feature.REQUIRED_TOOL not in left_out:
        yield Feature.REQUIRED_TOOL, {"tool_choice": choice}
    yield Feature.TOOLS, {"tools": [_tool(tool) for tool in request.tools]}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    parameters = dict(tool.input_schema)
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": parameters},
    }


def _format(schema: Mapping[str, Any], left_out: frozenset[Feature]) -> Iterator[tuple[Feature, dict[str, Any]]]:
    held = {"name": "reply", "schema": dict(schema)}
    strict = Feature.JSON_SCHEMA not in left_out and _can_be_strict(schema)
    ladder = {
        Feature.STRICT_SCHEMA: {"type": "json_schema", "json_schema": {**held, "strict": True}},
        Feature.JSON_SCHEMA: {"type": "json_schema", "json_schema": held},
        Feature.OBJECT_WITH_SCHEMA: {"type": "json_object", "schema": dict(schema)},
        Feature.JSON_OBJECT: {"type": "json_object"},
    }
    for feature, response_format in ladder.items():
        if feature in left_out or (feature is Feature.STRICT_SCHEMA and not strict):
            continue
        yield feature, {"response_format": response_format}
        return


def _can_be_strict(schema: Any) -> bool:
    """Whether every object in a schema is closed and requires all it has, which strict replies presuppose."""
    if isinstance(schema, list):
        return all(_can_be_strict(part) for part in schema)
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object":
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", ())) != set(schema.get("properties", ())):
            return False
    return all(_can_be_strict(part) for part in schema.values())


def _in_words(schema: Mapping[str, Any]) -> str:
    as_json = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    return f"Reply with one JSON object and nothing else. It follows this JSON schema:\n{as_json}"


def _message(message: Message) -> dict[str, Any]:
    if message.role is Role.TOOL:
        text = f"The call failed: {message.text}" if message.is_error else message.text
        return {"role": "tool", "tool_call_id": message.tool_use_id, "content": text}
    if not message.tool_uses:
        return {"role": message.role.value, "content": _content(message)}
    made = [_call(use) for use in message.tool_uses]
    return {"role": "assistant", "content": message.text or None, "tool_calls": made}


def _content(message: Message) -> str | list[dict[str, Any]]:
    """Plain text where there is no picture: not every endpoint takes a list."""
    if not message.images:
        return message.text
    urls = (f"data:{image.media_type};base64,{image.base64}" for image in message.images)
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [*parts, {"type": "text", "text": message.text}] if message.text else parts


def _call(use: ToolUse) -> dict[str, Any]:
    # Endpoints parse the arguments of earlier calls, and fail on those that are no JSON object.
    arguments = "{}" if use.arguments is None else use.raw
    return {"id": use.id, "type": "function", "function": {"name": use.name, "arguments": arguments}}
