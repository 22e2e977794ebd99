"""The tools for pictures: describe_image and read_text_in_image."""

from __future__ import annotations

from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import ToolAnnotations
from pydantic import Field

from memento_toolhub.servers.kit.apart import run_apart
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.rest import MaxChars, Piece
from memento_toolhub.servers.media import ocr
from memento_toolhub.servers.media.desk import VISION, Desk
from memento_toolhub.servers.media.pictures import Opened, open_picture

ImagePath = Annotated[
    str, Field(description="a picture: PNG, JPEG, GIF, WebP, BMP, TIFF or AVIF; or `file` of a frame of video_frames")
]
Page = Annotated[int, Field(ge=1, description="which picture of a file that holds several, such as a TIFF of a scan")]
_UNSURE = 60.0
_DESCRIBE = (
    "Describe this picture: what it shows, how its parts lie to each other, all text in it word for word, and the"
    " values of any table, chart or diagram."
)
_READ = "Write out all text in this picture word for word, in reading order, and nothing else. Write nothing if none."
_CHARS = 8_000


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


def offer(server: MCPServer, desk: Desk) -> None:
    """Publish the tools."""
    _offer_describe(server, desk)
    _offer_read(server, desk)


def _offer_describe(server: MCPServer, desk: Desk) -> None:
    @server.tool(title="Look at a picture", annotations=ToolAnnotations(read_only_hint=True, open_world_hint=True))
    async def describe_image(
        path: ImagePath,
        ctx: Context,
        question: Annotated[
            str, Field(max_length=4000, description="what to find out; a full description if empty")
        ] = "",
        page: Page = 1,
        max_chars: MaxChars = _CHARS,
    ) -> Described:
        """Have a vision model look at a picture and answer a question about it, or describe it: objects, charts,
        diagrams, photos, screenshots. For plain printed text read_text_in_image is faster."""
        eyes = desk.need_eyes()
        opened = await run_apart(open_picture, desk.file(path), page)
        await ctx.report_progress(1, 2, f"{eyes.name} looks at it")
        said = await eyes.look([opened.picture], question.strip() or _DESCRIBE)
        return Described(
            **desk.rests.cut(said, max_chars).model_dump(),
            by=eyes.name,
            format=opened.format,
            width=opened.width,
            height=opened.height,
            note=opened.note,
        )


def _offer_read(server: MCPServer, desk: Desk) -> None:
    asks_model = ocr.program() is None and desk.eyes is not None

    @server.tool(
        title="Read the text in a picture",
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=not asks_model, open_world_hint=asks_model),
    )
    async def read_text_in_image(
        path: ImagePath,
        language: Annotated[
            str,
            Field(
                max_length=100,
                pattern=r"^[A-Za-z0-9_/+-]+$",
                description="of the text, as Tesseract names it: eng, deu, chi_sim; several as eng+deu",
            ),
        ] = "eng",
        page: Page = 1,
        max_chars: MaxChars = _CHARS,
    ) -> TextInImage:
        """Read the printed text in a picture (scan, screenshot, photo of a sign) by OCR, and say how sure it is.
        For handwriting, charts or questions use describe_image."""
        tesseract, confidence = ocr.program(), None
        if tesseract is None and desk.eyes is None:
            raise CallError(f"nobody can read pictures here: {ocr.INSTALL}; or use a model: {VISION}")
        opened = await run_apart(open_picture, desk.file(path), page, tesseract is not None)
        if tesseract is not None:
            read = await _read(tesseract, opened, language)
            if read.confidence is not None and read.confidence < _UNSURE:  # it may be upside down
                turned = await run_apart(open_picture, desk.file(path), page, True, 180)
                read = max(read, await _read(tesseract, turned, language), key=lambda one: one.sure)
            text, by, confidence = read.text, "tesseract", read.confidence
        else:
            eyes = desk.need_eyes()
            text, by = await eyes.look([opened.picture], f"{_READ} Language: {language}."), eyes.name
        notes = (opened.note, "" if text.strip() else "no text was found in it")
        return TextInImage(
            **desk.rests.cut(text, max_chars).model_dump(),
            by=by,
            confidence=confidence,
            width=opened.width,
            height=opened.height,
            note="; ".join(filter(None, notes)),
        )


async def _read(tesseract: str, opened: Opened, language: str) -> ocr.Read:
    """The text of a picture, of a table in it row by row."""
    read = await ocr.read(tesseract, opened.picture.data, language)
    if opened.unruled is None:
        return read
    rows = await ocr.read(tesseract, opened.unruled.data, language, block=True)
    return max(read, rows, key=lambda one: one.sure)
