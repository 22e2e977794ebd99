"""Opening sound and video nobody vouches for with the libraries of ffmpeg; they read a file in pieces, never whole.

These functions belong into a process of their own; see `kit.apart`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError

from memento_toolhub.servers.media.kinds import not_media

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
_MOST_PACKETS = 20_000_000
_GUESS_S = 10.0


@dataclass(frozen=True, slots=True)
class About:
    """What a container says of itself.

    Attributes:
        seconds: how long it is; measured where it does not say.
        video, audio: names of the codecs; empty where there is no such track.
    """

    seconds: float
    format: str
    video: str = ""
    audio: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A container for reading, from the file alone.

    Raises:
        ToolError: if it is none that can be read, or breaks while it is read.
    """
    import av

    try:
        with av.open(str(path), options=_OPTIONS, metadata_errors="replace") as container:
            yield container
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise ToolError(f"path: {path.name} cannot be read: {not_media(path)}; ffmpeg says: {_said(error)}") from None


def need_av() -> None:
    """Raises:
    ToolError: if sound and video cannot be opened here.
    """
    from importlib.util import find_spec

    if find_spec("av") is None:
        raise ToolError("the package av is not installed; install it with: pip install 'memento-cbr[media]'")


def about(path: Path) -> About:
    """What there is to say of a file of sound or video.

    Raises:
        ToolError: if it is none that can be read.
    """
    with opened(path) as container:
        video = moving(container)
        audio = next(iter(container.streams.audio), None)
        seconds = length_of(container, video or audio)
        made = About(seconds, container.format.name, audio=audio.codec_context.name if audio else "")
        if video is None:
            return made
        context, rate = video.codec_context, video.average_rate or video.guessed_rate
        fps = round(float(rate), 3) if rate else 0.0
        return About(seconds, made.format, context.name, made.audio, context.width, context.height, fps)


def moving(container: InputContainer) -> VideoStream | None:
    """The video track; the cover of a piece of music is none."""
    from av.stream import Disposition

    tracks = (stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic)
    return next(tracks, None)


def length_of(container: InputContainer, stream: Stream | None) -> float:
    """Seconds of a container; where it does not say, its packets are gone through without being decoded."""
    if container.duration:
        return container.duration / 1_000_000
    if stream is None:
        return 0.0
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    end = 0.0
    for count, packet in enumerate(container.demux(stream)):
        if packet.pts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if count > _MOST_PACKETS:
            break
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


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error)[:200]
