"""A tool's result held to a size a host can take: what is cut or left out is kept whole and linked to.

Text and structured content are measured apart, since a host shows its model one or the other and servers send the same
answer in both.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

MOST_BLOB_BYTES = 16 * 1024 * 1024
Keep = Callable[[str, bytes], str]
Wire = dict[str, Any]


def bound(result: Wire, *, limit: int, has_output_schema: bool, keep: Keep) -> Wire:
    """A CallToolResult in wire form with at most `limit` characters of text and no blob over 16 MiB.

    A result within its limits is given back as the very same object, and none is changed in place. The note that says
    what was cut counts as text, so that a second relay with the same limit has nothing left to cut.

    Args:
        limit: characters, of all text together and of the structured content's JSON; where it is shorter than the note,
            the note is all the text there is.
        has_output_schema: whether the tool promises structured content; a result that has lost it becomes an error,
            since hosts check every other one against the schema.
        keep: stores a content (MIME type, bytes) and gives its URI.
    """
    given = result.get("content")
    content: list[Any] = given if isinstance(given, list) else []
    kept = _Kept(keep)
    bounded = dict(result)
    if "structuredContent" in result and len(whole := _json(result["structuredContent"])) > limit:
        del bounded["structuredContent"]
        kept.add("structured-result.json", "application/json", whole, "structured content was left out")
        if has_output_schema:
            bounded["isError"] = True
            kept.notes.append("It counts as an error since the tool's output schema asks for structured content.")
    blocks = [_without_large_blob(block, keep) for block in content]
    texts = [text for _, text in map(_text_place, blocks) if text]
    if texts and sum(map(len, texts)) + len(kept.note()) > limit:
        kept.add("result.txt", "text/plain", "\n\n".join(texts), "text was cut")
        blocks = list(_cut(blocks, limit - len(kept.note())))
    if not kept.notes and all(new is old for new, old in zip(blocks, content, strict=True)):
        return result
    bounded["content"] = [*blocks, *kept.blocks()]
    return bounded


@dataclass(slots=True)
class _Kept:
    """What was taken out of a result: the sentences about it and the links to it."""

    keep: Keep
    notes: list[str] = field(default_factory=list)
    links: list[Wire] = field(default_factory=list)

    def add(self, name: str, mime: str, whole: str, what: str) -> None:
        self.links.append(_link(self.keep, name, mime, whole.encode("utf-8", "replace"), f"Whole: its {what}"))
        self.notes.append(f"Its {what} ({len(whole):,} characters); the whole is at {self.links[-1]['uri']}.")

    def note(self) -> str:
        return f"[Memento: this result is too large. {' '.join(self.notes)}]" if self.notes else ""

    def blocks(self) -> list[Wire]:
        return [{"type": "text", "text": self.note()}, *self.links] if self.notes else []


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _link(keep: Keep, name: str, mime: str, data: bytes, description: str) -> Wire:
    return {
        "type": "resource_link",
        "uri": keep(mime, data),
        "name": name,
        "mimeType": mime,
        "size": len(data),
        "description": description,
    }


def _text_place(block: Any) -> tuple[Wire, str] | tuple[None, None]:
    """The object that holds a block's text, and the text; embedded text resources hold theirs one step further in."""
    place = block
    if isinstance(block, dict) and block.get("type") == "resource":
        place = block.get("resource")
    text = place.get("text") if isinstance(place, dict) else None
    return (place, text) if isinstance(text, str) else (None, None)


def _cut(blocks: list[Any], room: int) -> Iterator[Any]:
    """The blocks in their order, texts only as long as there is room; a text without any goes altogether."""
    for block in blocks:
        place, text = _text_place(block)
        if place is None or text is None:
            yield block
            continue
        part = _beginning(text, room)
        room -= len(text)
        if part == text:
            yield block
        elif part:
            shorter = {**place, "text": part}
            yield shorter if place is block else {**block, "resource": shorter}


def _beginning(text: str, room: int) -> str:
    """At most `room` characters; the two halves of a surrogate pair stay together."""
    if len(text) <= room:
        return text
    part = text[: max(0, room)]
    return part[:-1] if part and "\ud800" <= part[-1] <= "\udbff" else part


def _without_large_blob(block: Any, keep: Keep) -> Any:
    """The block itself, or a link in its place where its image, sound or blob is over 16 MiB."""
    if not isinstance(block, dict):
        return block
    embedded = block.get("type") == "resource"
    place = block.get("resource") if embedded else block
    encoded = place.get("blob" if embedded else "data") if isinstance(place, dict) else None
    if not isinstance(place, dict) or not isinstance(encoded, str):
        return block
    if len(encoded) * 3 // 4 - encoded[-2:].count("=") <= MOST_BLOB_BYTES:
        return block
    mime = str(place.get("mimeType") or "application/octet-stream")
    try:
        data = base64.b64decode(encoded)
    except (binascii.Error, ValueError):
        mime, data = "text/plain", encoded.encode("utf-8", "replace")  # no base64: kept as it came
    name = str(place.get("uri") or f"{block.get('type')}-result").rpartition("/")[2] or "result"
    description = f"Too large to be sent in the result ({len(data):,} bytes); it is kept here."
    rest = {key: block[key] for key in ("annotations", "_meta") if key in block}
    return {**_link(keep, name, mime, data, description), **rest}
