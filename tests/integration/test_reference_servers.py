"""Six servers that nobody here wrote, relayed at once in both protocol eras: all is as on a direct connection."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import PromptReference, ResourceTemplateReference

from integration.loopback_page import served
from integration.processes import until
from integration.reference_servers import LONGEST_NAME, NAMES, Both, Way, missing, opened, subscribed, wire_form

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")]

_ERAS = {"legacy": "2025-11-25", "auto": "2026-07-28"}
_SAID = {"trigger-sampling-request": "You said: ", "trigger-elicitation-request": "Ida"}
_CLOCK = re.compile(r"\d{1,2}:\d\d:\d\d( [AP]M)?")


@pytest.fixture(scope="module", params=_ERAS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """All servers, for a host that answers sampling and elicitation."""
    with opened(tmp_path_factory.mktemp(request.param), request.param, NAMES) as ways:
        assert ways.relayed.clients["time"].protocol_version == _ERAS[request.param]
        yield ways


@pytest.fixture
def npm(both: Both) -> None:
    """For tests of servers from npm alone."""
    _need(both, "everything")


def _need(both: Both, server: str) -> None:
    if server not in both.servers:
        pytest.skip(missing())


@pytest.mark.parametrize("server", NAMES)
def test_every_tool_is_defined_as_by_its_server(both: Both, server: str) -> None:
    _need(both, server)
    both.same_definitions(server)


@pytest.mark.parametrize("mode", _ERAS)
@pytest.mark.parametrize(("answers", "roots"), [(False, False), (True, True)])
def test_a_server_offers_what_it_would_offer_this_host(tmp_path: Path, mode: str, answers: bool, roots: bool) -> None:
    if missing():
        pytest.skip(missing())
    with opened(tmp_path, mode, ["everything"], answers=answers, roots=roots) as both:
        offered = both.same_definitions("everything")
        assert ("trigger-sampling-request" in offered, "get-roots-list" in offered) == (answers, roots)
        if roots:
            assert "file:///srv/plans" in _text(both.call("everything", "get-roots-list"))


def test_own_tools_come_first_and_the_order_stays(both: Both) -> None:
    listed = [[tool.name for tool in both.portal.call(both.relayed.clients["time"].list_tools).tools] for _ in range(2)]
    assert listed[0] == listed[1]
    relayed = set(both.relayed.names.values())
    assert [name in relayed for name in listed[0]] == sorted(name in relayed for name in listed[0])
    assert relayed < set(listed[0])
    assert max(map(len, relayed)) <= LONGEST_NAME


def test_resources_and_prompts_of_every_server_are_listed(both: Both) -> None:
    for what in ("resources", "resource_templates", "prompts"):
        ask: Any = getattr(Client, f"list_{what}")
        directly: list[dict[str, Any]] = []
        for server, client in both.direct.clients.items():
            if getattr(client.server_capabilities, "prompts" if what == "prompts" else "resources"):
                prefix = f"{server}__" if what == "prompts" else ""
                found = [wire_form(item) for item in getattr(both.portal.call(ask, client), what)]
                directly += [{**item, "name": prefix + item["name"]} for item in found]
        relayed = [wire_form(item) for item in getattr(both.portal.call(ask, both.relayed.clients["time"]), what)]
        assert [item for item in relayed if item in directly] == directly
        own = [item for item in relayed if item not in directly]
        assert all("memento://" in json.dumps(item) or item["name"] in {"plan", "reflect"} for item in own)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("echo", {"message": "grüß dich\n\u2028 \U0001f427"}),
        ("get-sum", {"a": 2, "b": 0.5}),
        ("get-sum", {"a": "no number"}),
        ("get-tiny-image", {}),
        ("get-annotated-message", {"messageType": "error", "includeImage": True}),
        ("get-structured-content", {"location": "Chicago"}),
        ("get-structured-content", {"location": "Atlantis"}),
        ("get-resource-links", {"count": 4}),
        ("gzip-file-as-resource", {"name": "a.gz", "data": "data:text/plain,pump", "outputType": "resource"}),
        ("trigger-sampling-request", {"prompt": "What is a pump?", "maxTokens": 12}),
        ("trigger-elicitation-request", {}),
        ("trigger-url-elicitation", {"url": "https://example.com/pay", "elicitationId": "e-1"}),
    ],
)
@pytest.mark.usefixtures("npm")
def test_everything_answers_as_directly(both: Both, tool: str, arguments: dict[str, Any]) -> None:
    said = _text(both.call("everything", tool, **arguments))
    assert _SAID.get(tool, "") in said


@pytest.mark.usefixtures("npm")
def test_an_embedded_resource_arrives_whole(both: Both) -> None:
    found = [
        both.portal.call(way.call, "everything", "get-resource-reference", {"resourceType": "Text", "resourceId": 7})
        for way in (both.direct, both.relayed)
    ]
    directly, relayed = (json.loads(_CLOCK.sub("TIME", json.dumps(answer))) for answer in found)
    assert relayed == directly
    assert directly["content"][1]["resource"]["uri"] == "demo://resource/dynamic/text/7"


@pytest.mark.usefixtures("npm")
def test_a_resource_made_by_a_call_can_be_read(both: Both) -> None:
    both.call(
        "everything", "gzip-file-as-resource", name="b.gz", data="data:text/plain,pump", outputType="resourceLink"
    )
    answer = both.same("everything", lambda client: client.read_resource("demo://resource/session/b.gz"))
    assert gzip.decompress(base64.b64decode(answer["contents"][0]["blob"])) == b"pump"


@pytest.mark.usefixtures("npm")
def test_progress_of_a_long_call_arrives(both: Both) -> None:
    for way in (both.direct, both.relayed):
        way.host.progress.clear()
    both.call("everything", "trigger-long-running-operation", duration=0.4, steps=4)
    until(lambda: len(both.relayed.host.progress) == 4, "four notifications of progress")
    assert both.relayed.host.progress == both.direct.host.progress == [(step, 4) for step in (1, 2, 3, 4)]


@pytest.mark.usefixtures("npm")
def test_updates_of_a_resource_reach_who_subscribed(both: Both) -> None:
    uri = "demo://resource/static/document/features.md"
    client, name = both.relayed.clients["everything"], ("everything", "toggle-subscriber-updates")

    async def toggle() -> None:
        await client.call_tool(both.relayed.names[name])

    both.portal.call(subscribed, client, uri, toggle)
    if client.protocol_version == _ERAS["legacy"]:
        until(lambda: uri in both.relayed.host.updated, "an update of the resource")
    both.portal.call(toggle)  # off again


@pytest.mark.parametrize(
    ("prompt", "arguments"),
    [
        ("simple-prompt", {}),
        ("args-prompt", {"city": "Odense", "state": "Fyn"}),
        ("completable-prompt", {"department": "Sales", "name": "Eve"}),
    ],
)
@pytest.mark.usefixtures("npm")
def test_prompts_are_filled_in(both: Both, prompt: str, arguments: dict[str, str]) -> None:
    assert _prompted(both, "everything", prompt, **arguments)["messages"]


@pytest.mark.usefixtures("npm")
def test_arguments_of_prompts_and_templates_are_completed(both: Both) -> None:
    async def names(client: Client, prefix: str) -> Any:
        reference = PromptReference(type="ref/prompt", name=f"{prefix}completable-prompt")
        return await client.complete(reference, {"name": "name", "value": "D"}, {"department": "Sales"})

    async def numbers(client: Client) -> Any:
        reference = ResourceTemplateReference(type="ref/resource", uri="demo://resource/dynamic/text/{resourceId}")
        return await client.complete(reference, {"name": "resourceId", "value": "3"})

    relayed = both.portal.call(names, both.relayed.clients["everything"], "everything__")
    assert relayed.completion.values == ["David"]
    assert both.portal.call(names, both.direct.clients["everything"], "").completion == relayed.completion
    assert both.same("everything", numbers)["completion"]["values"] == ["3"]


@pytest.mark.usefixtures("npm")
def test_files_are_written_and_read(both: Both) -> None:
    files = partial(both.call, "filesystem")
    files("list_allowed_directories")
    files("create_directory", path="{folder}/docs/danish")
    files("write_file", path="{folder}/docs/pump.txt", content="Pumpen løfter vand.\nTo liter.\n")
    files("edit_file", path="{folder}/docs/pump.txt", edits=[{"oldText": "To", "newText": "Tre"}])
    read = files("read_text_file", path="{folder}/docs/pump.txt")
    assert read["structuredContent"]["content"] == "Pumpen løfter vand.\nTre liter.\n"
    files("move_file", source="{folder}/docs/pump.txt", destination="{folder}/docs/danish/pump.txt")
    files("read_multiple_files", paths=["{folder}/docs/danish/pump.txt", "{folder}/missing.txt"])
    files("directory_tree", path="{folder}/docs")
    files("search_files", path="{folder}", pattern="**/*.txt")
    assert "denied" in _text(files("read_text_file", path="/etc/hostname"))
    for way in (both.direct, both.relayed):
        assert (way.folder / "docs/danish/pump.txt").read_text() == "Pumpen løfter vand.\nTre liter.\n"
    _seen_alike(both)


def _seen_alike(both: Both) -> None:
    # Both ways look at the same file, so that even its times are equal.
    picture = both.direct.folder.parent / "common" / "dot.png"
    picture.write_bytes(bytes(range(256)))
    assert "size: 256" in _text(both.call("filesystem", "get_file_info", path=str(picture)))
    both.call("filesystem", "read_media_file", path=str(picture))
    both.call("filesystem", "list_directory_with_sizes", path=str(picture.parent))


@pytest.mark.usefixtures("npm")
def test_a_knowledge_graph_is_kept_in_a_file(both: Both) -> None:
    graph = partial(both.call, "memory")
    pump = {"name": "pump", "entityType": "machine", "observations": ["lifts water"]}
    graph("create_entities", entities=[pump, {"name": "Ida", "entityType": "person", "observations": []}])
    graph("create_relations", relations=[{"from": "Ida", "to": "pump", "relationType": "repairs"}])
    graph("add_observations", observations=[{"entityName": "pump", "contents": ["is red"]}])
    graph("delete_observations", deletions=[{"entityName": "pump", "observations": ["lifts water"]}])
    assert graph("search_nodes", query="red")["structuredContent"]["entities"][0]["observations"] == ["is red"]
    graph("open_nodes", names=["Ida"])
    graph("add_observations", observations=[{"entityName": "nobody", "contents": ["x"]}])
    assert len(graph("read_graph")["structuredContent"]["relations"]) == 1
    both.same("memory", lambda client: client.read_resource("memory://knowledge-graph"))
    kept, relayed = ((way.folder / "graph.jsonl").read_text() for way in (both.direct, both.relayed))
    assert kept == relayed != ""


def test_a_repository_is_worked_on(both: Both) -> None:
    for way in (both.direct, both.relayed):
        repository = way.folder / "repository"
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(repository)], check=True)
        (repository / "manual.txt").write_text("Open the valve.\n")
    git = partial(both.call, "git", repo_path="{folder}/repository")
    assert "manual.txt" in _text(git("git_status"))
    git("git_add", files=["manual.txt"])
    assert "+Open the valve." in _text(git("git_diff_staged"))
    assert not git("git_commit", message="Say how to open the valve").get("isError")
    assert "Say how to open the valve" in _text(git("git_log"))
    git("git_create_branch", branch_name="danish")
    git("git_checkout", branch_name="danish")
    git("git_branch", branch_type="local")
    git("git_show", revision="HEAD")
    assert git("git_show", revision="nothing")["isError"]
    head = ["git", "rev-parse", "HEAD"]
    heads = {subprocess.check_output(head, cwd=way.folder / "repository") for way in (both.direct, both.relayed)}
    assert len(heads) == 1  # same content, author, time and message


def test_times_are_converted(both: Both) -> None:
    def asked(way: Way, tool: str, **arguments: str) -> Any:
        return both.portal.call(way.call, "time", tool, arguments)

    convert = {"source_timezone": "Europe/Copenhagen", "time": "09:30", "target_timezone": "Asia/Tokyo"}
    before, relayed, after = (asked(way, "convert_time", **convert) for way in (both.direct, both.relayed, both.direct))
    assert relayed in (before, after)  # the day is today's
    assert "T09:30" in relayed["structuredContent"]["source"]["datetime"]
    before, relayed, after = (
        asked(way, "get_current_time", timezone="UTC")["structuredContent"]
        for way in (both.direct, both.relayed, both.direct)
    )
    assert before["datetime"] <= relayed["datetime"] <= after["datetime"]
    assert before.keys() == relayed.keys()
    assert both.call("time", "get_current_time", timezone="Atlantis/Centre")["isError"]


def test_pages_are_fetched(both: Both, tmp_path: Path) -> None:
    with served(tmp_path) as site:
        _fetch_pages(both, site)


def _fetch_pages(both: Both, site: str) -> None:
    assert "A pump moves water uphill." in _text(both.call("fetch", "fetch", url=f"{site}/pumps.html"))
    assert "<article>" in _text(both.call("fetch", "fetch", url=f"{site}/pumps.html", raw=True))
    both.call("fetch", "fetch", url=f"{site}/long.txt", max_length=100, start_index=50)
    assert both.call("fetch", "fetch", url=f"{site}/missing.html")["isError"]
    refused = both.call("fetch", "fetch", url=f"{site}/private/index.html")
    assert "robots.txt" in _text(refused)
    # A prompt is a person's wish: robots.txt does not bind it.
    assert "A pump moves water uphill." in str(_prompted(both, "fetch", "fetch", url=f"{site}/private/index.html"))


def test_wrong_arguments_are_refused_in_the_servers_own_words(both: Both) -> None:
    for server, tool in (("time", "convert_time"), ("git", "git_log"), ("fetch", "fetch"), ("memory", "search_nodes")):
        if server in both.servers:
            answer = both.call(server, tool, nonsense=1)
            assert answer.get("isError") or "error" in answer


def _prompted(both: Both, server: str, prompt: str, **arguments: str) -> dict[str, Any]:
    directly = both.portal.call(both.direct.clients[server].get_prompt, prompt, arguments)
    relayed = both.portal.call(both.relayed.clients[server].get_prompt, f"{server}__{prompt}", arguments)
    assert both.relayed.comparable(relayed) == both.direct.comparable(directly)
    return both.relayed.comparable(relayed)


def _text(answer: dict[str, Any]) -> str:
    return "\n".join(block.get("text", "") for block in answer["content"])
