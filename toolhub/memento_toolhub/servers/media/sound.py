"""The sound of a file as speech recognisers take it: 16 kHz, 16 bit, one channel, written piece by piece."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ToolError

from memento_toolhub.servers.media.containers import begin_of, jump, length_of, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

RATE = 16_000
MOST_SECONDS = 4 * 3600.0
_SILENT = 33  # of 32768, which is -60 dB: below what a microphone hears in a quiet room
_EARLIER_S = 5.0  # a jump lands where a picture begins, and the sound of that moment may lie before it in the file
_BROKEN_IN_A_ROW = 50


@dataclass(frozen=True, slots=True)
class Sound:
    """What was written.

    Attributes:
        begins: the time in the file at which it begins.
        seconds: of sound.
        of_seconds: of the file it is from.
        note: what is odd about it; may be empty.
    """

    begins: float
    seconds: float
    of_seconds: float
    note: str = ""


def write_wav(path: Path, wav: Path, start: float, end: float) -> Sound:
    """Write the first audio track of a file, or a stretch of it.

    Args:
        end: in seconds; 0 is the end of the file.

    Raises:
        ToolError: if there is no audio that can be read, it is silent, or the stretch is too long or empty.
    """
    with opened(path) as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise ToolError(f"path: {path.name} has no audio track, so nothing can be heard")
        whole = length_of(container, stream)
        _check(start, end or whole, whole)
        writing = _Writing(start, end or start + MOST_SECONDS, begin_of(container))
        broken = writing.run(container, stream, wav)
    if not writing.written:
        raise ToolError(f"path: no sound of {path.name} can be decoded; the file is broken, or ends before the start")
    seconds = writing.written / RATE
    if writing.peak <= _SILENT:
        raise ToolError(f"path: the sound of {path.name} is silent throughout ({seconds:.1f} s); nothing is said")
    note = "parts of the sound are broken and were left out" if broken else ""
    return Sound(writing.begins, seconds, whole, note)


def _check(start: float, end: float, whole: float) -> None:
    if whole and start >= whole:
        raise ToolError(f"start: {start:g} s is after the end of the file, which has {whole:.1f} s")
    if end <= start and end:
        raise ToolError(f"end: {end:g} s is not after the start at {start:g} s")
    if end - start > MOST_SECONDS:
        raise ToolError(
            f"end: {end - start:.0f} s are more than the {MOST_SECONDS:.0f} s heard at once; narrow start and end"
        )


class _Writing:
    """Writes a stretch of sound, and notes where it begins, how much of it there is and how loud it gets."""

    def __init__(self, start: float, end: float, container_begins: float) -> None:
        self._start, self._most = start, int((end - start) * RATE)
        self._container_begins = container_begins
        self.begins, self.written, self.peak = start, 0, 0

    def run(self, container: InputContainer, stream: AudioStream, wav: Path) -> bool:
        """Write it; whether something broken was left out."""
        from av import AudioResampler

        if self._start > _EARLIER_S:
            jump(container, self._start - _EARLIER_S)
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        decoding = _Decoding(container, stream)
        with wave.open(str(wav), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            for frame in decoding.frames():
                early = self._early(frame)
                if frame is not None and early * frame.sample_rate >= frame.samples:
                    continue
                for piece in resampler.resample(frame):
                    self._write(piece.to_ndarray().reshape(-1)[int(early * RATE) :], out)
                if self.written >= self._most:
                    break
        return decoding.broken

    def _early(self, frame: AudioFrame | None) -> float:
        """Seconds of a frame that come before the start."""
        if frame is None or self.written:
            return 0.0
        at = (frame.time or 0.0) - self._container_begins
        self.begins = max(at, self._start)
        return max(self._start - at, 0.0)

    def _write(self, samples: npt.NDArray[Any], out: wave.Wave_write) -> None:
        kept = samples[: self._most - self.written]
        out.writeframesraw(kept.tobytes())
        self.written += kept.size
        self.peak = max(self.peak, int(abs(kept.astype("int32")).max(initial=0)))


class _Decoding:
    """Goes over what is broken, as long as something comes after it."""

    def __init__(self, container: InputContainer, stream: AudioStream) -> None:
        self._container = container
        self._stream = stream
        self.broken = False

    def frames(self) -> Iterator[AudioFrame | None]:
        """The frames, and None at their end."""
        import av

        failed = 0
        packets = self._container.demux(self._stream)
        while failed <= _BROKEN_IN_A_ROW:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                frames = packet.decode()
            except (av.InvalidDataError, av.EOFError):
                failed += 1
                self.broken = True
                continue
            failed = 0 if frames else failed
            yield from frames
        yield None
