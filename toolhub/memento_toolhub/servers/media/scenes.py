"""Where a video's picture changes: ffmpeg's scene score, the difference of a frame from the one before, from 0 to 1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from memento_toolhub.servers.media.containers import begin_of, jump, length_of, opened
from memento_toolhub.servers.media.frames import video_of

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.stream import VideoStream

CHANGE = 0.3
"""A score above this is a cut in most videos; below it things only move."""
_WIDTH = 320  # enough to tell scenes apart
_EVERY_FRAME_S = 180.0
_AFTER_CUT_S = 0.25


def scene_times(path: Path, n: int, start: float, end: float) -> list[float]:
    """At most n times, in their order: the beginning, and shortly after each of the strongest changes.

    Of stretches longer than three minutes only the frames are compared that are whole in the file; encoders put
    one where the picture changes.

    Raises:
        ToolError: if there is no video that can be read.
    """
    scored = _changes(path, start, end)
    strongest = sorted(scored, key=lambda change: -change[1])[: n - 1]
    times = sorted({round(min(time + _AFTER_CUT_S, end), 3) for time, _ in strongest})
    return [start, *(time for time in times if time > start)]


def _changes(path: Path, start: float, end: float) -> list[tuple[float, float]]:
    """(seconds, score) of each change."""
    import av

    found: list[tuple[float, float]] = []
    with opened(path) as container:
        stream = video_of(container, path)
        if min(end, length_of(container, stream)) - start > _EVERY_FRAME_S:
            stream.codec_context.skip_frame = "NONKEY"
        begin = begin_of(container)
        if start:
            jump(container, start)
        graph = _graph(stream)
        try:
            for frame in container.decode(stream):
                time = (frame.time or 0.0) - begin
                if time > end:
                    break
                if time >= start:
                    graph.push(frame)
                    found.extend(_pulled(graph, begin))
        except av.FFmpegError:  # a broken place: what comes before it counts
            return found
    return found


def _graph(stream: VideoStream) -> Graph:
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(template=stream)
    smaller = graph.add("scale", f"{_WIDTH}:-2")
    changed = graph.add("select", rf"gt(scene\,{CHANGE})")
    sink = graph.add("buffersink")
    source.link_to(smaller)
    smaller.link_to(changed)
    changed.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Graph, begin: float) -> list[tuple[float, float]]:
    import av

    pulled: list[tuple[float, float]] = []
    while True:
        try:
            frame = graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return pulled
        pulled.append(((frame.time or 0.0) - begin, float(frame.metadata["lavfi.scene_score"])))
