"""A reply in the language of OpenAI's chat completions, put together from its pieces."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memento_planner.models.chat import OnText, Reply, Stop, ToolUse, Usage
from memento_planner.models.openai_failure import BrokenOffError, EndpointFailedError, failure_of
from memento_planner.models.writable import whole

_REFUSED = frozenset({"content_filter", "refusal", "safety"})
_BROKEN = frozenset({"error", "abort", "insufficient_system_resource"})
_OPEN, _CLOSE = "<think>", "</think>"
_LAST = "[DONE]"


class Lines:
    """Cuts bytes into the data of server-sent events; a line ends at a line feed, as JSON may hold any other break."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[str]:
        """The data that is complete with this piece; an empty piece ends the stream."""
        *lines, self._rest = (self._rest + (piece or b"\n")).split(b"\n")
        return [line[5:].strip().decode(errors="replace") for line in lines if line.startswith(b"data:")]


class Thinking:
    """Takes out the thinking some models write at the start, between think tags."""

    def __init__(self) -> None:
        self._head: str | None = ""

    def feed(self, piece: str) -> str:
        """What of the text so far may be shown, after what was."""
        if self._head is None:
            return piece
        self._head += piece
        start = self._head.lstrip()
        if start.startswith(_OPEN):
            said = start.partition(_CLOSE)[2].lstrip()
            if said:
                self._head = None
            return said
        if _OPEN.startswith(start):
            return ""
        said, self._head = self._head, None
        return said

    def end(self) -> str:
        """What was held back and is no thinking after all."""
        held, self._head = self._head or "", None
        return "" if held.lstrip().startswith(_OPEN) else held


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    raw: str = ""


class Pieces:
    """What has come of a reply so far.

    Attributes:
        ended: whether it is complete: it has its reason for ending or its end mark.
        done: whether nothing can follow.
    """

    def __init__(self, on_text: OnText | None) -> None:
        self.done = False
        self._on_text = on_text
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._thinking = Thinking()
        self._calls: list[_Call] = []
        self._numbered: dict[int, _Call] = {}
        self._finish = ""
        self._usage = Usage()

    @property
    def ended(self) -> bool:
        return self.done or bool(self._finish)

    def take_data(self, data: str) -> None:
        """Take the data of one event.

        Raises:
            BrokenOffError: if it is no JSON, or says that nothing more will come.
            EndpointFailedError: if it is an error.
        """
        if data.startswith(_LAST):
            self.done = True
        elif data:
            self._take(_parsed(data))

    def take_whole(self, body: str) -> None:
        """Take a whole completion, from an endpoint that does not stream.

        Raises:
            EndpointFailedError: if it is an error, or something else altogether, such as a web page.
        """
        completion = {} if body.lstrip().startswith("<") else _parsed(body)
        self._take(completion)
        if not completion.get("choices"):
            raise EndpointFailedError(failure_of("the answer is no chat completion", status=404), begun=False)
        self.done = True

    def _take(self, chunk: Mapping[str, Any]) -> None:
        if chunk.get("error") or chunk.get("object") == "error":
            raise EndpointFailedError(failure_of(chunk), begun=True)
        if chunk.get("usage"):
            self._usage = _usage(_mapping(chunk["usage"]))
        for choice in _mappings(chunk.get("choices")):
            part = _mapping(choice.get("delta") or choice.get("message"))
            self._say(_text(part.get("content")))
            self._refusal.append(_text(part.get("refusal")))
            for piece in _mappings(part.get("tool_calls")):
                self._call(piece)
            self._finish = str(choice.get("finish_reason") or self._finish)
        if self._finish in _BROKEN:
            raise BrokenOffError(f"it ended with {self._finish}")

    def reply(self) -> Reply:
        """The reply, once it has ended."""
        held = self._thinking.end()
        if held:
            self._show(held)
        text, refusal = whole("".join(self._text)), whole("".join(self._refusal))
        uses = self._uses()
        if refusal or self._finish in _REFUSED:
            stop = Stop.REFUSAL
        elif self._finish == "length":
            stop = Stop.LENGTH
        else:
            stop = Stop.TOOL_USE if uses else Stop.END
        return Reply(text or refusal, uses, stop, self._usage)

    def _say(self, piece: str) -> None:
        said = self._thinking.feed(piece) if piece else ""
        if said:
            self._show(said)

    def _show(self, said: str) -> None:
        self._text.append(said)
        if self._on_text is not None:
            self._on_text(whole(said))

    def _call(self, piece: Mapping[str, Any]) -> None:
        """Add a piece to the call it belongs to; not every endpoint numbers its calls, or numbers them apart."""
        function, number = _mapping(piece.get("function")), piece.get("index")
        given, name = str(piece.get("id") or ""), str(function.get("name") or "")
        if isinstance(number, int):
            call = self._numbered.get(number)
            starts = call is not None and bool(given and call.id and given != call.id)
        else:
            call = self._calls[-1] if self._calls else None
            starts = call is not None and bool(name) and not (given and given == call.id)
        if call is None or starts:
            call = _Call()
            self._calls.append(call)
            if isinstance(number, int):
                self._numbered[number] = call
        call.id, call.name = call.id or given, call.name or name
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.raw += arguments
        elif arguments is not None:
            call.raw = json.dumps(arguments, ensure_ascii=False)

    def _uses(self) -> tuple[ToolUse, ...]:
        seen: set[str] = set()
        uses = []
        for call in self._calls:
            id = call.id if call.id and call.id not in seen else f"call_{uuid.uuid4().hex[:24]}"
            seen.add(id)
            raw = whole(call.raw) if call.raw.strip() else "{}"
            uses.append(ToolUse(id, call.name, _object(raw), raw))
        return tuple(uses)


def _object(raw: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _parsed(data: str) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise BrokenOffError(f"a piece of it is no JSON: {error}") from None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(values: Any) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []


def _text(content: Any) -> str:
    """The text of a content, which may come in parts of which some are thinking."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in _mappings(content) if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def _usage(usage: Mapping[str, Any]) -> Usage:
    details = _mapping(usage.get("prompt_tokens_details"))
    return Usage(
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _count(details.get("cached_tokens")),
        _count(details.get("cache_write_tokens")),
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
