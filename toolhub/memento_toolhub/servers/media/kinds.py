"""What kind of file something is, by its first bytes; its name proves nothing."""

from __future__ import annotations

from pathlib import Path

_HEAD_BYTES = 4096
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_INSTEAD_OF_PICTURE = {
    "empty": "the file is empty",
    "svg": "it is an SVG drawing, which is text: read its source, or give a PNG or JPEG rendering of it",
    "heic": "HEIC pictures cannot be read here; give it as JPEG or PNG",
    "pdf": "it is a PDF; read it with read_document, or give a page of it as PNG",
    "text": "it is text, no picture; read it with read_document",
    "archive": "it is an archive or an office document; read it with read_document",
    "sound or video": "it is sound or video; use video_frames, ask_about_video or transcribe",
}
_INSTEAD_OF_MEDIA = {
    "empty": "the file is empty",
    "text": "it is text (a playlist, perhaps), and no sound or video; give the media file itself",
    "svg": "it is a drawing; there is no sound or video in it",
    "pdf": "it is a PDF; there is no sound or video in it",
    "heic": "it is a picture; there is no sound or video in it",
    "archive": "it is an archive or an office document; unpack it first",
    "picture": "it is a picture; use describe_image or read_text_in_image",
}


def kind_of(path: Path) -> str:
    """picture, "sound or video", svg, heic, pdf, text, archive, empty or unknown."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return "empty"
    binary = _binary_kind(head)
    if binary:
        return binary
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:5].lower() in (b"<?xml", b"<svg ", b"<svg>", b"<!doc", b"<!-- ") and b"<svg" in head:
        return "svg"
    return "text" if _is_text(head) else "unknown"


def not_a_picture(path: Path) -> str:
    """Why a file that is no readable picture is none."""
    return _INSTEAD_OF_PICTURE.get(
        kind_of(path), "it is broken, or in none of the formats PNG, JPEG, GIF, WebP, BMP, TIFF, AVIF, ICO and PNM"
    )


def not_media(path: Path) -> str:
    """Why a file that cannot be read as sound or video cannot."""
    return _INSTEAD_OF_MEDIA.get(
        kind_of(path), "it is broken or cut off, or in no format of sound or video that is known here"
    )


def _binary_kind(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "heic" if brand in _HEIF_BRANDS else "picture" if brand in (b"avif", b"avis") else "sound or video"
    if head.startswith(b"RIFF"):
        return "picture" if head[8:12] == b"WEBP" else "sound or video"
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0")):
        return "picture"
    if head.startswith((b"\x1a\x45\xdf\xa3", b"OggS", b"fLaC", b"ID3", b"FLV", b"\0\0\1\xba", b"\x30\x26\xb2\x75")):
        return "sound or video"
    if head.startswith((b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"\xff\xf9", b"FORM", b"caff", b"#!AMR")):
        return "sound or video"
    if head.startswith((b"PK\x03\x04", b"7z\xbc\xaf", b"\x1f\x8b", b"Rar!", b"\xd0\xcf\x11\xe0")):
        return "archive"
    return "pdf" if head.startswith(b"%PDF") else ""


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return head.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3  # a character cut in two by the end of what was read
    return True
