"""Opening sound and video nobody vouches for with the libraries of ffmpeg; they read a file in pieces, never whole.

These functions belong into a process of their own; see `kit.apart`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memento_toolhub.servers.kit import roots
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.media.kinds import why_not

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

# Playlists (hls, dash, concat) and lists of pictures would have ffmpeg open what else they name.
_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dv,eac3,flac,flv,gif,h264,hevc,ivf,m4v,matroska,mov,mp3,mpc,mpeg,mpegts"
    ",mpegvideo,mxf,nut,obu,ogg,rm,tta,vc1,voc,w64,wav,wv"
)
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
_GUESS_S = 10.0


@dataclass(frozen=True, slots=True)
class About:
    """What a video says of itself; its length is measured where it does not say."""

    seconds: float
    width: int
    height: int
    fps: float
    format: str
    codec: str
    has_sound: bool


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A container for reading, from the file alone.

    Raises:
        CallError: if it is none that can be read, or breaks while it is read.
    """
    import av

    try:
        with roots.opened(path) as file, av.open(file, options=_OPTIONS, metadata_errors="replace") as container:
            yield container
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        said = str(getattr(error, "strerror", "") or error)[:200]
        why = why_not(path, "sound or video")
        raise CallError(f"path: {path.name} cannot be read: {why}; ffmpeg says: {said}") from None


def about(path: Path) -> About:
    """What there is to say of a video.

    Raises:
        CallError: if it is none that can be read.
    """
    with opened(path) as container:
        video = moving(container, path)
        context, rate = video.codec_context, video.average_rate or video.guessed_rate
        return About(
            seconds=round(length_of(container, video), 3),
            width=context.width,
            height=context.height,
            fps=round(float(rate), 3) if rate else 0.0,
            format=container.format.name,
            codec=context.name,
            has_sound=bool(container.streams.audio),
        )


def moving(container: InputContainer, path: Path) -> VideoStream:
    """The video track; the cover of a piece of music is none.

    Raises:
        CallError: if there is none.
    """
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise CallError(f"path: {path.name} has no video track; for its sound use transcribe")


def length_of(container: InputContainer, stream: Stream) -> float:
    """Seconds of a container; where it does not say, its packets are gone through without being decoded."""
    if container.duration:
        return container.duration / 1_000_000
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    ends = (
        float((packet.pts + (packet.duration or 0)) * packet.time_base)
        for packet in container.demux(stream)
        if packet.pts is not None
    )
    end = max(ends, default=0.0)
    container.seek(0)
    return max(end - begin_of(container), 0.0)


def begin_of(container: InputContainer) -> float:
    """The time stamp in seconds at which a container begins, which need not be 0."""
    return (container.start_time or 0) / 1_000_000


def jump(container: InputContainer, seconds: float) -> None:
    """Go on reading from a place at or before a time, from which pictures can be decoded."""
    import av

    # Streams made for broadcast have no index: where a jump into them lands is a guess.
    early = _GUESS_S if container.format.name in ("mpegts", "mpeg") else 0.0
    try:
        container.seek(max(int((seconds - early + begin_of(container)) * 1_000_000), 0))
    except av.FFmpegError:  # no index, or a time past the end of it
        container.seek(0)


def stretch_end(start: float, end: float, whole: float) -> float:
    """Where a stretch of a file ends; all in seconds, 0 being the end of the file, or a length nobody knows.

    Raises:
        CallError: if there is no such stretch.
    """
    if whole and start >= whole:
        raise CallError(f"start: {start:g} s is after the end of the file, which has {whole:.1f} s")
    if end and end <= start:
        raise CallError(f"end: {end:g} s is not after the start at {start:g} s")
    return min(end or whole, whole or end)


def clock(seconds: float) -> str:
    """75.25 as 1:15.2, with hours where there are any."""
    minutes, rest = divmod(round(max(seconds, 0.0) * 10), 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"
