"""The tool for speech: transcribe."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from memento_toolhub.servers.kit.apart import Bounds, run_apart
from memento_toolhub.servers.kit.rest import MaxChars, Piece
from memento_toolhub.servers.media.containers import clock
from memento_toolhub.servers.media.desk import Desk
from memento_toolhub.servers.media.seams import Ears, Segment, Transcript
from memento_toolhub.servers.media.sound import RATE, Sound, pieces, write_sound

Language = Annotated[
    str, Field(max_length=20, pattern=r"^[A-Za-z-]*$", description="of the speech: en, de, zh; found out if empty")
]
Start = Annotated[float, Field(ge=0, description="seconds into the file at which to begin")]
End = Annotated[float, Field(ge=0, description="seconds into the file at which to stop; 0 is its end")]
_BOUNDS = Bounds(seconds=600)
_CHARS = 10_000

OnProgress = Callable[[float, float, str], Awaitable[None]]
"""Takes how much is done, of how much, and a word on what."""


class Spoken(BaseModel):
    """A stretch of speech."""

    start: float = Field(description="seconds from the beginning of the file")
    end: float
    text: str


class Transcribed(Piece):
    """What is said; `text` has a line per segment, with its times."""

    segments: list[Spoken] = Field(description="those in `text`")
    segments_in_all: int
    language: str = Field(description="as given or found; empty where nobody said")
    start: float = Field(description="where in the file it begins, in seconds")
    seconds: float = Field(description="how much was heard")
    of_seconds: float = Field(description="how long the file is; 0 where it does not say")
    by: str = Field(description="the model that heard it")
    note: str = ""


async def heard(
    ears: Ears, file: Path, language: str, start: float, end: float, on_progress: OnProgress
) -> tuple[Transcript, Sound]:
    """What is said in a file, at times of the file.

    Raises:
        CallError: if there is no sound in it that can be read, or it cannot be heard.
    """
    segments: list[Segment] = []
    exact, found = True, ""
    with tempfile.TemporaryDirectory(prefix="memento-sound-") as folder:
        written = Path(folder) / "samples"
        sound = await run_apart(write_sound, file, written, start, end, bounds=_BOUNDS)
        for at, samples in pieces(written):
            # A model here names languages as it takes them; endpoints write them out.
            said = await ears.hear(samples, language or ("" if ears.remote else found))
            exact, found = exact and said.exact, found or said.language
            begins = at + sound.begins
            segments += (Segment(round(s.start + begins, 2), round(s.end + begins, 2), s.text) for s in said.segments)
            done = at + len(samples) / RATE
            await on_progress(done, sound.seconds, f"heard {done:.0f} of {sound.seconds:.0f} s")
    return Transcript(tuple(segments), found, exact), sound


def written_out(segments: tuple[Segment, ...]) -> str:
    """A line per segment, with its times."""
    return "\n".join(f"[{clock(one.start)} - {clock(one.end)}] {' '.join(one.text.split())}" for one in segments)


def offer(server: MCPServer, desk: Desk) -> None:
    """Publish the tool."""
    remote = desk.ears is not None and desk.ears.remote

    @server.tool(title="Write down speech", annotations=ToolAnnotations(read_only_hint=True, open_world_hint=remote))
    async def transcribe(
        path: Annotated[str, Field(description="a sound or video file of any common format")],
        ctx: Context,
        language: Language = "",
        start: Start = 0.0,
        end: End = 0.0,
        max_chars: MaxChars = _CHARS,
    ) -> Transcribed:
        """Write down what is said in a sound or video file, with the times of each segment. At most four hours at once;
        give start and end for a part of it."""
        ears = desk.need_ears()
        file = desk.file(path)
        transcript, sound = await heard(ears, file, language.lower(), start, end, ctx.report_progress)
        return _result(desk, ears, transcript, sound, max_chars)


def _result(desk: Desk, ears: Ears, transcript: Transcript, sound: Sound, max_chars: int) -> Transcribed:
    piece = desk.rests.cut(written_out(transcript.segments), max_chars)
    whole_lines = piece.text.count("\n") if piece.rest else len(transcript.segments)
    notes = (
        sound.note,
        "" if transcript.segments else "no speech was heard in it",
        "" if transcript.exact else "the endpoint gives no times of its own: they are those of the pieces sent to it",
    )
    return Transcribed(
        **piece.model_dump(),
        segments=[Spoken(start=s.start, end=s.end, text=s.text) for s in transcript.segments[:whole_lines]],
        segments_in_all=len(transcript.segments),
        language=transcript.language,
        start=round(sound.begins, 3),
        seconds=round(sound.seconds, 3),
        of_seconds=round(sound.of_seconds, 3),
        by=ears.name,
        note="; ".join(filter(None, notes)),
    )
