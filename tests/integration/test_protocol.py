"""Everything the server publishes, in both protocol eras, over stdio and over streamable HTTP."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.types import PromptReference, ResourceTemplateReference
from typer.testing import CliRunner

from integration.processes import PATIENCE_S, RawServer, answer_of, raw_server, serving, until
from memento_server.cli import app

_TASK = "Translate the manual of the pump into Danish"
_PLAN = "1. Read the manual of the pump\n2. Translate it into Danish\n3. Let a Dane read it"
_ERAS = pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, and the bank it serves."""

    port: int
    bank: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
        """Send one HTTP request; return status and body."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as connection:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, named)
            response = connection.getresponse()
            return response.status, response.read().decode()


@pytest.fixture(scope="module")
def http_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RawServer, Address]]:
    """A server that listens on a port of its own."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        address = Address(probe.getsockname()[1], tmp_path_factory.mktemp("http") / "bank.sqlite3")
    with raw_server(address.bank, "--http", "--port", str(address.port)) as server:
        until(lambda: _is_up(server, address), "the HTTP server")
        yield server, address


def _is_up(server: RawServer, address: Address) -> bool:
    assert server.process.is_running(), server.stderr
    try:
        return address.ask("GET", "/health") == (200, "ok")
    except ConnectionRefusedError:
        return False


@_ERAS
def test_a_host_of_either_era_finds_everything_over_stdio(bank: Path, mode: str, version: str) -> None:
    with serving(bank, mode=mode) as server:
        assert server.client.protocol_version == version
        server.do(_use_everything, server.client, "default")
        assert "Traceback" not in server.stderr


@_ERAS
def test_a_host_of_either_era_finds_everything_over_http(
    http_server: tuple[RawServer, Address], mode: str, version: str
) -> None:
    server, address = http_server

    async def run() -> None:
        async with _connected(address, mode) as client:
            assert client.protocol_version == version
            await _use_everything(client, mode)

    anyio.run(run)
    assert "Traceback" not in server.stderr


@asynccontextmanager
async def _connected(address: Address, mode: str) -> AsyncIterator[Client]:
    async with Client(address.url, mode=mode, read_timeout_seconds=PATIENCE_S) as client:
        yield client


async def _use_everything(client: Client, namespace: str) -> None:
    tools = await client.list_tools()
    assert [tool.name for tool in tools.tools] == ["plan_with_memory", "record_outcome", "retrieve_cases"]
    assert "record_outcome" in (client.instructions or "")
    planned, recorded = await _use_tools(client, namespace)
    await _read_resources(client, planned, recorded)
    await _get_prompts(client)
    await _complete(client, planned, recorded)


async def _use_tools(client: Client, namespace: str) -> tuple[str, str]:
    """Plan, record and look up in a namespace of its own; return the plan's and the case's id."""
    planned = answer_of(await client.call_tool("plan_with_memory", {"task": _TASK, "namespace": namespace}))
    assert planned.structured["verdict"] == "no_useful_case"
    plan_id = planned.structured["plan_id"]
    outcome = {"plan_id": plan_id, "outcome": "success", "plan": _PLAN, "evidence": "user_confirmed"}
    recorded = answer_of(await client.call_tool("record_outcome", outcome))
    assert recorded.structured["status"] == "retained"
    case_id = recorded.structured["case_id"]
    found = answer_of(await client.call_tool("retrieve_cases", {"query": "Danish pump", "namespace": namespace}))
    assert [case["case_id"] for case in found.structured["cases"]] == [case_id]
    assert case_id in found.text
    return plan_id, case_id


async def _read_resources(client: Client, plan_id: str, case_id: str) -> None:
    templates = await client.list_resource_templates()
    assert {template.uri_template for template in templates.resource_templates} == {
        "memento://cases/{case_id}",
        "memento://episodes/{plan_id}",
    }
    resources = await client.list_resources()
    assert [str(resource.uri) for resource in resources.resources] == ["memento://stats"]
    case = await _json(client, f"memento://cases/{case_id}")
    assert (case["task"], case["outcome"], len(case["plan"])) == (_TASK, "success", 3)
    episode = await _json(client, f"memento://episodes/{plan_id}")
    assert (episode["task"], episode["outcome"], episode["case_id"]) == (_TASK, "success", case_id)
    assert (await _json(client, "memento://stats"))["cases"]["success"] >= 1
    for uri in ("memento://cases/c-none", "memento://episodes/p-none"):
        with pytest.raises(MCPError, match="there is no"):
            await client.read_resource(uri)


async def _json(client: Client, uri: str) -> Any:
    (content,) = (await client.read_resource(uri)).contents
    assert content.mime_type == "application/json"
    return json.loads(content.text)  # type: ignore[union-attr]


async def _get_prompts(client: Client) -> None:
    assert {prompt.name for prompt in (await client.list_prompts()).prompts} == {"plan", "reflect"}
    plan = await client.get_prompt("plan", {"task": _TASK, "context": "pump factory"})
    reflect = await client.get_prompt("reflect", {"plan_id": "p-1"})
    for prompt, parts in ((plan, (_TASK, "pump factory", "plan_with_memory")), (reflect, ("p-1", "record_outcome"))):
        (message,) = prompt.messages
        assert all(part in message.content.text for part in parts)


async def _complete(client: Client, plan_id: str, case_id: str) -> None:
    cases = ResourceTemplateReference(type="ref/resource", uri="memento://cases/{case_id}")
    episodes = ResourceTemplateReference(type="ref/resource", uri="memento://episodes/{plan_id}")
    plan = PromptReference(type="ref/prompt", name="plan")
    for ref, name, prefix, wanted in (
        (cases, "case_id", case_id[:4], case_id),
        (episodes, "plan_id", plan_id[:4], plan_id),
    ):
        found = await client.complete(ref, {"name": name, "value": prefix})
        assert wanted in found.completion.values
    assert (await client.complete(plan, {"name": "tags", "value": "x"})).completion.values == []


def test_tags_are_completed(http_server: tuple[RawServer, Address]) -> None:
    _, address = http_server
    tags = ("--tag", "alpha", "--tag", "alps", "--tag", "beta")
    at = ("--bank", str(address.bank))
    tagged = CliRunner().invoke(app, ["record", "success", "--task", "t", "--plan", "p", *tags, *at])
    assert tagged.exit_code == 0, tagged.output

    async def run() -> list[str]:
        async with _connected(address, "auto") as client:
            ref = PromptReference(type="ref/prompt", name="plan")
            return (await client.complete(ref, {"name": "tags", "value": "al"})).completion.values

    assert anyio.run(run) == ["alpha", "alps"]


def test_requests_from_foreign_pages_are_refused(http_server: tuple[RawServer, Address]) -> None:
    _, address = http_server
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    accepted = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream"}
    assert address.ask("POST", "/mcp", body, Host="evil.example", **accepted)[0] == 421
    assert address.ask("POST", "/mcp", body, Origin="https://evil.example", **accepted)[0] == 403
    own = f"http://127.0.0.1:{address.port}"
    assert address.ask("POST", "/mcp", body, Origin=own, **accepted)[0] not in (403, 421)


def test_a_request_with_half_a_character_is_answered_over_http(http_server: tuple[RawServer, Address]) -> None:
    _, address = http_server
    params = {"name": "plan_with_memory", "arguments": {"task": "\ud800"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    accepted = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream"}
    status, answer = address.ask("POST", "/mcp", body, **accepted)
    assert status == 400
    assert re.search("pars", answer, re.IGNORECASE)
    assert address.ask("GET", "/health") == (200, "ok")
