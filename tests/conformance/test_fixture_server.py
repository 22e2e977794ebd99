"""The fixture server of the conformance suite answers a real client over stdio, in both protocol eras."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, MCPError, StdioServerParameters, types
from pydantic import TypeAdapter

SERVER = Path(__file__).parent / "fixture_server.py"
PATIENCE_S = 60
ONE_ROUND: TypeAdapter[types.CallToolResult | types.InputRequiredResult] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)


@dataclass(frozen=True, slots=True)
class Host:
    """A client of the fixture server, used from an ordinary thread."""

    portal: BlockingPortal
    client: Client

    def do(self, work: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Await a coroutine function of the client and return its result."""
        return self.portal.call(functools.partial(work, *arguments, **keywords))

    def call(self, name: str, **keywords: Any) -> types.CallToolResult:
        """Call a tool without arguments."""
        result: types.CallToolResult = self.do(self.client.call_tool, name, {}, **keywords)
        return result

    def tools(self) -> dict[str, types.Tool]:
        """The listed tools by name, in their order."""
        return {tool.name: tool for tool in self.do(self.client.list_tools).tools}

    def one_round(self, **params: Any) -> types.CallToolResult | types.InputRequiredResult:
        """Send tools/call once, without answering what comes back."""
        request = types.CallToolRequest(params=types.CallToolRequestParams(**params))
        result: types.CallToolResult | types.InputRequiredResult = self.do(
            self.client.session.send_request, request, ONE_ROUND
        )
        return result


async def _accept(context: object, params: types.ElicitRequestParams) -> types.ElicitResult | types.ErrorData:
    """Accept every form, with "Alice" in each of its required fields."""
    assert isinstance(params, types.ElicitRequestFormParams)
    return types.ElicitResult(action="accept", content=dict.fromkeys(params.requested_schema["required"], "Alice"))


@pytest.fixture(scope="module", params=["auto", "legacy"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    server = StdioServerParameters(command=sys.executable, args=[str(SERVER)])
    client = Client(
        server, mode=request.param, elicitation_callback=_accept, read_timeout_seconds=PATIENCE_S, cache=None
    )
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client) as connected:
        yield Host(portal, connected)


def test_it_lists_the_tools_the_suite_calls_with_their_schemas_whole(host: Host) -> None:
    tools = host.tools()
    assert {"test_simple_text", "test_sampling", "test_input_required_result_multi_round"} <= tools.keys()
    assert all(tool.description for tool in tools.values())
    rich = tools["json_schema_2020_12_tool"].input_schema
    assert {"$schema", "$defs", "allOf", "if", "then", "else", "additionalProperties"} <= rich.keys()


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("test_simple_text", ["text"]),
        ("test_image_content", ["image"]),
        ("test_audio_content", ["audio"]),
        ("test_embedded_resource", ["resource"]),
        ("test_multiple_content_types", ["text", "image", "resource"]),
    ],
)
def test_it_returns_every_type_of_content(host: Host, name: str, kinds: list[str]) -> None:
    assert [block.type for block in host.call(name).content] == kinds


def test_it_reports_an_error_as_a_result(host: Host) -> None:
    assert host.call("test_error_handling").is_error


def test_it_reports_progress_to_a_caller_that_wants_it(host: Host) -> None:
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    host.call("test_tool_with_progress", progress_callback=note)
    assert seen == [0, 50, 100]


def test_it_asks_one_question_after_the_other_in_either_era(host: Host) -> None:
    (block,) = host.call("test_input_required_result_multi_round").content
    assert isinstance(block, types.TextContent)
    assert block.text == 'action=accept, content={"name": "Alice"}; action=accept, content={"color": "Alice"}'


def test_it_refuses_a_client_without_the_capability_a_tool_needs(host: Host) -> None:
    with pytest.raises(MCPError, match="did not declare sampling"):
        host.call("test_missing_capability")


def test_its_tool_list_changes_on_request(host: Host) -> None:
    before = list(host.tools())
    host.call("test_trigger_tool_change")
    assert list(host.tools()) == [*before, "test_appearing_tool"]
    host.call("test_trigger_tool_change")
    assert list(host.tools()) == before


@pytest.mark.parametrize("host", ["auto"], indirect=True)
def test_it_takes_back_its_own_request_state_and_no_other(host: Host) -> None:
    name = "test_input_required_result_tampered_state"
    first = host.one_round(name=name)
    assert isinstance(first, types.InputRequiredResult)
    answers = {"confirm": types.ElicitResult(action="accept", content={"ok": True})}
    kept = host.one_round(name=name, input_responses=answers, request_state=first.request_state)
    assert isinstance(kept, types.CallToolResult)
    with pytest.raises(MCPError, match="not what this server issued"):
        host.one_round(name=name, input_responses=answers, request_state=f"x{first.request_state}")
    with pytest.raises(MCPError, match="belongs to another call"):
        host.one_round(
            name="test_input_required_result_request_state",
            input_responses=answers,
            request_state=first.request_state,
        )
