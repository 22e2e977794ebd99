"""A host whose model knows its part: it plans the steps it was given, makes the calls and tells what came of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp.types import (
    CreateMessageRequestParams,
    CreateMessageResult,
    CreateMessageResultWithTools,
    TextContent,
    ToolUseContent,
)

ANSWER = "The note says 42."
_STEP = re.compile(r"(?:Your step|Task):\s*Step (\d+) ")


@dataclass
class ScriptedHost:
    """Answers sampling requests.

    Attributes:
        steps: tool and arguments of each step of the plan; "" is a step without a tool.
        asked: what it was asked so far.
    """

    steps: list[tuple[str, Mapping[str, Any]]]
    asked: list[CreateMessageRequestParams] = field(default_factory=list)

    async def sample(
        self, _: Any, params: CreateMessageRequestParams
    ) -> CreateMessageResult | CreateMessageResultWithTools:
        """Answer one request, as the SDK's client wants it."""
        self.asked.append(params)
        system = params.system_prompt or ""
        last = params.messages[-1].content_as_list
        if "write the plan" in system:
            return _said(json.dumps({"plan": [self._step(i) for i in range(len(self.steps))]}))
        if any(block.type == "tool_result" for block in last):
            return _said("It is done.")
        if step := _STEP.search("".join(getattr(block, "text", "") for block in last)):
            return self._carried_out(params, *self.steps[int(step[1]) - 1])
        return _said(ANSWER)

    def _step(self, index: int) -> dict[str, Any]:
        tool, _ = self.steps[index]
        needs = [index] if index else []
        return {"id": index + 1, "description": f"Step {index + 1} with {tool}", "depends_on": needs, "tool": tool}

    def _carried_out(
        self, params: CreateMessageRequestParams, tool: str, given: Mapping[str, Any]
    ) -> CreateMessageResult | CreateMessageResultWithTools:
        if not tool:
            return _said("It is done without a tool.")
        if not params.tools:
            return _said(json.dumps(dict(given)))
        use = ToolUseContent(name=tool, id=f"use-{len(self.asked)}", input=dict(given))
        return CreateMessageResultWithTools(role="assistant", content=[use], model="scripted", stop_reason="toolUse")


def _said(text: str) -> CreateMessageResult:
    content = TextContent(type="text", text=text)
    return CreateMessageResult(role="assistant", content=content, model="scripted", stop_reason="endTurn")
