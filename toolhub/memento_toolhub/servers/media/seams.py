"""What the server needs somebody else for: eyes that answer questions about pictures, ears that write down speech."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

OnProgress = Callable[[float, float, str], Awaitable[None]]
"""Takes how much is done, of how much, and a word on what."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as models take it.

    Attributes:
        media_type: image/png or image/jpeg.
        caption: what tells it from others, such as its time in a video; may be empty.
    """

    media_type: str
    data: bytes = field(repr=False)
    caption: str = ""


class Eyes(Protocol):
    """A vision model."""

    @property
    def name(self) -> str:
        """Which one, as in the setting that chose it."""

    async def look(self, images: Sequence[Picture], question: str) -> str:
        """The answer to a question about pictures, which are shown in their order.

        Raises:
            ToolError: if there is none; the message says why and what to do.
        """


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech; times in seconds from the beginning of the audio."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard.

    Attributes:
        language: its code, such as "en"; empty where nobody said.
        exact: whether the times are those of the words; else of the pieces that were sent.
    """

    segments: tuple[Segment, ...]
    language: str = ""
    exact: bool = True


class Ears(Protocol):
    """Something that writes down speech."""

    @property
    def name(self) -> str:
        """Which one, as in the setting that chose it."""

    @property
    def remote(self) -> bool:
        """Whether the sound leaves the process for an address on the network."""

    async def hear(self, audio: Path, language: str, on_progress: OnProgress) -> Transcript:
        """What is said in a WAV file of 16 kHz, 16 bit, one channel.

        Args:
            language: a code such as "en"; empty where it has to be found out.

        Raises:
            ToolError: if it cannot be heard; the message says why and what to do.
        """
