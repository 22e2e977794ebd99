"""Single frames of a video, at given times; what lies between them is skipped, not decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError

from memento_toolhub.servers.media.containers import begin_of, jump, moving, opened
from memento_toolhub.servers.media.pictures import encoded
from memento_toolhub.servers.media.seams import Picture
from memento_toolhub.servers.media.times import clock

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MOST_FRAMES = 16
_MOST_PIXELS = 50_000_000
_MOST_DECODED = 3_000  # between a place one can jump to and the frame wanted: two minutes of ordinary video


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; its time is in seconds from the beginning of the video."""

    seconds: float
    picture: Picture
    width: int
    height: int


def frames_at(path: Path, times: Sequence[float], side: int) -> list[Frame]:
    """The frames shown at some times, in their order; one that is shown at several of them comes once.

    Args:
        side: the most pixels of a side.

    Raises:
        ToolError: if there is no video that can be read, or no frame of it.
    """
    with opened(path) as container:
        stream = video_of(container, path)
        made: dict[float, Frame] = {}
        for time in sorted(times):
            shown = _frame_at(container, stream, time)
            if shown is not None and shown[0] not in made:
                made[shown[0]] = _as_frame(*shown, side)
    if not made:
        raise ToolError(f"path: no frame of {path.name} can be decoded; the file is broken or cut off")
    return [made[time] for time in sorted(made)]


def video_of(container: InputContainer, path: Path) -> VideoStream:
    """The video track, of a size that may be decoded.

    Raises:
        ToolError: if there is none, or its pictures are too large.
    """
    stream = moving(container)
    if stream is None:
        raise ToolError(f"path: {path.name} has no video track; for its sound use transcribe")
    context = stream.codec_context
    if context.width * context.height > _MOST_PIXELS:
        raise ToolError(f"path: the video has {context.width} x {context.height} pixels; that is too large")
    stream.thread_type = "AUTO"
    context.thread_count = 2
    return stream


def _frame_at(container: InputContainer, stream: VideoStream, time: float) -> tuple[float, VideoFrame] | None:
    """The last frame that begins no later than a time; where there is none, the first after it."""
    best: tuple[float, VideoFrame] | None = None
    jump(container, time)
    for shown, frame in _decoded(container, stream):
        if best is not None and shown > time + 0.0005:
            break
        best = (shown, frame)
    return best


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, VideoFrame]]:
    """Frames with their times; a broken one ends it."""
    import av

    begin = begin_of(container)
    try:
        for count, frame in enumerate(container.decode(stream)):
            if frame.time is not None:
                yield round(max(frame.time - begin, 0.0), 3), frame
            if count > _MOST_DECODED:
                return
    except av.FFmpegError:
        return


def _as_frame(seconds: float, frame: VideoFrame, side: int) -> Frame:
    image = frame.to_image()  # type: ignore[no-untyped-call]
    if frame.rotation % 360:
        image = image.rotate(frame.rotation, expand=True)
    width, height = image.size
    return Frame(seconds, encoded(image, side, f"at {clock(seconds)}"), width, height)
