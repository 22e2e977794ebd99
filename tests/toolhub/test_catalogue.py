"""What is listed of the relayed tools, under which names and in which order, and what a search returns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.types import Implementation, Tool

from memento_toolhub.backend import Backend
from memento_toolhub.catalogue import Catalogue, Entry, search, tokens
from memento_toolhub.config.hub import BackendConfig, Expose, Pin, Stdio
from memento_toolhub.names import LONGEST
from memento_toolhub.trust.pins import CHANGED_NOTE, Pins
from memento_toolhub.wire.connection import Connection
from memento_toolhub.wire.profile import Profile

OWN = ("plan_with_memory", "find_tools")


def a_tool(name: str, description: str = "Does it.") -> Tool:
    return Tool(name=name, description=description, input_schema={"type": "object", "properties": {"path": {}}})


def backend(name: str, **options: Any) -> Backend:
    config = BackendConfig(name, Stdio(name), **options)
    return Backend(config, cast(Any, None), cast(Any, None), own_id="", explain=lambda *_: "")


def connection(*tools: Tool) -> Connection:
    made = Connection(
        "any",
        Profile(modern=True),
        cast(Any, None),
        cast(Any, None),
        client_info=Implementation(name="test", version="1"),
        on_met=lambda _: None,
        uris=set(),
        legacy_only=False,
        connect_timeout=1.0,
    )
    made.tools = list(tools)
    return made


def catalogue(folder: Path, *, budget: int = 1000) -> Catalogue:
    return Catalogue(OWN, Pins(folder / "pins.json"), budget=budget)


def entries(book: Catalogue, *servers: tuple[Backend, Sequence[Tool]]) -> list[Entry]:
    async def work() -> list[Entry]:
        return [entry for server, tools in servers for entry in await book.entries(server, connection(*tools))]

    return anyio.run(work)


def names(found: Sequence[Entry]) -> list[str]:
    return [entry.name for entry in found]


TOOLS = ["", "a", "b", "a__b", "b__a", "plan_with_memory", "a.b", "a" * 125, "a" * 200, "日本"]
FILES = [a_tool("read"), a_tool("write"), a_tool("remove")]


def test_tools_keep_the_order_of_the_servers_and_of_each_servers_own_list(tmp_path: Path) -> None:
    servers = [(backend("z"), FILES), (backend("a"), FILES)]
    first = names(entries(catalogue(tmp_path), *servers))
    assert first == ["z__read", "z__write", "z__remove", "a__read", "a__write", "a__remove"]
    assert names(entries(catalogue(tmp_path), *servers)) == first


def test_what_is_listed_is_the_servers_own_definition_but_for_its_name(tmp_path: Path) -> None:
    full = Tool.model_validate(
        {
            "name": "read",
            "title": "Read",
            "inputSchema": {"type": "object", "x-unknown": 1},
            "outputSchema": {"type": "object"},
            "annotations": {"readOnlyHint": True},
            "icons": [{"src": "data:,"}],
            "_meta": {"a/b": 1},
        }
    )
    (entry,) = entries(catalogue(tmp_path), (backend("fs"), [full]))
    assert entry.shown == full.model_copy(update={"name": "fs__read"})


def test_allow_and_deny_decide_before_anything_else(tmp_path: Path) -> None:
    fs = backend("fs", allow=("re*",), deny=("remove",), expose=Expose.ALL)
    assert names(entries(catalogue(tmp_path), (fs, FILES))) == ["fs__read"]


@pytest.mark.parametrize(
    ("expose", "shown"),
    [
        ({"expose": Expose.ALL}, ["read", "write", "remove"]),
        ({"expose": Expose.SEARCH}, []),
        ({"expose": Expose.LISTED, "listed": ("w*", "remove")}, ["write", "remove"]),
        ({"expose": Expose.LISTED}, []),
    ],
    ids=["all", "search", "globs", "none"],
)
def test_a_server_can_say_which_of_its_tools_are_listed(
    tmp_path: Path, expose: dict[str, Any], shown: list[str]
) -> None:
    book = catalogue(tmp_path, budget=0)
    found = entries(book, (backend("fs", **expose), FILES))
    assert names(book.listed(found)) == [f"fs__{tool}" for tool in shown]
    assert len(found) == 3


def test_auto_lists_everything_up_to_the_budget_and_nothing_beyond(tmp_path: Path) -> None:
    cost = sum(map(tokens, FILES))
    for budget, listed in ((cost, 3), (cost - 1, 0)):
        book = catalogue(tmp_path, budget=budget)
        assert len(book.listed(entries(book, (backend("fs"), FILES)))) == listed


def test_only_auto_servers_share_the_budget_and_are_left_out_together(tmp_path: Path) -> None:
    cost = sum(map(tokens, FILES))
    servers = [(backend(name), FILES) for name in ("one", "two")]
    fixed = (backend("all", expose=Expose.ALL), FILES)
    enough, short = catalogue(tmp_path, budget=2 * cost), catalogue(tmp_path, budget=2 * cost - 1)
    assert len(enough.listed(entries(enough, *servers, fixed))) == 9
    assert names(short.listed(entries(short, *servers, fixed))) == ["all__read", "all__write", "all__remove"]


def test_a_changed_definition_is_marked_and_refused_only_where_pins_are_strict(tmp_path: Path) -> None:
    for pin, refused in ((Pin.FLAG, False), (Pin.STRICT, True)):
        book, server = catalogue(tmp_path / pin), backend("fs", pin=pin)
        assert not entries(book, (server, [a_tool("read")]))[0].refused
        (entry,) = entries(book, (server, [a_tool("read", "Reads, and sends it away.")]))
        assert entry.refused is refused
        assert CHANGED_NOTE in (entry.shown.description or "")
        assert ("sends it away" in (entry.shown.description or "")) is not refused


def test_without_pins_a_change_is_nobodys_business(tmp_path: Path) -> None:
    book, server = catalogue(tmp_path), backend("fs", pin=Pin.OFF)
    entries(book, (server, [a_tool("read")]))
    changed = a_tool("read", "Another.")
    (entry,) = entries(book, (server, [changed]))
    assert (entry.refused, entry.shown.description) == (False, "Another.")
    assert not (tmp_path / "pins.json").exists()


def test_where_pins_cannot_be_read_strict_servers_are_refused_and_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "pins.json").write_text("{", encoding="utf-8")
    for pin, refused in ((Pin.FLAG, False), (Pin.STRICT, True)):
        (entry,) = entries(catalogue(tmp_path), (backend("fs", pin=pin), [a_tool("read")]))
        assert entry.refused is refused


def test_an_approval_is_seen_without_a_new_connection(tmp_path: Path) -> None:
    book, server, pins = catalogue(tmp_path), backend("fs", pin=Pin.STRICT), Pins(tmp_path / "pins.json")
    entries(book, (server, [a_tool("read")]))

    async def work() -> None:
        here = connection(a_tool("read", "Another."))
        assert (await book.entries(server, here))[0].refused
        pins.approve("fs")
        assert not (await book.entries(server, here))[0].refused

    anyio.run(work)


def test_a_bare_name_is_given_once_and_never_one_of_our_own(tmp_path: Path) -> None:
    book, one, two = catalogue(tmp_path), backend("one", prefix=""), backend("two", prefix="")
    tools = [a_tool("read"), a_tool("plan_with_memory"), a_tool("find_tools"), a_tool("with.dot")]
    given = names(entries(book, (one, tools), (two, [a_tool("read")])))
    assert given[:3] == ["read", "one__plan_with_memory", "one__find_tools"]
    assert given[4] == "two__read"
    assert book.owner("read") == ("one", "read")
    assert book.owner("two__read") == ("two", "read")
    assert book.owner("plan_with_memory") is None
    assert [book.owner(name) for name in given[1:4]] == [("one", tool.name) for tool in tools[1:]]


def test_a_prefix_of_ones_own_stands_where_the_servers_name_would(tmp_path: Path) -> None:
    book, server = catalogue(tmp_path), backend("filesystem", prefix="f_")
    given = names(entries(book, (server, [a_tool("read"), a_tool("r" * 60), a_tool("r" * 127)])))
    assert given[:2] == ["f_read", "f_" + "r" * 60]
    assert given[2].startswith("filesystem__r")
    assert len(given[2]) <= LONGEST


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "b__", "a__", None]), st.sampled_from(["a", "b"]), st.sampled_from(TOOLS)),
        max_size=12,
        unique_by=lambda tool: tool[1:],
    )
)
def test_no_prefix_makes_two_tools_share_a_name_or_makes_one_illegal(
    tools: list[tuple[str | None, str, str]],
) -> None:
    book = Catalogue(OWN, Pins(Path("nowhere")), budget=0)
    given = {(server, tool): book.name(backend(server, prefix=prefix), tool) for prefix, server, tool in tools}
    for (server, tool), name in given.items():
        assert book.owner(name) == (server, tool)
        assert 1 <= len(name) <= 128
        assert name.replace("_", "a").replace("-", "a").isascii()
        assert name.replace("_", "a").replace("-", "a").isalnum()
        assert name not in OWN


def test_a_search_returns_the_best_and_keeps_the_order_among_equals(tmp_path: Path) -> None:
    found = entries(catalogue(tmp_path), (backend("fs"), FILES), (backend("db"), FILES))

    async def rank(query: str, texts: Sequence[str]) -> Sequence[float]:
        return [float(query in text) for text in texts]

    assert names(anyio.run(search, "write", found, 3, rank)) == ["fs__write", "db__write", "fs__read"]
    assert names(anyio.run(search, "nothing", found, 20, rank)) == names(found)
    assert anyio.run(search, "write", [], 3, rank) == []


def test_a_search_looks_at_names_in_words_descriptions_arguments_and_the_server(tmp_path: Path) -> None:
    (entry,) = entries(catalogue(tmp_path), (backend("github"), [a_tool("create_pull-request", "Opens one.")]))
    assert [word in entry.text for word in ("create pull request", "Opens one.", "path", "github")] == [True] * 4
