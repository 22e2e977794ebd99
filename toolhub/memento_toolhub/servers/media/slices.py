"""Cutting long sound into pieces where it is quiet, so that no word is cut in two."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memento_toolhub.servers.media.sound import RATE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LOOK_BACK_S = 10.0
_QUIET = RATE // 5  # a fifth of a second, as long as the pause between two words


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of sound; its time is in seconds from the beginning."""

    start: float
    samples: npt.NDArray[np.int16]

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / RATE

    def save(self, wav: Path) -> None:
        """Write it as a file of its own."""
        with wave.open(str(wav), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(self.samples.tobytes())


def length(wav: Path) -> float:
    """Seconds of a WAV file."""
    with wave.open(str(wav), "rb") as file:
        return file.getnframes() / file.getframerate()


def slices(wav: Path, most_seconds: float) -> Iterator[Slice]:
    """The pieces of a WAV file of 16 kHz, one channel: each ends at the quietest place of its last ten seconds."""
    import numpy as np

    most = int(most_seconds * RATE)
    with wave.open(str(wav), "rb") as file:
        held, at = np.zeros(0, np.int16), 0
        while True:
            more = np.frombuffer(file.readframes(most - len(held)), np.int16)
            held = np.concatenate((held, more))
            if not len(held):
                return
            cut = len(held) if len(held) < most else _quietest(held)
            yield Slice(at / RATE, held[:cut])
            held, at = held[cut:], at + cut


def _quietest(samples: npt.NDArray[np.int16]) -> int:
    """The middle of the quietest moment near the end."""
    import numpy as np

    first = max(len(samples) - int(_LOOK_BACK_S * RATE), len(samples) // 2)
    power = np.concatenate(([0.0], np.cumsum(samples[first:].astype(np.float64) ** 2)))
    if len(power) <= _QUIET:
        return len(samples)
    return first + int(np.argmin(power[_QUIET:] - power[:-_QUIET])) + _QUIET // 2
