"""What the tools return."""

from __future__ import annotations

from pydantic import BaseModel, Field

from memento_toolhub.servers.kit.rest import Piece


class Described(Piece):
    """What a vision model says of a picture; `text` is its answer."""

    by: str = Field(description="the model that looked")
    format: str = Field(description="of the file, by its content")
    width: int = Field(description="pixels of the file")
    height: int
    note: str = Field(default="", description="what was not shown of it")


class TextInImage(Piece):
    """The text of a picture."""

    by: str = Field(description="who read it: tesseract or a vision model")
    confidence: float | None = Field(
        default=None, description="0 to 100, by Tesseract; none where a model read it or nothing was found"
    )
    width: int = Field(description="pixels of the file")
    height: int
    note: str = ""


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
