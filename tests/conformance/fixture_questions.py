"""Asking the host for input the way its protocol era wants it, and sealing what is known between two rounds."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from mcp import types
from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

type_of_answer: dict[type[types.InputRequest], type[types.InputResponse]] = {
    types.ElicitRequest: types.ElicitResult,
    types.CreateMessageRequest: types.CreateMessageResult,
    types.ListRootsRequest: types.ListRootsResult,
}
capability_for: dict[type[types.InputRequest], str] = {
    types.ElicitRequest: "elicitation",
    types.CreateMessageRequest: "sampling",
    types.ListRootsRequest: "roots",
}


class InputNeeded(Exception):  # noqa: N818 -- a turn in the dialogue, not an error
    """Ends a handler early: `result` asks the host for what is missing."""

    def __init__(self, result: types.InputRequiredResult) -> None:
        super().__init__("the host has to answer first")
        self.result = result


class Seal:
    """Turns a JSON object into an opaque string that only this process can make, and back."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def close(self, state: Mapping[str, Any]) -> str:
        """The sealed string; two calls with one state give the same string."""
        body = base64.urlsafe_b64encode(json.dumps(state, sort_keys=True).encode()).decode()
        return f"{body}.{self._signature(body)}"

    def open(self, sealed: str) -> dict[str, Any]:
        """The state inside; MCPError for a string that was changed or made elsewhere."""
        body, _, signature = sealed.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            raise MCPError(types.INVALID_PARAMS, "requestState is not what this server issued; start the call again")
        state: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body))
        return state

    def _signature(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()


class Questions:
    """The questions of one call, in either era.

    A handshake host is asked at once, over the call's own stream. A stateless host gets an InputRequiredResult and
    sends the call again; the handler then runs from its top, and a question already answered returns without asking.
    """

    def __init__(
        self,
        ctx: ServerRequestContext[Any, Any],
        params: types.CallToolRequestParams | types.GetPromptRequestParams,
        seal: Seal,
    ) -> None:
        self._ctx = ctx
        self._call = f"{ctx.method} {params.name}"
        self._seal = seal
        self._fresh = params.input_responses or {}
        self._known: dict[str, Any] = {}
        if params.request_state is not None:
            state = seal.open(params.request_state)
            if state["call"] != self._call:
                raise MCPError(types.INVALID_PARAMS, "requestState belongs to another call; start this one again")
            self._known = state["answers"]

    def can_ask(self, kind: type[types.InputRequest]) -> bool:
        """Whether the host declared the capability that a question of this kind needs."""
        declared = self._ctx.session.client_capabilities
        return declared is not None and getattr(declared, capability_for[kind]) is not None

    def require(self, kind: type[types.InputRequest]) -> None:
        """Raise the protocol's missing-capability error unless the host can be asked this kind of question."""
        if self.can_ask(kind):
            return
        name = capability_for[kind]
        data: dict[str, dict[str, Any]] = {"requiredCapabilities": {name: {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, f"the client did not declare {name}", data)

    async def ask(self, key: str, question: types.InputRequest) -> types.InputResponse:
        """The answer to one question; InputNeeded where it has to wait for the next round."""
        return (await self.ask_all({key: question}))[key]

    async def ask_all(self, questions: Mapping[str, types.InputRequest]) -> dict[str, types.InputResponse]:
        """The answers to questions put together, by key; InputNeeded where one has to wait for the next round."""
        for question in questions.values():
            self.require(type(question))
        if self._ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            return {key: await self._ask_now(question) for key, question in questions.items()}
        open_questions: dict[str, types.InputRequest] = {}
        for key, question in questions.items():
            if key in self._known:
                continue
            answer = self._fresh.get(key)
            if isinstance(answer, type_of_answer[type(question)]):
                self._known[key] = answer.model_dump(by_alias=True, mode="json", exclude_none=True)
            else:
                open_questions[key] = question
        if open_questions:
            state = self._seal.close({"call": self._call, "answers": self._known})
            raise InputNeeded(types.InputRequiredResult(input_requests=open_questions, request_state=state))
        return {key: type_of_answer[type(q)].model_validate(self._known[key]) for key, q in questions.items()}

    async def _ask_now(self, question: types.InputRequest) -> types.InputResponse:
        own_stream = ServerMessageMetadata(related_request_id=self._ctx.request_id)
        answer_type = type_of_answer[type(question)]
        return await self._ctx.session.send_request(question, answer_type, metadata=own_stream)


def form(message: str, properties: Mapping[str, Mapping[str, Any]], required: list[str]) -> types.ElicitRequest:
    """A form-mode elicitation with these JSON Schema properties."""
    schema = {"type": "object", "properties": dict(properties), "required": required}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(prompt: str, max_tokens: int) -> types.CreateMessageRequest:
    """A sampling request with one user message."""
    message = types.SamplingMessage(role="user", content=types.TextContent(text=prompt))
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[message], max_tokens=max_tokens)
    )


def said(answer: types.InputResponse) -> str:
    """What the host answered, as one line of text."""
    if isinstance(answer, types.ElicitResult):
        return f"action={answer.action}, content={json.dumps(answer.content, sort_keys=True)}"
    if isinstance(answer, types.ListRootsResult):
        return ", ".join(str(root.uri) for root in answer.roots)
    return answer.content.text if isinstance(answer.content, types.TextContent) else str(answer.content)
