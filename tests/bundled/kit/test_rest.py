"""Long results: nothing is lost, nothing comes twice, and what is kept is bounded."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.rest import Rests, offer_read_more
from memento_toolhub.servers.kit.tool_server import ToolServer


@given(st.text(min_size=1, max_size=5000), st.integers(500, 900))
def test_the_parts_are_the_text(text: str, size: int) -> None:
    rests = Rests()
    piece = rests.cut(text, size)
    parts = [piece.text]
    while piece.rest:
        assert piece.chars_left == len(text) - sum(map(len, parts))
        piece = rests.more(piece.rest, size)
        parts.append(piece.text)
    assert "".join(parts) == text
    assert all(1 <= len(part) <= size for part in parts)
    assert piece.chars_left == 0


def test_a_part_ends_with_a_line_where_one_ends_near() -> None:
    assert Rests().cut("word\n" * 300, 501).text == "word\n" * 100


def test_the_same_handle_gives_the_same_part_again() -> None:
    rests = Rests()
    handle = rests.cut("x" * 2000, 500).rest
    assert rests.more(handle, 500) == rests.more(handle, 500)


def test_what_was_kept_longest_gives_way_and_its_handle_is_told_from_a_good_one() -> None:
    rests = Rests(most_chars=3000)
    first, second = rests.cut("a" * 2500, 500).rest, rests.cut("b" * 2500, 500).rest
    assert rests.more(second, 500).text == "b" * 500
    with pytest.raises(CallError, match="call the tool again"):
        rests.more(first, 500)


@pytest.mark.parametrize("era", ["legacy", "auto"])
def test_a_host_reads_on_by_the_tool(era: str) -> None:
    async def go() -> None:
        server, rests = ToolServer("long"), Rests()
        offer_read_more(server, rests)
        handle = rests.cut("x" * 700, 500).rest
        async with Client(server, mode=era) as client:
            result = await client.call_tool("read_more", {"handle": handle, "max_chars": 500})
            assert result.structured_content == {"text": "x" * 200, "rest": "", "chars_left": 0}
            assert (await client.call_tool("read_more", {"handle": "none"})).is_error

    anyio.run(go)
