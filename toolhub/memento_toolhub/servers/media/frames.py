"""Single frames of a video, at given times or where its picture changes; what lies between is skipped, not decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.media.containers import begin_of, jump, length_of, moving, opened
from memento_toolhub.servers.media.pictures import encoded
from memento_toolhub.servers.media.seams import Picture

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MOST_PIXELS = 50_000_000
_MOST_DECODED = 3_000  # between a place one can jump to and the frame wanted: two minutes of ordinary video
_CHANGE = 0.3  # ffmpeg's score for the difference of two frames, 0 to 1: above, most are cuts; below, things only move
_EVERY_FRAME_S = 180.0
_AFTER_CUT_S = 0.25


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; its time is in seconds from the beginning of the video."""

    seconds: float
    picture: Picture
    width: int
    height: int


def evenly(n: int, start: float, end: float) -> list[float]:
    """The middles of n equal parts of a stretch of time."""
    return [start + (end - start) * (2 * i + 1) / (2 * n) for i in range(n)]


def filled(times: Iterable[float], n: int, start: float, end: float) -> list[float]:
    """Some times, and more of them in the middles of the widest gaps, until there are n."""
    made = sorted(times)
    while len(made) < n:
        edges = [start, *made, end]
        width, at = max((after - before, i) for i, (before, after) in enumerate(pairwise(edges)))
        if width <= 0:
            break
        made.insert(at, edges[at] + width / 2)
    return made


def scene_times(path: Path, n: int, start: float, end: float) -> list[float]:
    """At most n times, in their order: the beginning, and shortly after each of the strongest changes.

    Of stretches longer than three minutes only the frames are compared that are whole in the file; encoders put
    one where the picture changes.

    Raises:
        CallError: if there is no video that can be read.
    """
    strongest = sorted(_changes(path, start, end), key=lambda change: -change[1])[: n - 1]
    times = sorted({round(min(time + _AFTER_CUT_S, end), 3) for time, _ in strongest})
    return [start, *(time for time in times if time > start)]


def frames_at(path: Path, times: Iterable[float], side: int) -> list[Frame]:
    """The frames shown at some times, in their order; one that is shown at several of them comes once.

    Args:
        side: the most pixels of a side.

    Raises:
        CallError: if there is no video that can be read, or no frame of it.
    """
    made: dict[float, Frame] = {}
    with opened(path) as container:
        stream = _video(container, path)
        for time in sorted(times):
            shown = _frame_at(container, stream, time)
            if shown is not None and shown[0] not in made:
                made[shown[0]] = _as_frame(*shown, side)
    if not made:
        raise CallError(f"path: no frame of {path.name} can be decoded; the file is broken or cut off")
    return [made[time] for time in sorted(made)]


def _video(container: InputContainer, path: Path) -> VideoStream:
    stream = moving(container, path)
    context = stream.codec_context
    if context.width * context.height > _MOST_PIXELS:
        raise CallError(f"path: the video has {context.width} x {context.height} pixels; that is too large")
    stream.thread_type = "AUTO"
    context.thread_count = 2
    return stream


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, VideoFrame]]:
    """Frames with their times; a broken one ends it, so that what comes before it counts."""
    import av

    begin = begin_of(container)
    try:
        for frame in container.decode(stream):
            if frame.time is not None:
                yield round(max(frame.time - begin, 0.0), 3), frame
    except av.FFmpegError:
        return


def _frame_at(container: InputContainer, stream: VideoStream, time: float) -> tuple[float, VideoFrame] | None:
    """The last frame that begins no later than a time; where there is none, the first after it."""
    best: tuple[float, VideoFrame] | None = None
    jump(container, time)
    for count, shown in enumerate(_decoded(container, stream)):
        if best is not None and (shown[0] > time + 0.0005 or count > _MOST_DECODED):
            break
        best = shown
    return best


def _as_frame(seconds: float, frame: VideoFrame, side: int) -> Frame:
    image = frame.to_image()  # type: ignore[no-untyped-call]
    if frame.rotation % 360:
        image = image.rotate(frame.rotation, expand=True)
    width, height = image.size
    return Frame(seconds, encoded(image, side), width, height)


def _changes(path: Path, start: float, end: float) -> list[tuple[float, float]]:
    """(seconds, score) of each change."""
    import av
    from av.filter import Graph

    found: list[tuple[float, float]] = []
    with opened(path) as container:
        stream = _video(container, path)
        if min(end, length_of(container, stream)) - start > _EVERY_FRAME_S:
            stream.codec_context.skip_frame = "NONKEY"
        if start:
            jump(container, start)
        graph = Graph()
        graph.link_nodes(
            graph.add_buffer(template=stream),
            graph.add("scale", "320:-2"),  # enough to tell scenes apart
            graph.add("format", "rgb24"),  # else colours of one lightness count as the same
            graph.add("select", rf"gt(scene\,{_CHANGE})"),
            graph.add("buffersink"),
        ).configure()
        for time, frame in _decoded(container, stream):
            if time > end:
                break
            if time < start:
                continue
            graph.push(frame)
            try:
                changed = graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                continue
            found.append((time, float(changed.metadata["lavfi.scene_score"])))
    return found
