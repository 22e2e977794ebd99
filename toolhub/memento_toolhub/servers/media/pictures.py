"""Opening pictures nobody vouches for, and making them what a model or an OCR program takes.

These functions belong into a process of their own; see `kit.apart`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.roots import opened
from memento_toolhub.servers.media.kinds import why_not
from memento_toolhub.servers.media.rules import without_rules
from memento_toolhub.servers.media.seams import Picture

if TYPE_CHECKING:
    from PIL import Image

_MODEL_SIDE = 1568  # pixels of the longer side above which vision models scale a picture down themselves
_OCR_SIDE = 6000
_NEARLY_WHITE = 230  # on white, what is lighter throughout cannot be seen
_SMALL_SIDE = 1000  # letters of fewer than about 20 pixels are read badly
_MOST_PIXELS = 100_000_000
_PNG_BYTES = 1_500_000  # a drawing stays sharp below this; a photograph is far larger
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "ICO", "PPM")


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture, ready to be looked at.

    Attributes:
        format: of the file, by its content.
        width, height: in pixels of the file, the right way up.
        note: what is not shown of it; may be empty.
        unruled: for OCR, the same without the lines of a table; None where there are none.
    """

    picture: Picture
    format: str
    width: int
    height: int
    note: str
    unruled: Picture | None = None


def open_picture(path: Path, page: int = 1, for_ocr: bool = False, turned: int = 0) -> Opened:
    """A picture the right way up, on white, or on black where white would hide it: at the size models take, or as PNG
    large enough for letters to be read.

    Args:
        page: which of the pictures in the file, from 1.
        turned: by so many degrees.

    Raises:
        CallError: if the file is no picture that can be read, or has no such page.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the bound is ours, and holds for the pixels the header announces
    try:
        with opened(path) as stream, Image.open(stream, formats=_FORMATS) as file:
            if file.width * file.height > _MOST_PIXELS:
                most = f"{_MOST_PIXELS:,} in all are the most"
                raise CallError(f"path: the picture has {file.width} x {file.height} pixels; {most}")
            frames = getattr(file, "n_frames", 1)
            if page > frames:
                raise CallError(f"page: the file has no picture {page}; it holds {frames}")
            file.seek(page - 1)
            kind, image = file.format or "", _on_white(ImageOps.exif_transpose(file)).rotate(turned, expand=True)
    except UnidentifiedImageError:
        raise CallError(f"path: {path.name} cannot be opened as a picture: {why_not(path, 'picture')}") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise CallError(f"path: {path.name} is a broken or truncated picture ({str(error)[:200]})") from None
    width, height = image.size
    note = f"it holds {frames} pictures, of which this is page {page}; give page for another" if frames > 1 else ""
    if not for_ocr:
        return Opened(encoded(image, _MODEL_SIDE), kind, width, height, note)
    image = _for_ocr(image)
    unruled = without_rules(image.convert("L"))
    return Opened(_quickly(image), kind, width, height, note, _quickly(unruled) if unruled else None)


def encoded(image: Image.Image, most_side: int) -> Picture:
    """A picture as a file of at most so many pixels a side, which it is scaled to: PNG where that is small, or JPEG."""
    image.thumbnail((most_side, most_side))
    png = _saved(image, "PNG")
    if len(png) <= _PNG_BYTES:
        return Picture("image/png", png)
    return Picture("image/jpeg", _saved(image.convert("RGB"), "JPEG", quality=90))


def _for_ocr(image: Image.Image) -> Image.Image:
    if max(image.size) < _SMALL_SIDE:
        image = image.resize((image.width * 2, image.height * 2))
    image.thumbnail((_OCR_SIDE, _OCR_SIDE))
    return image


def _quickly(image: Image.Image) -> Picture:
    return Picture("image/png", _saved(image, "PNG", compress_level=1))


def _saved(image: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _on_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.has_transparency_data:
        layered = image.convert("RGBA")
        white, black = (
            Image.alpha_composite(Image.new("RGBA", layered.size, ground), layered).convert("RGB")
            for ground in ("white", "black")
        )
        return white if white.convert("L").getextrema()[0] < _NEARLY_WHITE else black  # type: ignore[operator]
    if image.mode.startswith("I") or image.mode == "F":  # 16 bit and more: the darkest is black, the lightest white
        exact = image.convert("F")
        low, high = (float(bound) for bound in exact.getextrema())  # type: ignore[arg-type]
        scale = 255.0 / (high - low) if high > low else 0.0
        return exact.point(lambda value: value * scale - low * scale).convert("L").convert("RGB")
    return image.convert("RGB")
