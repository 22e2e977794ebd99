"""What the server needs somebody else for: eyes that answer questions about pictures, ears that write down speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as models take it, of the type image/png or image/jpeg."""

    media_type: str
    data: bytes = field(repr=False)


class Eyes(Protocol):
    """A vision model."""

    @property
    def name(self) -> str:
        """Which one, as in the setting that chose it."""

    async def look(self, images: Sequence[Picture], question: str) -> str:
        """The answer to a question about pictures, which are shown in their order.

        Raises:
            CallError: if there is none; the message says why and what to do.
        """


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech; times in seconds from the beginning of the sound."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard.

    Attributes:
        language: as given or found; empty where nobody said.
        exact: whether the times are those of the words; else of the pieces of sound.
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
        """Whether the sound leaves this machine for an address on the network."""

    async def hear(self, samples: Samples, language: str) -> Transcript:
        """What is said in a piece of sound of 16 kHz.

        Args:
            language: a code such as "en"; empty where it has to be found out.

        Raises:
            CallError: if it cannot be heard; the message says why and what to do.
        """
