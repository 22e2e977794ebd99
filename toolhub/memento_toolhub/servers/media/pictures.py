"""Opening pictures nobody vouches for, and making them what a model or an OCR program takes.

The functions that do so run in a process of their own; see `kit.apart`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError

from memento_toolhub.servers.kit.apart import Bounds, run_apart
from memento_toolhub.servers.media.kinds import not_a_picture
from memento_toolhub.servers.media.seams import Picture

if TYPE_CHECKING:
    from PIL import Image

MODEL_SIDE = 1568
"""Pixels of the longer side above which vision models scale a picture down themselves."""
_OCR_SIDE = 6000
_SMALL_SIDE = 1000  # letters of fewer than about 20 pixels are read badly
_MOST_PIXELS = 100_000_000
_MOST_BYTES = 200_000_000
_PNG_BYTES = 1_500_000  # a drawing stays sharp below this; a photograph is far larger
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "ICO", "PPM")
_LYING = (5, 6, 7, 8)  # EXIF orientations that turn a picture by a quarter
_NONE = Picture("", b"")
_BOUNDS = Bounds(seconds=60, memory_mb=4096)


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture, ready to be looked at.

    Attributes:
        format: of the file, by its content.
        width, height: in pixels of the file, the right way up.
        note: what is not shown of it; may be empty.
    """

    picture: Picture
    format: str
    width: int
    height: int
    note: str = ""


async def for_model(path: Path) -> Opened:
    """A picture at the size models take.

    Raises:
        ToolError: if the file is no picture that can be read.
    """
    need_pillow()
    return await run_apart(_open_for_model, path, bounds=_BOUNDS)


async def for_ocr(path: Path) -> Opened:
    """A picture as PNG, large enough for letters to be read.

    Raises:
        ToolError: if the file is no picture that can be read.
    """
    need_pillow()
    return await run_apart(_open_for_ocr, path, bounds=_BOUNDS)


def need_pillow() -> None:
    """Raises:
    ToolError: if pictures cannot be opened here.
    """
    from importlib.util import find_spec

    if find_spec("PIL") is None:
        raise ToolError("the package pillow is not installed; install it with: pip install 'memento-cbr[media]'")


def encoded(image: Image.Image, most_side: int, caption: str = "") -> Picture:
    """A picture in memory as a file of at most so many pixels a side: PNG where that is small, else JPEG."""
    image.thumbnail((most_side, most_side))
    png = io.BytesIO()
    image.save(png, "PNG")
    if png.tell() <= _PNG_BYTES:
        return Picture("image/png", png.getvalue(), caption)
    jpeg = io.BytesIO()
    image.convert("RGB").save(jpeg, "JPEG", quality=90)
    return Picture("image/jpeg", jpeg.getvalue(), caption)


def _open_for_model(path: Path) -> Opened:
    image, opened = _open(path, MODEL_SIDE)
    return replace(opened, picture=encoded(image, MODEL_SIDE))


def _open_for_ocr(path: Path) -> Opened:
    image, opened = _open(path, 0)
    if max(image.size) < _SMALL_SIDE:
        image = image.resize((image.width * 2, image.height * 2))
    image.thumbnail((_OCR_SIDE, _OCR_SIDE))
    png = io.BytesIO()
    image.save(png, "PNG", compress_level=1)
    return replace(opened, picture=Picture("image/png", png.getvalue()))


def _open(path: Path, side: int) -> tuple[Image.Image, Opened]:
    """The picture the right way up on white, and what there is to say of its file.

    Args:
        side: pixels that are enough, so that a large JPEG need not be decoded at full size; 0 for all of them.
    """
    from PIL import Image, UnidentifiedImageError

    if path.stat().st_size > _MOST_BYTES:
        raise ToolError(f"path: the picture has {path.stat().st_size:,} bytes; {_MOST_BYTES:,} are the most")
    Image.MAX_IMAGE_PIXELS = None  # the bound is ours, and holds for the pixels the header announces
    try:
        with Image.open(path, formats=_FORMATS) as image:
            return _loaded(image, side)
    except UnidentifiedImageError:
        raise ToolError(f"path: {path.name} cannot be opened as a picture: {not_a_picture(path)}") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ToolError(f"path: {path.name} is a broken or truncated picture ({str(error)[:200]})") from None


def _loaded(image: Image.Image, side: int) -> tuple[Image.Image, Opened]:
    from PIL import ExifTags, ImageOps

    width, height = image.size
    if width * height > _MOST_PIXELS:
        raise ToolError(f"path: the picture has {width} x {height} pixels; {_MOST_PIXELS:,} in all are the most")
    frames = getattr(image, "n_frames", 1)
    many = "of several pages" if image.format == "TIFF" else "animated or has several sizes"
    note = f"it is {many}: only the first of its {frames} pictures is shown" if frames > 1 else ""
    kind = image.format or ""
    image.seek(0)
    if image.getexif().get(ExifTags.Base.Orientation, 1) in _LYING:
        width, height = height, width
    if side:
        image.draft("RGB", (side, side))
    return _on_white(ImageOps.exif_transpose(image)), Opened(_NONE, kind, width, height, note)


def _on_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB")
    if image.mode.startswith("I") or image.mode == "F":  # 16 bit and more: the darkest is black, the lightest white
        low, high = (float(bound) for bound in image.convert("F").getextrema())  # type: ignore[arg-type]
        scale = 255.0 / (high - low) if high > low else 0.0
        return image.convert("F").point(lambda value: value * scale - low * scale).convert("L").convert("RGB")
    return image.convert("RGB")
