"""The tools for video: video_frames and ask_about_video."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, ImageContent, TextContent, ToolAnnotations
from pydantic import BaseModel, Field

from memento_toolhub.servers.kit.apart import Bounds, run_apart
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.rest import MaxChars, Piece
from memento_toolhub.servers.media.containers import About, about, clock, stretch_end
from memento_toolhub.servers.media.desk import SPEECH, Desk
from memento_toolhub.servers.media.frames import Frame, evenly, filled, frames_at, scene_times
from memento_toolhub.servers.media.listen import End, Start, heard, written_out

VideoPath = Annotated[str, Field(description="a video file of any common format, or an animated GIF")]
Count = Annotated[int, Field(ge=1, le=16, description="how many frames, 1 to 16")]
Pick = Annotated[
    Literal["evenly", "scenes"],
    Field(description='"evenly" over the time, or "scenes": the first and those after the strongest changes'),
]
_FRAME_SIDE = 1024  # sixteen of them are still a message that hosts take
_ASKED_SIDE = 768
_ABOUT = Bounds(seconds=120)
_SEARCH = Bounds(seconds=600)
_TOLD_CHARS = 40_000
_CHARS = 8_000


class FrameInfo(BaseModel):
    """One frame of a video."""

    seconds: float = Field(description="when it is shown")
    at: str = Field(description="the same, as minutes and seconds")
    file: str = Field(description="the frame as a picture, for describe_image and read_text_in_image")
    width: int
    height: int


class Frames(BaseModel):
    """Frames of a video; the pictures themselves come with it, in this order."""

    frames: list[FrameInfo]
    seconds: float = Field(description="how long the video is")
    width: int
    height: int
    fps: float
    format: str
    codec: str
    has_sound: bool
    note: str = ""


class Watched(Piece):
    """What a vision model says of a video; `text` is its answer."""

    by: str = Field(description="the model that looked")
    seconds: float = Field(description="how long the video is")
    looked_at: list[str] = Field(description="times of the frames it was shown")
    heard: str = Field(description="what it was told of the sound, and by whom; or why nothing")


def offer(server: MCPServer, desk: Desk) -> None:
    """Publish the tools."""
    _offer_frames(server, desk)
    _offer_ask(server, desk)


def _offer_frames(server: MCPServer, desk: Desk) -> None:
    @server.tool(
        title="Frames of a video",
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )
    async def video_frames(
        path: VideoPath,
        ctx: Context,
        n: Count = 6,
        pick: Pick = "evenly",
        start: Start = 0.0,
        end: End = 0.0,
    ) -> Annotated[CallToolResult, Frames]:
        """Take single frames out of a video as pictures, evenly or where the scene changes, each with its time. Narrow
        it with start and end to look closely; needs no model."""
        file = desk.file(path)
        known = await run_apart(about, file, bounds=_ABOUT)
        last = stretch_end(start, end, known.seconds)
        await ctx.report_progress(1, 3, "choosing frames")
        times = evenly(n, start, last)
        if pick == "scenes":
            times = await run_apart(scene_times, file, n, start, last, bounds=_SEARCH)
        await ctx.report_progress(2, 3, "taking frames")
        frames = await run_apart(frames_at, file, times, _FRAME_SIDE, bounds=_ABOUT)
        return _as_result(frames, desk.keep(file, frames), known, n)


def _offer_ask(server: MCPServer, desk: Desk) -> None:
    @server.tool(title="Ask about a video", annotations=ToolAnnotations(read_only_hint=True, open_world_hint=True))
    async def ask_about_video(
        path: VideoPath,
        question: Annotated[str, Field(min_length=1, max_length=4000, description="what to find out")],
        ctx: Context,
        n: Count = 12,
        start: Start = 0.0,
        end: End = 0.0,
        max_chars: MaxChars = _CHARS,
    ) -> Watched:
        """Have a vision model answer a question about a video from frames at its scene changes and, where a speech
        model is configured, from what is said. Narrow it with start and end for short moments."""
        eyes = desk.need_eyes()
        file = desk.file(path)
        known = await run_apart(about, file, bounds=_ABOUT)
        last = stretch_end(start, end, known.seconds)
        await ctx.report_progress(0, 4, "choosing frames")
        times = await run_apart(scene_times, file, n, start, last, bounds=_SEARCH)
        frames = await run_apart(frames_at, file, filled(times, n, start, last), _ASKED_SIDE, bounds=_ABOUT)
        await ctx.report_progress(1, 4, "hearing what is said")
        spoken, how = await _spoken(desk, file, known, start, end, ctx)
        await ctx.report_progress(3, 4, f"{eyes.name} looks at {len(frames)} frames")
        said = await eyes.look([frame.picture for frame in frames], _told(question, known, frames, spoken, how))
        return Watched(
            **desk.rests.cut(said, max_chars).model_dump(),
            by=eyes.name,
            seconds=known.seconds,
            looked_at=[clock(frame.seconds) for frame in frames],
            heard=how,
        )


def _as_result(frames: list[Frame], files: list[str], known: About, wanted: int) -> CallToolResult:
    made = Frames(
        frames=[
            FrameInfo(seconds=one.seconds, at=clock(one.seconds), file=file, width=one.width, height=one.height)
            for one, file in zip(frames, files, strict=True)
        ],
        **asdict(known),
        note=f"there are no more than {len(frames)} to choose from" if len(frames) < wanted else "",
    )
    named = "\n".join(f"{info.at} {info.file}".rstrip() for info in made.frames)
    text = f"{len(frames)} frames of {clock(known.seconds)}:\n{named}"
    pictures = [
        ImageContent(data=b64encode(one.picture.data).decode("ascii"), mime_type=one.picture.media_type)
        for one in frames
    ]
    return CallToolResult(
        content=[TextContent(type="text", text=text), *pictures], structured_content=made.model_dump()
    )


async def _spoken(desk: Desk, file: Path, known: About, start: float, end: float, ctx: Context) -> tuple[str, str]:
    """What is said in a video, and by whom it was heard; or nothing, and why."""
    if not known.has_sound:
        return "", "it has no sound"
    if desk.ears is None:
        return "", SPEECH

    async def on_progress(done: float, of: float, what: str) -> None:
        await ctx.report_progress(1 + 2 * min(done / of, 1.0) if of else 1, 4, what)

    try:
        transcript, _ = await heard(desk.ears, file, "", start, end, on_progress)
    except CallError as error:
        return "", f"its sound could not be heard: {error}"
    return written_out(transcript.segments), f"{len(transcript.segments)} segments of speech, by {desk.ears.name}"


def _told(question: str, known: About, frames: list[Frame], spoken: str, how: str) -> str:
    shown = "; ".join(f"picture {i} at {clock(frame.seconds)}" for i, frame in enumerate(frames, 1))
    said = f"What is said in it, with times:\n{spoken[:_TOLD_CHARS]}" if spoken else f"Its sound: {how}"
    cut = "\n(the rest is left out)" if len(spoken) > _TOLD_CHARS else ""
    return (
        f"The pictures are frames of one video of {clock(known.seconds)}, in their order: {shown}. You do not see what"
        f" lies between them.\n\n{said}{cut}\n\nAnswer from this, name the times you rely on, and say so where it does"
        f" not show the answer.\n\nQuestion: {question}"
    )
