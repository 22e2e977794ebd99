"""What a host sees of the tools behind Memento: the own ones first, then all, some, or two that stand for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mcp.types import CallToolResult

from integration.processes import until
from integration.relays import OWN_TOOLS, SERVERS, Entry, Relay, backend, relaying

TWO = ["find_tools", "call_tool"]
SAME = {"meta"}  # signed by the server that answers, which is the same one here


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """A Memento whose relayed tools are all behind the search."""
    folder = tmp_path_factory.mktemp("search")
    with relaying(
        folder, {"sound": backend("echo.py", expose="search"), "both": backend("sdk.py", expose="search")}
    ) as r:
        until(lambda: len(found(r, "anything", k=20)) > 10, "both servers")
        yield r


def found(relay: Relay, query: str, **more: Any) -> list[dict[str, Any]]:
    """The tools a search returns."""
    return list(relay.ok("find_tools", query=query, **more)["tools"])


def whole(relay: Relay, tool: str, **arguments: Any) -> dict[str, Any]:
    """A result with everything in it."""
    result: CallToolResult = relay.do(relay.client.call_tool, tool, arguments)
    return result.model_dump(exclude=SAME)


def _trace(relay: Relay, plan_id: str) -> list[dict[str, Any]]:
    return list(relay.read(f"memento://episodes/{plan_id}")["trace"])


def _lists(relay: Relay, count: int) -> bool:
    return len(relay.tools()) == count


def test_the_two_stand_for_all_and_come_after_our_own(searched: Relay) -> None:
    for _ in range(3):
        assert list(searched.tools()) == [*OWN_TOOLS, *TWO]
    assert len(OWN_TOOLS + TWO) <= 8


@pytest.mark.parametrize(
    ("query", "name"),
    [("add two integers", "sound__add"), ("grow: add a tool and say so", "both__grow"), ("image", "sound__image")],
)
def test_a_search_finds_a_tool_by_what_it_does(searched: Relay, query: str, name: str) -> None:
    assert name in [tool["name"] for tool in found(searched, query, k=3)]


def test_what_is_found_is_what_its_server_defines(searched: Relay) -> None:
    (tool,) = [tool for tool in found(searched, "echo a text", k=20) if tool["name"] == "sound__echo"]
    assert tool == {
        "name": "sound__echo",
        "server": "sound",
        "description": "The tool echo.",
        "input_schema": {"type": "object", "properties": {"text": {"type": "string"}}},
        "changed": False,
    }


def test_a_search_returns_as_many_as_asked_for_and_always_the_same(searched: Relay) -> None:
    assert [len(found(searched, "steps", k=k)) for k in (1, 7, 20)] == [1, 7, 16]
    assert len(found(searched, "steps")) == 5
    assert found(searched, "steps", k=20) == found(searched, "steps", k=20)


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("find_tools", {}, "query: is missing"),
        ("find_tools", {"query": "x", "k": 0}, "k: is 0"),
        ("find_tools", {"query": "x", "k": "3"}, "k: is '3'"),
        ("find_tools", {"query": "x", "server": "sound"}, "server: is not an argument of find_tools"),
        ("call_tool", {"arguments": {}}, "name: is missing"),
        ("call_tool", {"name": "sound__echo", "text": "x"}, "text: is not an argument of call_tool"),
        ("call_tool", {"name": "sound__echo", "arguments": [1]}, "arguments: is list"),
        ("call_tool", {"name": "sound__echo", "plan_id": 1}, "plan_id: is not a string"),
        ("call_tool", {"name": "sound__bark"}, "Unknown tool: sound__bark"),
        ("call_tool", {"name": "call_tool", "arguments": {"name": "sound__echo"}}, "Unknown tool: call_tool"),
    ],
)
def test_a_mistake_is_answered_with_the_argument_it_is_in(
    searched: Relay, tool: str, arguments: dict[str, Any], says: str
) -> None:
    answer = searched.attempt(tool, **arguments)
    assert answer.is_error
    assert says in answer.text


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("sound__echo", {"text": "há"}),
        ("sound__add", {"a": 1, "b": 2}),
        ("sound__image", {}),
        ("sound__fail", {"why": "no sheep"}),
        ("both__steps", {"count": 1, "pause": 0}),
    ],
)
def test_a_call_through_the_two_gives_what_the_tool_itself_gives(
    searched: Relay, tool: str, arguments: dict[str, Any]
) -> None:
    assert whole(searched, "call_tool", name=tool, arguments=arguments) == whole(searched, tool, **arguments)


def test_a_call_may_say_what_plan_it_is_for(searched: Relay) -> None:
    first, last = (searched.ok("plan_with_memory", task=f"Sheep number {i}")["plan_id"] for i in (1, 2))
    searched.ok("call_tool", name="sound__add", arguments={"a": 1, "b": 1}, plan_id=first)
    searched.ok("call_tool", name="sound__add", arguments={"a": 2, "b": 2})
    for plan_id, total in ((first, 2), (last, 4)):
        (call,) = until(partial(_trace, searched, plan_id), "the trace")
        assert str(total) in call["result"]


LISTS: list[tuple[Mapping[str, Any], list[str]]] = [
    ({"expose": "all"}, ["echo", "add", "image", "fail", "hold", "steps", "huge", "most", "pid", "crash"]),
    ({}, ["echo", "add", "image", "fail", "hold", "steps", "huge", "most", "pid", "crash"]),
    ({"expose": ["e*", "pid"]}, ["echo", "pid"]),
    ({"allow": ["e*", "pid"]}, ["echo", "pid"]),
    ({"deny": ["*a*", "h*", "most", "steps"]}, ["echo", "pid"]),
    ({"allow": ["echo", "add"], "deny": ["add"]}, ["echo"]),
]


def test_each_server_is_listed_as_its_entry_says_and_the_order_outlives_a_restart(tmp_path: Path) -> None:
    servers: dict[str, Entry] = {f"s{i}": backend("echo.py", **options) for i, (options, _) in enumerate(LISTS)}
    wanted = [f"s{i}__{tool}" for i, (_, tools) in enumerate(LISTS) for tool in tools]
    for _ in range(2):
        with relaying(tmp_path, servers) as relay:
            until(partial(_lists, relay, len(OWN_TOOLS + TWO + wanted)), "every server")
            assert list(relay.tools()) == [*OWN_TOOLS, *TWO, *wanted]
            assert relay.call("s2__add", a=1, b=1).text == "2"
            assert "s2__add" in [tool["name"] for tool in found(relay, "s2 add a b", k=20)]
            for hidden in ("s3__add", "s4__add", "s5__add"):
                for tool, arguments in ((hidden, {}), ("call_tool", {"name": hidden})):
                    answer = relay.attempt(tool, **arguments)
                    assert answer.is_error
                    assert hidden in answer.text


def test_auto_goes_over_to_the_search_when_the_definitions_are_too_long_together(tmp_path: Path) -> None:
    long = tmp_path / "long.py"
    long.write_text(
        f"import sys\nsys.path.insert(0, {str(SERVERS)!r})\nfrom lines import LineServer, tool\n"
        "LineServer(*[tool(f'tool_{i}', 'Does it at length. ' * 40) for i in range(int(sys.argv[1]))]).serve()\n",
        encoding="utf-8",
    )
    entry = {"command": sys.executable, "args": [str(long), "60"]}
    fixed = backend("echo.py", expose=["echo"])
    with relaying(tmp_path, {"long": entry, "fixed": fixed}) as relay:
        until(lambda: len(found(relay, "at length", k=20)) == 20, "the long list")
        assert list(relay.tools()) == [*OWN_TOOLS, *TWO, "fixed__echo"]
        assert "did nothing" in relay.call("call_tool", name="long__tool_7").text
