"""The protocol of a chat model: what is asked, what comes back, and what it cost."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

OnText = Callable[[str], None]
"""Takes each piece of text while it is written."""


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Stop(StrEnum):
    """Why a reply ended."""

    END = "end"
    TOOL_USE = "tool_use"
    LENGTH = "length"
    REFUSAL = "refusal"


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool a model may call.

    Attributes:
        name: letters, digits, _ and - only, at most 64 characters.
        input_schema: JSON schema of an object.
        read_only: whether calling it changes nothing, as far as is known.
        acts: whether it is known to change something; neither is known of a tool that says nothing about itself.
    """

    name: str
    description: str
    input_schema: Mapping[str, Any]
    read_only: bool = False
    acts: bool = False


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call a model wants made.

    Attributes:
        id: what its result refers to.
        arguments: None where `raw` is no JSON object.
        raw: the arguments as the model wrote them.
    """

    id: str
    name: str
    arguments: Mapping[str, Any] | None
    raw: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that goes with a message.

    Attributes:
        media_type: image/png, image/jpeg, image/gif or image/webp: what all providers take.
        data: the file's bytes.
    """

    media_type: str
    data: bytes = field(repr=False)

    @property
    def base64(self) -> str:
        """The bytes as providers and hosts want them."""
        return b64encode(self.data).decode("ascii")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        images: of a user's message, what the text is about; they come before it.
        tool_uses: the calls an assistant message asks for.
        tool_use_id: of a tool message, the call it is the result of.
        is_error: of a tool message, whether the call failed.
    """

    role: Role
    text: str = ""
    tool_uses: tuple[ToolUse, ...] = ()
    tool_use_id: str = ""
    is_error: bool = False
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked.

    Attributes:
        tools: what it may call.
        tool_choice: auto, none, required, or the name of the tool it has to call.
        schema: JSON schema of an object that the text of the reply has to follow; not together with tools.
        max_tokens: of the reply.
        temperature: None is the model's own.
    """

    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "auto"
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 2048
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one reply; `cached` and `cache_writes` are parts of `input`."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_writes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.cache_writes + other.cache_writes,
        )

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        text: all text, without thinking.
    """

    text: str
    tool_uses: tuple[ToolUse, ...] = ()
    stop: Stop = Stop.END
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Supports:
    """What a model and its endpoint can do.

    Attributes:
        tools: function calling.
        schema: replies held to a JSON schema.
        context: tokens it can read and write in all.
        small: whether it is too weak for more than filling in what it is shown: about a billion parameters or fewer.
        images: whether it may be shown pictures; an endpoint may still have a model that sees none, and says so.
    """

    tools: bool = True
    schema: bool = True
    context: int = 128_000
    small: bool = False
    images: bool = True


class ChatModel(Protocol):
    """A model one can talk to; safe to use for several requests at once, each of which can be cancelled."""

    @property
    def name(self) -> str:
        """Provider and model, as in the setting that chose it, without address or key."""

    @property
    def supports(self) -> Supports:
        """What it can do, as far as is known; an endpoint that refuses something may change it."""

    async def complete(self, request: Request, on_text: OnText | None = None) -> Reply:
        """Answer a request; rate limits and passing failures have been retried.

        Raises:
            ModelError: one of its kinds.
        """

    async def aclose(self) -> None:
        """Let go of connections, processes and memory."""
