"""What downstream servers offer besides tools: resources, their templates and changes, prompts, completions."""

from __future__ import annotations

import base64
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from mcp import types
from mcp.server import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.uri_template import InvalidUriTemplate, UriTemplate
from pydantic import ValidationError

from memento_toolhub.backend import Backend, UnavailableError, server_text
from memento_toolhub.catalogue import Catalogue
from memento_toolhub.reach import Reach
from memento_toolhub.trust.results import ResultStore
from memento_toolhub.wire.connection import Connection
from memento_toolhub.wire.deadline import Deadline
from memento_toolhub.wire.forward import Forwarder, Make, Result, TimedOutError
from memento_toolhub.wire.hosts import Hosts
from memento_toolhub.wire.seams import host_connection

logger = logging.getLogger(__name__)

Context = ServerRequestContext[Any, Any]
Handler = Callable[[Any, Any], Awaitable[Any]]
OWN_SCHEME = "memento://"
RESULTS = "memento://results/"


class Offers:
    """Lists and forwards resources, prompts and completions; what the server itself offers comes first and wins."""

    def __init__(
        self, reach: Reach, catalogue: Catalogue, forwarder: Forwarder, hosts: Hosts, results: ResultStore
    ) -> None:
        self._reach = reach
        self._catalogue = catalogue
        self._forwarder = forwarder
        self._hosts = hosts
        self._results = results
        self._own: dict[str, Handler] = {}
        self._uris: dict[str, str] = {}
        self._templates: dict[str, str] = {}

    def install(self, server: Server[Any]) -> None:
        """Put these handlers before a server's own."""
        handlers: dict[str, tuple[type[Any], Handler]] = {
            "resources/list": (types.PaginatedRequestParams, self._list_resources),
            "resources/templates/list": (types.PaginatedRequestParams, self._list_templates),
            "resources/read": (types.ReadResourceRequestParams, self._read),
            "resources/subscribe": (types.SubscribeRequestParams, self._subscribe),
            "resources/unsubscribe": (types.UnsubscribeRequestParams, self._unsubscribe),
            "subscriptions/listen": (types.SubscriptionsListenRequestParams, self._listen),
            "prompts/list": (types.PaginatedRequestParams, self._list_prompts),
            "prompts/get": (types.GetPromptRequestParams, self._get_prompt),
            "completion/complete": (types.CompleteRequestParams, self._complete),
        }
        for method, (params_type, handler) in handlers.items():
            own = server.get_request_handler(method)
            if own is not None:
                self._own[method] = own.handler
            server.add_request_handler(method, params_type, handler)

    # -- lists

    async def _list_resources(self, ctx: Context, params: Any) -> dict[str, Any]:
        own = await self._own_items("resources/list", "resources", ctx, params)
        return await self._with_theirs(ctx, "resources/list", "resources", own, "uri", self._uris)

    async def _list_templates(self, ctx: Context, params: Any) -> dict[str, Any]:
        own = await self._own_items("resources/templates/list", "resourceTemplates", ctx, params)
        own["resourceTemplates"].append(
            {
                "uriTemplate": RESULTS + "{id}",
                "name": "result",
                "description": "a tool result in full, where it was too long to be passed on whole",
            }
        )
        method, field = "resources/templates/list", "resourceTemplates"
        return await self._with_theirs(ctx, method, field, own, "uriTemplate", self._templates)

    async def _list_prompts(self, ctx: Context, params: Any) -> dict[str, Any]:
        listing = await self._own_items("prompts/list", "prompts", ctx, params)
        for backend, connection in await self._reach.reach(ctx):
            if connection.capabilities.prompts is not None:
                for prompt in await self._pages(backend, connection, "prompts/list", "prompts"):
                    listing["prompts"].append({**prompt, "name": self._catalogue.name(backend, prompt["name"])})
        return listing

    async def _own_items(self, method: str, field: str, ctx: Context, params: Any) -> dict[str, Any]:
        if method not in self._own:
            return {field: []}
        own: dict[str, Any] = (await self._own[method](ctx, params)).model_dump(
            mode="json", by_alias=True, exclude_none=True
        )
        return own

    async def _with_theirs(
        self, ctx: Context, method: str, field: str, listing: dict[str, Any], key: str, owners: dict[str, str]
    ) -> dict[str, Any]:
        for backend, connection in await self._reach.reach(ctx):
            if connection.capabilities.resources is None:
                continue
            for item in await self._pages(backend, connection, method, field):
                if item[key].startswith(OWN_SCHEME) or owners.setdefault(item[key], backend.name) != backend.name:
                    logger.debug("%s: %s is hidden by another server's", backend.name, item[key])
                else:
                    listing[field].append(item)
        return listing

    async def _pages(self, backend: Backend, connection: Connection, method: str, field: str) -> list[dict[str, Any]]:
        """A server's items; one that fails to list them does not take the others' away."""
        deadline = Deadline(backend.config.timeout, backend.config.max_time)
        try:
            with deadline.limit():
                return await connection.pages(method, field)
        except (MCPError, ValidationError) as error:
            logger.warning("%s: %s failed: %s", backend.name, method, server_text(error))
        return []

    # -- reading and prompting

    async def _read(self, ctx: Context, params: types.ReadResourceRequestParams) -> Any:
        uri = str(params.uri)
        if uri.startswith(RESULTS) and (kept := self._results.read(uri)) is not None:
            return _contents(uri, *kept)
        if uri.startswith(OWN_SCHEME) and not uri.startswith(RESULTS):
            return await self._own["resources/read"](ctx, params)

        def make(answers: Any, state: str | None, meta: types.RequestParamsMeta | None) -> types.ReadResourceRequest:
            return types.ReadResourceRequest(
                params=types.ReadResourceRequestParams(
                    uri=params.uri, input_responses=answers, request_state=state, _meta=meta
                )
            )

        failure = MCPError(types.INVALID_PARAMS, f"Unknown resource: {uri}", {"uri": uri})
        for backend, connection in await self._owners(ctx, uri):
            try:
                return await self._forward(ctx, backend, connection, make, params)
            except MCPError as error:
                failure = error
        raise failure

    async def _get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> Any:
        owner = self._catalogue.owner(params.name)
        if owner is None:
            listing = await self._list_prompts(ctx, None)
            owner = self._catalogue.owner(params.name)
            if owner is None and any(prompt["name"] == params.name for prompt in listing["prompts"]):
                return await self._own["prompts/get"](ctx, params)
        if owner is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}; see prompts/list")
        backend, connection = await self._reach.server(ctx, owner[0])

        def make(answers: Any, state: str | None, meta: types.RequestParamsMeta | None) -> types.GetPromptRequest:
            return types.GetPromptRequest(
                params=types.GetPromptRequestParams(
                    name=owner[1], arguments=params.arguments, input_responses=answers, request_state=state, _meta=meta
                )
            )

        return await self._forward(ctx, backend, connection, make, params)

    async def _complete(self, ctx: Context, params: types.CompleteRequestParams) -> Any:
        ref, name = params.ref, ""
        if isinstance(ref, types.PromptReference):
            if self._catalogue.owner(ref.name) is None:
                await self._list_prompts(ctx, None)
            owner = self._catalogue.owner(ref.name)
            if owner is not None:
                name, ref = owner[0], ref.model_copy(update={"name": owner[1]})
        else:
            if ref.uri not in self._templates and not ref.uri.startswith(OWN_SCHEME):
                await self._list_templates(ctx, None)
            name = self._templates.get(ref.uri) or self._uris.get(ref.uri, "")
        if not name:
            if "completion/complete" in self._own:
                return await self._own["completion/complete"](ctx, params)
            return types.CompleteResult(completion=types.Completion(values=[]))
        backend, connection = await self._reach.server(ctx, name)
        if connection.capabilities.completions is None:
            return types.CompleteResult(completion=types.Completion(values=[]))

        def make(_: Any, __: str | None, meta: types.RequestParamsMeta | None) -> types.CompleteRequest:
            return types.CompleteRequest(
                params=types.CompleteRequestParams(
                    ref=ref, argument=params.argument, context=params.context, _meta=meta
                )
            )

        return await self._forward(ctx, backend, connection, make, None)

    async def _forward(self, ctx: Context, backend: Backend, connection: Connection, make: Make, given: Any) -> Result:
        deadline = Deadline(backend.config.timeout, backend.config.max_time)
        try:
            return await self._forwarder.forward(
                ctx,
                connection,
                make,
                deadline,
                self._reach.tasks,
                answers=given.input_responses if given is not None else None,
                state=given.request_state if given is not None else None,
            )
        except (TimedOutError, ValidationError) as error:
            raise MCPError(types.INTERNAL_ERROR, f"{backend.name}: {server_text(error)}") from error

    async def _owners(self, ctx: Context, uri: str) -> list[tuple[Backend, Connection]]:
        """The servers to ask for a resource: the one that lists it or its template, else all that have resources."""
        name = self._uris.get(uri) or next((name for t, name in self._templates.items() if _matches(t, uri)), None)
        if name is not None:
            try:
                return [await self._reach.server(ctx, name)]
            except UnavailableError as error:
                raise MCPError(types.INTERNAL_ERROR, str(error)) from error
        reached = await self._reach.reach(ctx)
        return [(backend, connection) for backend, connection in reached if connection.capabilities.resources]

    # -- changes of resources

    async def _subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        uri = str(params.uri)
        self._hosts.watch(host_connection(ctx), uri)
        await self._watch(ctx, uri, on=True)
        return types.EmptyResult()

    async def _unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        uri = str(params.uri)
        if self._hosts.unwatch(host_connection(ctx), uri):
            await self._watch(ctx, uri, on=False)
        return types.EmptyResult()

    async def _listen(self, ctx: Context, params: types.SubscriptionsListenRequestParams) -> Any:
        uris = [str(uri) for uri in params.notifications.resource_subscriptions or ()]
        stream = object()
        for uri in uris:
            self._hosts.watch(stream, uri)
            await self._watch(ctx, uri, on=True)
        try:
            return await self._own["subscriptions/listen"](ctx, params)
        finally:
            for uri in uris:
                if self._hosts.unwatch(stream, uri):
                    self._reach.tasks.start_soon(self._watch_no_more, ctx, uri)

    async def _watch_no_more(self, ctx: Context, uri: str) -> None:
        await self._watch(ctx, uri, on=False)

    async def _watch(self, ctx: Context, uri: str, *, on: bool) -> None:
        if uri.startswith(OWN_SCHEME):
            return
        for backend, connection in await self._owners(ctx, uri):
            capability = connection.capabilities.resources
            if capability is not None and capability.subscribe:
                try:
                    await connection.watch(uri, on=on)
                except MCPError as error:
                    logger.info("%s: subscription to %s failed: %s", backend.name, uri, server_text(error))


def _matches(template: str, uri: str) -> bool:
    try:
        return UriTemplate.parse(template).match(uri) is not None
    except InvalidUriTemplate:
        return False


def _contents(uri: str, mime: str, data: bytes) -> types.ReadResourceResult:
    content: types.TextResourceContents | types.BlobResourceContents
    if mime.startswith("text/") or mime == "application/json":
        content = types.TextResourceContents(uri=uri, mime_type=mime, text=data.decode("utf-8", "replace"))
    else:
        content = types.BlobResourceContents(uri=uri, mime_type=mime, blob=base64.b64encode(data).decode())
    return types.ReadResourceResult(contents=[content])
