"""What kind of file something is, by its first bytes, to say why it cannot be opened; its name proves nothing."""

from __future__ import annotations

from codecs import getincrementaldecoder
from pathlib import Path

_MEDIA, _PICTURE, _ARCHIVE = "sound or video", "picture", "archive"
_ADVICE = {
    "empty": "the file is empty",
    "svg": "it is an SVG drawing, which is text: read its source, or give a PNG or JPEG rendering of it",
    "heic": "it is a HEIC picture, which cannot be read here; give it as JPEG or PNG",
    "pdf": "it is a PDF; read it with read_document, or give a page of it as PNG",
    "text": "it is text (a playlist, perhaps); read it with read_document",
    _ARCHIVE: "it is an archive or an office document; read it with read_document",
    _MEDIA: "it is sound or video; use video_frames, ask_about_video or transcribe",
    _PICTURE: "it is a picture; use describe_image or read_text_in_image",
}
_BEGINNINGS = {
    "pdf": (b"%PDF-",),
    _PICTURE: (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0"),
    _MEDIA: (
        *(b"RIFF", b"\x1a\x45\xdf\xa3", b"OggS", b"fLaC", b"ID3", b"FLV", b"\0\0\1\xba", b"\x30\x26\xb2\x75"),
        *(b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"\xff\xf9", b"FORM", b"caff", b"#!AMR"),
    ),
    _ARCHIVE: (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xd0\xcf\x11\xe0"),
}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def why_not(path: Path, wanted: str) -> str:
    """Why a file cannot be read as what is wanted of it: "picture" or "sound or video"."""
    with path.open("rb") as file:
        kind = _kind(file.read(4096))
    return _ADVICE[kind] if kind not in ("", wanted) else f"it is broken or cut off, or of no known format of {wanted}"


def _kind(head: bytes) -> str:
    if not head:
        return "empty"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "heic" if brand in _HEIF_BRANDS else _PICTURE if brand in (b"avif", b"avis") else _MEDIA
    if head[:4] + head[8:12] == b"RIFFWEBP":
        return _PICTURE
    if kind := next((kind for kind, marks in _BEGINNINGS.items() if head.startswith(marks)), ""):
        return kind
    try:
        text = getincrementaldecoder("utf-8")().decode(head)  # its last letter may be cut in two
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else "svg" if "<svg" in text else "text"
