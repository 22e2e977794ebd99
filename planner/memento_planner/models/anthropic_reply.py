"""A reply of the Messages API, gathered from its stream of events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from memento_planner.models.anthropic_request import Block, input_of
from memento_planner.models.chat import Reply, Stop, ToolUse, Usage

if TYPE_CHECKING:
    from anthropic.types import MessageDeltaUsage, RawContentBlockDelta, RawMessageStreamEvent
    from anthropic.types import Usage as WireUsage

_STOPS = {
    "tool_use": Stop.TOOL_USE,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "refusal": Stop.REFUSAL,
}
_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


class Gathered:
    """A reply, gathered from its events."""

    def __init__(self, *, answer_tool: bool = False) -> None:
        self._answer_tool = answer_tool
        self._blocks: dict[int, Block] = {}
        self._json: dict[int, str] = {}
        self._tokens = dict.fromkeys(_COUNTS, 0)
        self._stop = ""

    @property
    def complete(self) -> bool:
        """Whether the end has been seen."""
        return bool(self._stop)

    def add(self, event: RawMessageStreamEvent) -> str:
        """Take one event; returns the text it adds."""
        if event.type == "message_start":
            self._count(event.message.usage)
        elif event.type == "content_block_start":
            self._blocks[event.index] = event.content_block.to_dict()
        elif event.type == "content_block_delta":
            return self._grow(event.index, event.delta)
        elif event.type == "message_delta":
            self._stop = event.delta.stop_reason or self._stop
            self._count(event.usage)
        return ""

    def _grow(self, index: int, delta: RawContentBlockDelta) -> str:
        block = self._blocks[index]
        if delta.type == "text_delta":
            block["text"] = block.get("text", "") + delta.text
            return delta.text
        if delta.type == "input_json_delta":
            self._json[index] = self._json.get(index, "") + delta.partial_json
            return delta.partial_json if self._answer_tool else ""
        if delta.type == "thinking_delta":
            block["thinking"] = block.get("thinking", "") + delta.thinking
        elif delta.type == "signature_delta":
            block["signature"] = delta.signature
        return ""

    def _count(self, usage: WireUsage | MessageDeltaUsage) -> None:
        """Take the counts an event has; they are totals, not additions."""
        for name in _COUNTS:
            self._tokens[name] = getattr(usage, name, None) or self._tokens[name]

    def reply(self) -> Reply:
        """What was gathered."""
        plain, output, cached, writes = (self._tokens[name] for name in _COUNTS)
        usage = Usage(plain + cached + writes, output, cached, writes)
        text = "".join(block["text"] for block in self._blocks.values() if block["type"] == "text")
        uses = tuple(self._use(index) for index, block in self._blocks.items() if block["type"] == "tool_use")
        stop = _STOPS.get(self._stop, Stop.END)
        if self._answer_tool and uses:
            return Reply(uses[0].raw, (), Stop.END if stop is Stop.TOOL_USE else stop, usage)
        return Reply(text, uses, stop, usage)

    def turn(self) -> list[Block]:
        """The blocks as they have to be sent back."""
        return [
            {**block, "input": input_of(self._use(index))} if block["type"] == "tool_use" else block
            for index, block in self._blocks.items()
        ]

    def _use(self, index: int) -> ToolUse:
        block = self._blocks[index]
        raw = self._json.get(index, "") or json.dumps(block.get("input") or {})
        if not self._json.get(index) and _STOPS.get(self._stop) is Stop.LENGTH:
            raw = ""  # cut off before the arguments, which is not the same as a call without any
        return ToolUse(block["id"], block["name"], _object(raw), raw)


def _object(raw: str) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
