"""Anthropic's models, over the official SDK, which is loaded when a model is first asked."""

from __future__ import annotations

import importlib
import importlib.util
import json
import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from memento_planner.models.anthropic_failure import Failure, asked_wait, scrubbed
from memento_planner.models.anthropic_reply import Gathered
from memento_planner.models.anthropic_request import Form, Turns, body
from memento_planner.models.chat import OnText, Reply, Request, Supports
from memento_planner.models.errors import InterruptedReplyError, ModelSetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anthropic import AsyncAnthropic

_RETRIES = 4  # the SDK's own, before a reply has begun
_ATTEMPTS = 3  # ours, for a reply that broke off
_PAUSE_S = 0.5
_LONGEST_WAIT_S = 60.0
_CONNECT_S, _READ_S = 10.0, 120.0
_THINKING_TOKENS = 8_192
_VERSION = re.compile(r"claude-[a-z]+-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
_ON_SCHEMA = re.compile(r"output_config|structured output|schema", re.IGNORECASE)
_ON_FORCING = re.compile(r"tool_choice|forc\w+ tool", re.IGNORECASE)
_ON_THINKING = re.compile(r"thinking|signature", re.IGNORECASE)


class _BrokenOffError(Exception):
    """A reply stopped before its end."""


class AnthropicModel:
    """A model behind the Messages API.

    Replies are streamed. One that breaks off is asked for again from its start, so `on_text` may be given the
    beginning twice. Models that think unasked, which counts as output, are allowed more tokens than
    `Request.max_tokens`. `Request.temperature` is not sent: the API takes none any more. What an endpoint refuses (a
    schema, a demanded tool call, thinking from a conversation that was edited) is from then on put in another way.

    Args:
        base_url: None for the SDK's own, which honours ANTHROPIC_BASE_URL.
        retries: how often the SDK asks again, before a reply has begun.

    Raises:
        ModelSetupError: if the key cannot be one or the SDK is not installed.
    """

    def __init__(self, model: str, *, key: str, base_url: str | None = None, retries: int = _RETRIES) -> None:
        self._model = model
        self._key = key.strip()
        self._base_url = base_url
        self._retries = retries
        self._client: AsyncAnthropic | None = None
        self._turns = Turns()
        self._takes_schema = True
        self._takes_forcing = True
        if re.fullmatch(r"[!-~]+", self._key) is None:  # the HTTP library would quote it in its error
            raise ModelSetupError(f"{self.name}: the key is empty or no key at all; set ANTHROPIC_API_KEY to yours")
        if importlib.util.find_spec("anthropic") is None:
            raise ModelSetupError(f"{self.name}: the package anthropic is missing; pip install 'anthropic>=2'")

    def __repr__(self) -> str:
        return f"AnthropicModel({self._model!r})"

    @property
    def name(self) -> str:
        """Provider and model."""
        return f"anthropic:{self._model}"

    @property
    def supports(self) -> Supports:
        """Tools always; a schema until the endpoint has refused each form of it."""
        context = 1_000_000 if self._version >= (4, 6) else 200_000
        return Supports(schema=self._takes_schema or self._takes_forcing, context=context)

    @property
    def _version(self) -> tuple[int, int]:
        found = _VERSION.match(self._model)
        return (int(found[1]), int(found[2] or 0)) if found else (0, 0)

    async def complete(self, request: Request, on_text: OnText | None = None) -> Reply:
        """Answer a request.

        Raises:
            ModelSetupError: the key, its rights, the account or the model's name is at fault.
            ContextLengthError: the request is too long.
            InterruptedReplyError: the reply broke off each time.
            ModelUnavailableError: the server is down, overloaded or limits the rate, after all retries.
            ModelError: the request was refused for another reason.
        """
        client = await self._connected()
        why = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                await anyio.sleep(_PAUSE_S * attempt * random.uniform(0.5, 1.0))
            try:
                return await self._accepted(client, request, on_text)
            except _BrokenOffError as broken:
                why = str(broken)
        raise InterruptedReplyError(f"{self.name}: the reply broke off {_ATTEMPTS} times ({why}); ask again later")

    async def aclose(self) -> None:
        """Close the connections; a later request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _connected(self) -> AsyncAnthropic:
        if self._client is None:
            # The SDK takes more than a second to load, in which the event loop has to go on.
            await anyio.to_thread.run_sync(importlib.import_module, "anthropic")
        if self._client is None:
            self._client = _connect(self._key, self._base_url, self._retries)
        return self._client

    async def _accepted(self, client: AsyncAnthropic, request: Request, on_text: OnText | None) -> Reply:
        """The reply to a request in a form the endpoint takes; each of the three it may refuse is given up once."""
        from anthropic import APIError

        form = self._form(request)
        try:
            return await self._once(client, request, form, on_text)
        except APIError as problem:
            failure = Failure.of(problem, self._key)
            if failure.breaks_off:
                raise _BrokenOffError(failure.said) from None
            if not self._gives_way(failure, request, form):
                raise failure.explained(self.name) from None
        return await self._accepted(client, request, on_text)

    async def _once(self, client: AsyncAnthropic, request: Request, form: Form, on_text: OnText | None) -> Reply:
        import httpx2

        gathered = Gathered(answer_tool=form.answer_tool)
        wanted = body(self._model, request, form, self._turns)
        try:
            async with await client.messages.create(**wanted, stream=True) as stream:
                async for event in stream:
                    text = gathered.add(event)
                    if text and on_text is not None:
                        on_text(text)
        except (httpx2.HTTPError, json.JSONDecodeError) as problem:
            raise _BrokenOffError(scrubbed(str(problem) or type(problem).__name__, self._key)) from None
        if not gathered.complete:
            raise _BrokenOffError("the stream ended early")
        reply = gathered.reply()
        self._turns.keep(reply, gathered.turn())
        return reply

    def _form(self, request: Request) -> Form:
        form = Form(forced=self._takes_forcing, extra_tokens=_THINKING_TOKENS if self._version >= (5, 0) else 0)
        if request.schema is None:
            return form
        strict = _strict(request.schema) if self._takes_schema else None
        return replace(form, schema=strict, answer_tool=strict is None)

    def _gives_way(self, failure: Failure, request: Request, form: Form) -> bool:
        """Whether the request can be put in another way than the one refused."""
        if failure.status != 400 or failure.is_length:
            return False
        forces = form.answer_tool or (bool(request.tools) and request.tool_choice not in ("auto", "none"))
        if form.forced and forces and _ON_FORCING.search(failure.said):
            self._takes_forcing = False
            return True
        if form.schema is not None and _ON_SCHEMA.search(failure.said):
            self._takes_schema = False
            return True
        return bool(_ON_THINKING.search(failure.said)) and self._turns.forget(request.messages)


def _connect(key: str, base_url: str | None, retries: int) -> AsyncAnthropic:
    import anthropic
    import httpx2

    async def no_long_waits(response: httpx2.Response) -> None:
        """Leave a long wait to the caller; the SDK would sleep for as long as it is told."""
        if (asked_wait(response.headers) or 0.0) > _LONGEST_WAIT_S:
            response.headers["x-should-retry"] = "false"

    timeout = anthropic.Timeout(_READ_S, connect=_CONNECT_S)
    # A redirect would take the conversation, and with some credentials the key, to wherever it points.
    http = anthropic.DefaultAsyncHttpxClient(
        timeout=timeout, follow_redirects=False, event_hooks={"response": [no_long_waits]}
    )
    return anthropic.AsyncAnthropic(
        api_key=key, base_url=base_url, timeout=timeout, max_retries=retries, http_client=http
    )


def _strict(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema in the dialect of structured outputs; None where it cannot be put in it."""
    from anthropic import transform_schema

    try:
        return transform_schema(dict(schema))
    except (ValueError, AssertionError):  # the SDK asserts what it does not know, a list of types for one
        return None
