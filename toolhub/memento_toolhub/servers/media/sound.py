"""The sound of a file as speech recognisers take it, 16 kHz, 16 bit, one channel: written to a file, read in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.media.containers import begin_of, jump, length_of, opened, stretch_end

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

    from memento_toolhub.servers.media.seams import Samples

RATE = 16_000
_PIECE_S = 60.0  # 2 MB, where 25 MB are the most OpenAI takes; also the step of the times of a model that gives none
_LOOK_BACK_S = 10
_QUIET = RATE // 10
_MOST_SECONDS = 4 * 3600.0
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
    note: str


def write_sound(path: Path, out: Path, start: float, end: float) -> Sound:
    """Write the samples of the first audio track of a file, or of a stretch of it, and nothing else.

    Args:
        end: in seconds; 0 is the end of the file.

    Raises:
        CallError: if there is no audio that can be read, it is silent, or the stretch is too long or empty.
    """
    begins, written, peak, broken = start, 0, 0, False
    with opened(path) as container, out.open("wb") as file:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise CallError(f"path: {path.name} has no audio track, so nothing can be heard")
        whole = length_of(container, stream)
        wanted = stretch_end(start, end, whole) - start
        if wanted > _MOST_SECONDS:
            most = f"the {_MOST_SECONDS:.0f} s heard at once"
            raise CallError(f"end: {wanted:.0f} s are more than {most}; narrow start and end")
        limit = int(((end - start) if end else _MOST_SECONDS) * RATE)  # the length a file announces may be a guess
        for at, samples in _samples_from(container, stream, start):
            begins = begins if written else at
            broken = broken or not len(samples)
            kept = samples[: limit - written]
            file.write(kept.tobytes())
            written += len(kept)
            peak = max(peak, int(abs(kept.astype("int32")).max(initial=0)))
            if len(kept) < len(samples):
                break
    if not written:
        raise CallError(f"path: no sound of {path.name} can be decoded; the file is broken, or ends before the start")
    if peak <= _SILENT:
        raise CallError(f"path: the sound of {path.name} is silent throughout ({written / RATE:.1f} s)")
    return Sound(begins, written / RATE, whole, "parts of the sound are broken and were left out" if broken else "")


def pieces(written: Path, most_seconds: float = _PIECE_S) -> Iterator[tuple[float, Samples]]:
    """Sound in pieces that fit into memory, with the second each begins at.

    Each ends at the quietest place of its last ten seconds, so that no word is cut in two.
    """
    import numpy as np

    at, most = 0, int(most_seconds * RATE)
    while len(piece := np.fromfile(written, np.int16, most, offset=2 * at)):
        if len(piece) == most:
            looked_at = min(_LOOK_BACK_S * RATE, most // 2) // _QUIET
            moments = piece[most - looked_at * _QUIET :].reshape(looked_at, _QUIET).astype(np.float64)
            quietest = int((moments**2).sum(axis=1).argmin())
            piece = piece[: most - (looked_at - quietest) * _QUIET + _QUIET // 2]
        yield at / RATE, piece
        at += len(piece)


def _samples_from(container: InputContainer, stream: AudioStream, start: float) -> Iterator[tuple[float, Samples]]:
    """Samples from a time on with the time of the first of them; none where something broken was left out."""
    import numpy as np
    from av import AudioResampler

    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    if start > _EARLIER_S:
        jump(container, start - _EARLIER_S)
    begins, early = start, -1
    for frame in _decoded(container, stream):
        if frame is None:
            yield begins, np.zeros(0, np.int16)
            continue
        if early < 0:
            at = (frame.time or 0.0) - begin_of(container)
            begins, early = max(at, start), int(max(start - at, 0.0) * RATE)
        for resampled in resampler.resample(frame):
            samples = resampled.to_ndarray().reshape(-1)
            if early < len(samples):
                yield begins, samples[early:]
            early = max(early - len(samples), 0)


def _decoded(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame | None]:
    """Frames, and None for what is broken, as long as something comes after it."""
    import av

    failed = 0
    packets = container.demux(stream)
    while failed <= _BROKEN_IN_A_ROW:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except (av.InvalidDataError, av.EOFError):
            failed += 1
            yield None
            continue
        failed = 0 if frames else failed
        yield from frames
