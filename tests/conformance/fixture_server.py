"""A server with everything the official MCP conformance suite looks for, in both protocol eras, on stdio and HTTP.

`python fixture_server.py` serves stdio; `python fixture_server.py --http 3901` serves http://127.0.0.1:3901/mcp.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import warnings
from typing import Any

import anyio
import uvicorn
from fixture_asking_tools import ASKING_TOOLS
from fixture_events import MemoryEventStore
from fixture_questions import InputNeeded, Questions, Seal, form, said
from fixture_tools import APPEARING_TOOL, PLAIN_TOOLS, Call, FixtureTool, Listing, embedded, image, red_pixel
from mcp import types
from mcp.server import ServerRequestContext
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

Context = ServerRequestContext[Any, Any]

TEMPLATE = "test://template/{id}/data"
RESOURCES = (
    types.Resource(uri="test://static-text", name="static-text", description="Text.", mime_type="text/plain"),
    types.Resource(uri="test://static-binary", name="static-binary", description="An image.", mime_type="image/png"),
    types.Resource(uri="test://watched-resource", name="watched", description="To watch.", mime_type="text/plain"),
)
TEXTS = {
    "test://static-text": "This is the content of the static text resource.",
    "test://watched-resource": "This resource can be subscribed to.",
}
COMPLETIONS = ("paris", "park", "party", "test", "text")


def _argument(name: str, description: str) -> types.PromptArgument:
    return types.PromptArgument(name=name, description=description, required=True)


PROMPTS = (
    types.Prompt(name="test_simple_prompt", description="One fixed message."),
    types.Prompt(
        name="test_prompt_with_arguments",
        description="A message with both arguments in it.",
        arguments=[_argument("arg1", "First argument"), _argument("arg2", "Second argument")],
    ),
    types.Prompt(
        name="test_prompt_with_embedded_resource",
        description="A message that carries a resource.",
        arguments=[_argument("resourceUri", "The resource to carry")],
    ),
    types.Prompt(name="test_prompt_with_image", description="A message that carries an image."),
    types.Prompt(name="test_input_required_result_prompt", description="A prompt that asks the user first."),
)
APPEARING_PROMPT = types.Prompt(name="test_appearing_prompt", description="Comes and goes on request.")


class Fixture:
    """The handlers, and the little they remember."""

    def __init__(self) -> None:
        self.listing = Listing()
        self._seal = Seal()
        self._tools = {each.definition.name: each for each in (*PLAIN_TOOLS, *ASKING_TOOLS)}

    def tools(self) -> dict[str, FixtureTool]:
        """The tools of this moment by name, in the order they are listed."""
        extra = {APPEARING_TOOL.definition.name: APPEARING_TOOL} if self.listing.extra_tool else {}
        return self._tools | extra

    def schema(self, name: str) -> dict[str, Any] | None:
        """A tool's input schema, for the check of arguments that travel in headers."""
        found = self.tools().get(name)
        return found.definition.input_schema if found else None

    async def list_tools(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """Answer tools/list."""
        return types.ListToolsResult(tools=[each.definition for each in self.tools().values()])

    async def call_tool(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Answer tools/call; an unknown tool is an error result."""
        found = self.tools().get(params.name)
        if found is None:
            return types.CallToolResult(content=[types.TextContent(text=f"Unknown tool: {params.name}")], is_error=True)
        try:
            questions = Questions(ctx, params, self._seal)
            return await found.run(Call(ctx, params.arguments or {}, questions, self.listing))
        except InputNeeded as needed:
            return needed.result

    async def list_resources(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """Answer resources/list."""
        return types.ListResourcesResult(resources=list(RESOURCES))

    async def list_templates(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """Answer resources/templates/list."""
        template = types.ResourceTemplate(
            uri_template=TEMPLATE, name="template", description="Data by id.", mime_type="application/json"
        )
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def read_resource(self, ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        """Answer resources/read."""
        uri = str(params.uri)
        if uri in TEXTS:
            return _text_resource(uri, "text/plain", TEXTS[uri])
        if uri == "test://static-binary":
            blob = base64.b64encode(red_pixel()).decode()
            return types.ReadResourceResult(
                contents=[types.BlobResourceContents(uri=uri, mime_type="image/png", blob=blob)]
            )
        if matched := re.fullmatch(re.escape(TEMPLATE).replace(r"\{id\}", "([^/]+)"), uri):
            found = matched.group(1)
            data = {"id": found, "templateTest": True, "data": f"Data for ID: {found}"}
            return _text_resource(uri, "application/json", json.dumps(data))
        raise MCPError(types.INVALID_PARAMS, "Resource not found", {"uri": uri})

    async def subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        """Answer resources/subscribe."""
        self.listing.subscribed.add(str(params.uri))
        return types.EmptyResult()

    async def unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        """Answer resources/unsubscribe."""
        self.listing.subscribed.discard(str(params.uri))
        return types.EmptyResult()

    async def list_prompts(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        """Answer prompts/list."""
        extra = [APPEARING_PROMPT] if self.listing.extra_prompt else []
        return types.ListPromptsResult(prompts=[*PROMPTS, *extra])

    async def get_prompt(
        self, ctx: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult | types.InputRequiredResult:
        """Answer prompts/get."""
        try:
            blocks = await self._blocks(ctx, params)
        except InputNeeded as needed:
            return needed.result
        return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=block) for block in blocks])

    async def _blocks(self, ctx: Context, params: types.GetPromptRequestParams) -> list[types.ContentBlock]:
        given = params.arguments or {}
        match params.name:
            case "test_simple_prompt" | "test_appearing_prompt":
                return [types.TextContent(text="This is a simple prompt for testing.")]
            case "test_prompt_with_arguments":
                words = f"arg1='{given.get('arg1', '')}', arg2='{given.get('arg2', '')}'"
                return [types.TextContent(text=f"Prompt with arguments: {words}")]
            case "test_prompt_with_embedded_resource":
                block = embedded(given["resourceUri"], "text/plain", "Embedded resource content for testing.")
                return [block, types.TextContent(text="Please process the embedded resource above.")]
            case "test_prompt_with_image":
                return [image(), types.TextContent(text="Please analyze the image above.")]
            case "test_input_required_result_prompt":
                question = form("What context should the prompt use?", {"context": {"type": "string"}}, ["context"])
                answer = await Questions(ctx, params, self._seal).ask("user_context", question)
                return [types.TextContent(text=f"Context: {said(answer)}")]
        raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}")

    async def complete(self, ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        """Answer completion/complete from one short list of words."""
        values = [word for word in COMPLETIONS if word.startswith(params.argument.value)]
        return types.CompleteResult(completion=types.Completion(values=values, total=len(values), has_more=False))

    async def set_level(self, ctx: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
        """Answer logging/setLevel; the tools log at info level alone, so there is nothing to keep."""
        return types.EmptyResult()


def _text_resource(uri: str, mime_type: str, value: str) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=mime_type, text=value)])


class FixtureServer(Server[dict[str, Any]]):
    """A server that tells handshake hosts that its lists can change."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """As the base class, with every list declared changeable unless said otherwise."""
        options = notification_options or NotificationOptions(True, True, True)
        return super().create_initialization_options(options, experimental_capabilities, extensions)


def build() -> FixtureServer:
    """The server with all its handlers."""
    fixture = Fixture()
    server = FixtureServer(
        "memento-conformance-fixture",
        version="1.0.0",
        instructions="Nothing here is useful; everything here is checkable.",
        cache_hints={"resources/list": CacheHint(60_000, "public")},
        get_tool_input_schema=fixture.schema,
        on_list_tools=fixture.list_tools,
        on_call_tool=fixture.call_tool,
        on_list_resources=fixture.list_resources,
        on_list_resource_templates=fixture.list_templates,
        on_read_resource=fixture.read_resource,
        on_subscribe_resource=fixture.subscribe,
        on_unsubscribe_resource=fixture.unsubscribe,
        on_subscriptions_listen=ListenHandler(fixture.listing.bus),
        on_list_prompts=fixture.list_prompts,
        on_get_prompt=fixture.get_prompt,
        on_completion=fixture.complete,
    )
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, fixture.set_level)
    return server


async def _serve_stdio() -> None:
    server = build()
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def main() -> None:
    """Serve until stdin ends (stdio) or a signal comes (HTTP)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--http", type=int, metavar="PORT", help="serve http://127.0.0.1:PORT/mcp instead of stdio")
    port: int | None = parser.parse_args().http
    warnings.filterwarnings("ignore", category=MCPDeprecationWarning)
    if port is None:
        anyio.run(_serve_stdio)
    else:
        app = build().streamable_http_app(event_store=MemoryEventStore(), retry_interval=100)
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
