"""The tools the conformance suite calls by name, apart from those that ask the host for input."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
from fixture_questions import Questions
from mcp import types
from mcp.server import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, PromptsListChanged, ToolsListChanged

EMPTY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


class Listing:
    """What a host may see change while it is connected, and the bus that tells listening hosts."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self.extra_tool = False
        self.extra_prompt = False
        self.subscribed: set[str] = set()


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call, with everything a tool may need."""

    ctx: ServerRequestContext[Any, Any]
    arguments: Mapping[str, Any]
    questions: Questions
    listing: Listing


Run = Callable[[Call], Awaitable[types.CallToolResult]]


@dataclass(frozen=True, slots=True)
class FixtureTool:
    """A tool as listed, and what it does."""

    definition: types.Tool
    run: Run


def tool(name: str, description: str, run: Run, schema: dict[str, Any] | None = None) -> FixtureTool:
    """A tool of this name; without a schema it takes no arguments."""
    return FixtureTool(types.Tool(name=name, description=description, input_schema=schema or EMPTY_SCHEMA), run)


def text(value: str, *, is_error: bool = False) -> types.CallToolResult:
    """A result of one text block."""
    return types.CallToolResult(content=[types.TextContent(text=value)], is_error=is_error)


def text_argument(name: str, **keywords: str) -> dict[str, Any]:
    """The schema of a tool whose one, required argument is a string."""
    return {"type": "object", "properties": {name: {"type": "string", **keywords}}, "required": [name]}


def red_pixel() -> bytes:
    """A PNG of one red pixel."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\x00\xff\x00\x00")), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def short_silence() -> bytes:
    """A WAV of 80 silent samples."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(160))
    return buffer.getvalue()


def image() -> types.ImageContent:
    """The red pixel as a content block."""
    return types.ImageContent(data=base64.b64encode(red_pixel()).decode(), mime_type="image/png")


def embedded(uri: str, mime_type: str, value: str) -> types.EmbeddedResource:
    """A text resource as a content block."""
    return types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, mime_type=mime_type, text=value))


async def _simple_text(call: Call) -> types.CallToolResult:
    return text("This is a simple text response for testing.")


async def _image(call: Call) -> types.CallToolResult:
    return types.CallToolResult(content=[image()])


async def _audio(call: Call) -> types.CallToolResult:
    data = base64.b64encode(short_silence()).decode()
    return types.CallToolResult(content=[types.AudioContent(data=data, mime_type="audio/wav")])


async def _embedded_resource(call: Call) -> types.CallToolResult:
    block = embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    return types.CallToolResult(content=[block])


async def _mixed(call: Call) -> types.CallToolResult:
    resource = embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    return types.CallToolResult(
        content=[types.TextContent(text="Multiple content types test:"), image(), resource],
    )


async def _fails(call: Call) -> types.CallToolResult:
    return text("This tool intentionally returns an error for testing", is_error=True)


async def _logs(call: Call) -> types.CallToolResult:
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await call.ctx.session.send_log_message("info", line, related_request_id=call.ctx.request_id)
        await anyio.sleep(0.05)
    return text("Logged three lines.")


async def _progresses(call: Call) -> types.CallToolResult:
    for done in (0, 50, 100):
        await call.ctx.session.report_progress(done, 100)
        await anyio.sleep(0.05)
    return text("Reported progress three times.")


async def _reconnects(call: Call) -> types.CallToolResult:
    if call.ctx.close_sse_stream is not None:
        await call.ctx.close_sse_stream()
    await anyio.sleep(0.1)
    return text("Finished after the stream was closed.")


async def _echoes_region(call: Call) -> types.CallToolResult:
    return text(f"region: {call.arguments.get('region', '')}")


async def _takes_an_address(call: Call) -> types.CallToolResult:
    return text(f"arguments: {sorted(call.arguments)}")


async def _changes_tools(call: Call) -> types.CallToolResult:
    call.listing.extra_tool = not call.listing.extra_tool
    await call.listing.bus.publish(ToolsListChanged())
    await call.ctx.session.send_tool_list_changed()
    return text(f"test_appearing_tool is {'listed' if call.listing.extra_tool else 'gone'}.")


async def _changes_prompts(call: Call) -> types.CallToolResult:
    call.listing.extra_prompt = not call.listing.extra_prompt
    await call.listing.bus.publish(PromptsListChanged())
    await call.ctx.session.send_prompt_list_changed()
    return text(f"test_appearing_prompt is {'listed' if call.listing.extra_prompt else 'gone'}.")


# The suite looks for each of these keywords in the listed schema: none may be lost on the way.
RICH_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}

APPEARING_TOOL = tool("test_appearing_tool", "Comes and goes with test_trigger_tool_change.", _simple_text)

PLAIN_TOOLS: tuple[FixtureTool, ...] = (
    tool("test_simple_text", "Returns one text block.", _simple_text),
    tool("test_image_content", "Returns one image block.", _image),
    tool("test_audio_content", "Returns one audio block.", _audio),
    tool("test_embedded_resource", "Returns one embedded resource.", _embedded_resource),
    tool("test_multiple_content_types", "Returns text, an image and a resource.", _mixed),
    tool("test_error_handling", "Always returns an error result.", _fails),
    tool("test_tool_with_logging", "Sends three log messages.", _logs),
    tool("test_logging_tool", "Sends log messages where the caller asked for them.", _logs),
    tool("test_tool_with_progress", "Reports progress three times.", _progresses),
    tool("test_reconnection", "Closes its response stream before it answers.", _reconnects),
    tool(
        "test_header_argument",
        "Takes an argument that travels in a header too.",
        _echoes_region,
        text_argument("region", **{"x-mcp-header": "Region"}),
    ),
    tool("json_schema_2020_12_tool", "Has a schema full of 2020-12 keywords.", _takes_an_address, RICH_SCHEMA),
    tool("test_trigger_tool_change", "Adds a tool to the list, or takes it away.", _changes_tools),
    tool("test_trigger_prompt_change", "Adds a prompt to the list, or takes it away.", _changes_prompts),
)
