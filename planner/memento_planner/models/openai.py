"""OpenAI's chat models, and every endpoint that speaks their language: Ollama, vLLM, llama.cpp, LM Studio."""

from __future__ import annotations

import importlib
import logging
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from memento_planner.models.chat import OnText, Reply, Request, Supports
from memento_planner.models.errors import InterruptedReplyError, ModelSetupError, ToolsRefusedError
from memento_planner.models.openai_failure import (
    BrokenOffError,
    Endpoint,
    EndpointFailedError,
    Failure,
    failure_of,
    model_error,
    unreachable,
)
from memento_planner.models.openai_reply import Lines, Pieces
from memento_planner.models.openai_request import SCHEMAS, Feature, Sent, is_about_one_tool, written
from memento_planner.models.spec import key_variable

if TYPE_CHECKING:
    import openai

_MOST_BYTES = 32_000_000  # of one streamed reply, which is far more than any model writes at once
_ENDLESS = f"it sent more than {_MOST_BYTES:,} bytes for one reply"
_log = logging.getLogger(__name__)

OFFICIAL = "https://api.openai.com/v1"
_NO_KEY = "no-key"  # the SDK insists on one, endpoints without keys ignore it
_RETRIES = 4  # of the SDK, before a reply has begun
_FRESH_ATTEMPTS = 2  # of ours, after a reply broke off
_CONNECT_S, _SILENCE_S = 10.0, 300.0
_AFTER_END_S = 0.1  # for the connection to become free for the next request


class OpenAIModel:
    """A model behind an endpoint for chat completions.

    What the endpoint refuses is left out of later requests, and taken back from `supports`.

    Args:
        key: may be empty where `base_url` is given.
        base_url: http or https, up to before /chat/completions; None is OpenAI's own.

    Raises:
        ModelSetupError: if the key is missing or cannot be one.
    """

    def __init__(self, model: str, *, key: str, base_url: str | None = None) -> None:
        url = (base_url or OFFICIAL).rstrip("/")
        official = (urlsplit(url).hostname or "").endswith(".openai.com")
        key = key.strip()
        named = f"openai:{model}" if official else f"openai:{model}@{urlsplit(url).netloc}"
        self._endpoint = Endpoint(named, url, official, key)
        self._model = model
        self._refused: frozenset[Feature] = frozenset()
        self._context = Supports().context
        self._client: openai.AsyncOpenAI | None = None
        if official and not key:
            raise ModelSetupError(f"{self.name}: there is no key; set OPENAI_API_KEY")
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ModelSetupError(
                f"{self.name}: its key holds characters no key has; set {key_variable(base_url)} anew"
            )

    def __repr__(self) -> str:
        return f"OpenAIModel({self._model!r}, base_url={self._endpoint.url!r})"

    @property
    def name(self) -> str:
        return self._endpoint.name

    @property
    def supports(self) -> Supports:
        return Supports(Feature.TOOLS not in self._refused, not self._refused >= SCHEMAS, self._context)

    async def complete(self, request: Request, on_text: OnText | None = None) -> Reply:
        """Answer a request; after a break in the middle `on_text` hears the reply from its beginning again.

        Raises:
            ToolsRefusedError: if it has tools, and the endpoint takes none.
            ModelError: one of its other kinds.
        """
        if request.tools and not self.supports.tools:
            raise self._tools_refused("it said so before")
        client = await self._connected()
        dropped: frozenset[Feature] = frozenset()
        breaks = 0
        while True:  # every turn but the last drops a feature or is one of a few breaks
            sent = written(self._model, request, self._refused | dropped, official=self._endpoint.official)
            try:
                got = await self._attempt(client, sent, on_text)
            except BrokenOffError as error:
                breaks += 1
                if breaks > _FRESH_ATTEMPTS:
                    said = self._endpoint.scrubbed(str(error))
                    told = f"{self.name}: the reply broke off {breaks} times ({said}); try again later"
                    raise InterruptedReplyError(told) from None
                continue
            if isinstance(got, Reply):
                self._refused |= dropped
                return got
            dropped |= {got}

    async def aclose(self) -> None:
        """Close the connections; a later request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _connected(self) -> openai.AsyncOpenAI:
        if self._client is not None:
            return self._client
        sdk = await anyio.to_thread.run_sync(_sdk)
        if self._client is None:  # another request may have been faster
            timeout = sdk.Timeout(_SILENCE_S, connect=_CONNECT_S)
            key, url = self._endpoint.key or _NO_KEY, self._endpoint.url
            http = sdk.DefaultAsyncHttpxClient(
                timeout=timeout, follow_redirects=False
            )  # nobody else gets to read along
            self._client = sdk.AsyncOpenAI(
                api_key=key, base_url=url, max_retries=_RETRIES, timeout=timeout, http_client=http
            )
            if not self._endpoint.official:
                # The SDK takes these from the environment; they concern nobody but OpenAI.
                self._client.organization = self._client.project = None
        return self._client

    async def _attempt(self, client: openai.AsyncOpenAI, sent: Sent, on_text: OnText | None) -> Reply | Feature:
        """The reply to a request, or what in it the endpoint does not take.

        Raises:
            BrokenOffError: if the reply has no end.
            ModelError: if trying again does not help.
        """
        try:
            return await self._ask(client, sent, on_text)
        except EndpointFailedError as error:
            failure = error.failure
            if failure.is_length:
                self._context = min(failure.context or self._context, self._context)
                raise model_error(failure, self._endpoint) from None
            feature = self._refused_in(sent, failure)
            if feature is not None:
                return feature
            if error.begun and failure.is_passing:
                raise BrokenOffError(failure.message) from None
            raise model_error(failure, self._endpoint) from None

    async def _ask(self, client: openai.AsyncOpenAI, sent: Sent, on_text: OnText | None) -> Reply:
        import openai

        pieces = Pieces(on_text)
        try:
            async with client.chat.completions.with_streaming_response.create(**sent.body) as response:
                await _read(response, pieces)
        except openai.APIStatusError as error:
            failure = failure_of(error.body, status=error.status_code, text=error.response.text)
            raise EndpointFailedError(failure, begun=False) from None
        except openai.APIConnectionError as error:
            timed_out = isinstance(error, openai.APITimeoutError)
            raise unreachable(error, self._endpoint, timed_out=timed_out) from None
        return pieces.reply()

    def _refused_in(self, sent: Sent, failure: Failure) -> Feature | None:
        if not failure.may_be_refusal:
            return None
        feature = sent.refused(failure.why)
        if feature is Feature.TOOLS:
            if not is_about_one_tool(failure.why):
                self._refused |= {feature}
            raise self._tools_refused(self._endpoint.scrubbed(failure.message)) from None
        if feature is not None:
            _log.info("%s: %s takes no %s", self.name, self._endpoint.url, feature.value)
        return feature

    def _tools_refused(self, why: str) -> ToolsRefusedError:
        return ToolsRefusedError(
            f"{self.name}: {self._endpoint.url} takes no function calling ({why}); offer tools through a JSON schema"
        )


def _sdk() -> Any:
    try:
        sdk = importlib.import_module("openai")
        importlib.import_module("openai.resources.chat")  # what the SDK itself imports only when it is used
    except ImportError as error:
        raise ModelSetupError(f"the package openai cannot be imported ({error}); install openai>=3") from None
    return sdk


async def _read(response: openai.AsyncAPIResponse[Any], pieces: Pieces) -> None:
    """Take in a whole answer, streamed or not."""
    import httpx2

    try:
        kind = response.headers.get("content-type", "")
        if kind.startswith(("application/json", "text/html")):
            pieces.take_whole((await response.read()).decode(errors="replace"))
            return
        lines, read = Lines(), 0
        with anyio.CancelScope() as scope:
            async for piece in response.iter_bytes():
                read += len(piece)
                if read > _MOST_BYTES:
                    raise EndpointFailedError(failure_of(_ENDLESS), begun=False)
                for data in lines.feed(piece):
                    pieces.take_data(data)
                if pieces.done:
                    scope.deadline = anyio.current_time() + _AFTER_END_S
        for data in lines.feed(b""):
            pieces.take_data(data)
    except (httpx2.RequestError, ssl.SSLError, anyio.EndOfStream) as error:
        if not pieces.ended:
            raise BrokenOffError(f"{type(error).__name__}: {error}") from None
    if not pieces.ended:
        raise BrokenOffError("it has no end")
