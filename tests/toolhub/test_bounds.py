"""Results held to size: what fits is untouched, what does not is cut, said so and kept whole."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.types import CallToolResult

from memento_toolhub.trust.bounds import MOST_BLOB_BYTES, bound
from memento_toolhub.trust.results import ResultStore

IMAGE = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
LINK = {"type": "resource_link", "uri": "file:///x", "name": "x"}


class Kept(dict[str, tuple[str, bytes]]):
    """What was kept, by its URI."""

    def __call__(self, mime: str, data: bytes) -> str:
        uri = f"memento://results/{len(self):024x}"
        self[uri] = (mime, data)
        return uri


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def embedded(words: str) -> dict[str, Any]:
    return {"type": "resource", "resource": {"uri": "file:///notes.txt", "mimeType": "text/plain", "text": words}}


def texts(result: dict[str, Any]) -> list[str]:
    found = [block.get("resource", block).get("text") for block in result["content"]]
    return [words for words in found if words is not None]


BLOCKS = st.lists(
    st.text(max_size=300).map(text) | st.text(max_size=300).map(embedded) | st.sampled_from([IMAGE, LINK]), max_size=8
)


@given(
    blocks=BLOCKS, limit=st.integers(400, 900), structured=st.none() | st.dictionaries(st.text(), st.text(max_size=999))
)
def test_a_result_is_within_its_limit_unchanged_if_it_was_and_bounded_once_and_for_all(
    blocks: list[dict[str, Any]], limit: int, structured: dict[str, str] | None
) -> None:
    result: dict[str, Any] = {"content": blocks, "_meta": {"a": 1}}
    if structured is not None:
        result["structuredContent"] = structured
    before = copy.deepcopy(result)
    kept = Kept()
    bounded = bound(result, limit=limit, has_output_schema=False, keep=kept)
    assert result == before
    length = len(json.dumps(structured or {}, ensure_ascii=False, separators=(",", ":")))
    fits = sum(map(len, texts(result))) <= limit and length <= limit
    assert (bounded is result) == fits == (not kept)
    assert sum(map(len, texts(bounded))) <= limit
    assert bound(bounded, limit=limit, has_output_schema=False, keep=kept) is bounded
    CallToolResult.model_validate(bounded)


def test_texts_are_cut_in_their_order_and_the_whole_is_linked_to() -> None:
    kept = Kept()
    result: dict[str, Any] = {
        "content": [text("a" * 500), IMAGE, embedded("b" * 500), text("c" * 500), LINK],
        "isError": False,
    }
    bounded = bound(result, limit=800, has_output_schema=False, keep=kept)
    first, image, second, link, note, whole = bounded["content"]
    assert (first, image, link) == (result["content"][0], IMAGE, LINK)
    assert second["resource"]["uri"] == "file:///notes.txt"
    assert set(second["resource"]["text"]) == {"b"}
    assert len(second["resource"]["text"]) == 300 - len(note["text"])
    assert "1,504 characters" in note["text"]
    assert whole["uri"] in note["text"]
    assert kept[whole["uri"]] == ("text/plain", b"a" * 500 + b"\n\n" + b"b" * 500 + b"\n\n" + b"c" * 500)
    assert (whole["type"], whole["mimeType"], whole["size"]) == ("resource_link", "text/plain", 1_504)
    assert bounded["isError"] is False


def test_one_long_text_is_kept_exactly_and_read_back_from_the_store(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    words = "né\n" * 1_000
    bounded = bound({"content": [text(words)]}, limit=1_000, has_output_schema=False, keep=store.keep)
    assert words.startswith(bounded["content"][0]["text"])
    assert store.read(bounded["content"][-1]["uri"]) == ("text/plain", words.encode())


@pytest.mark.parametrize("has_output_schema", [True, False])
def test_structured_content_over_the_limit_is_kept_as_json_and_left_out(has_output_schema: bool) -> None:
    kept = Kept()
    structured = {"rows": ["x" * 100] * 20}
    result = {"content": [text("twenty rows")], "structuredContent": structured}
    bounded = bound(result, limit=1_000, has_output_schema=has_output_schema, keep=kept)
    shown, note, link = bounded["content"]
    assert "structuredContent" not in bounded
    assert shown == text("twenty rows")
    assert bounded.get("isError", False) is has_output_schema
    assert ("output schema" in note["text"]) is has_output_schema
    assert link["uri"] in note["text"]
    assert (kept[link["uri"]][0], json.loads(kept[link["uri"]][1])) == ("application/json", structured)


@pytest.mark.parametrize("structured", [None, [], 0, "x" * 98])
def test_structured_content_of_any_kind_within_the_limit_stays(structured: Any) -> None:
    result = {"content": [], "structuredContent": structured}
    assert bound(result, limit=100, has_output_schema=True, keep=Kept()) is result


@pytest.mark.parametrize("kind", ["image", "audio", "resource"])
def test_a_blob_over_16_mib_is_replaced_in_place_by_a_link_to_it(kind: str) -> None:
    def block(data: bytes) -> dict[str, Any]:
        encoded = base64.b64encode(data).decode()
        if kind == "resource":
            return {"type": kind, "resource": {"uri": "file:///a/film.bin", "mimeType": "video/mp4", "blob": encoded}}
        return {"type": kind, "data": encoded, "mimeType": "video/mp4", "annotations": {"priority": 1.0}}

    largest, larger = bytes(MOST_BLOB_BYTES), bytes(MOST_BLOB_BYTES + 1)
    fitting = {"content": [block(largest)]}
    assert bound(fitting, limit=10, has_output_schema=False, keep=Kept()) is fitting
    kept = Kept()
    result = {"content": [LINK, block(larger), LINK]}
    bounded = bound(result, limit=10, has_output_schema=False, keep=kept)
    first, link, last = bounded["content"]
    assert (first, last, link["type"], link["mimeType"]) == (LINK, LINK, "resource_link", "video/mp4")
    assert (link["size"], kept[link["uri"]]) == (len(larger), ("video/mp4", larger))
    assert link["name"] == ("film.bin" if kind == "resource" else f"{kind}-result")
    assert link.get("annotations") == result["content"][1].get("annotations")
    CallToolResult.model_validate(bounded)


def test_a_blob_that_is_no_base64_is_kept_as_it_came() -> None:
    kept = Kept()
    broken = "A" * (MOST_BLOB_BYTES * 4 // 3 + 9)
    bounded = bound({"content": [{**IMAGE, "data": broken}]}, limit=10, has_output_schema=False, keep=kept)
    assert kept[bounded["content"][0]["uri"]] == ("text/plain", broken.encode())


def test_the_halves_of_a_surrogate_pair_stay_together() -> None:
    pair = "\ud83d\ude00"
    for extra in range(2):
        bounded = bound({"content": [text("x" * extra + pair * 500)]}, limit=700, has_output_schema=False, keep=Kept())
        shown = bounded["content"][0]["text"].removeprefix("x" * extra)
        assert shown == pair * (len(shown) // 2)


def test_a_limit_below_the_note_leaves_the_note_alone() -> None:
    bounded = bound({"content": [text("a" * 100), IMAGE]}, limit=5, has_output_schema=False, keep=Kept())
    assert [block["type"] for block in bounded["content"]] == ["image", "text", "resource_link"]


@pytest.mark.parametrize("content", [None, "text", [None, 3, {"type": "text"}, {"type": "resource", "resource": 1}]])
def test_a_malformed_result_within_the_limits_is_passed_on_for_the_host_to_judge(content: Any) -> None:
    result = {"content": content}
    assert bound(result, limit=5, has_output_schema=False, keep=Kept()) is result
