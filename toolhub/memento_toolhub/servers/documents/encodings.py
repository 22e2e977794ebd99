"""Which encoding a text has."""

from __future__ import annotations

import codecs
import sys
from io import BytesIO
from typing import BinaryIO

_BLOCK = 1 << 20
_SAMPLE = 64 << 10
_WESTERN = ("cp1252", "cp1250", "cp1254")
_LIKELY = [*_WESTERN, "cp1251", "cp1253", "cp1255", "cp1256", "cp932", "gb18030", "big5", "cp949", "euc_jp", "koi8_r"]
_IN_WORDS = set("’‘“”–—\xa0´ª…®™°")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(stream: BinaryIO, most: int = sys.maxsize) -> str:
    """Python's name of the encoding: told by the text's mark, UTF-8 where all of it is that, else the likeliest.

    No more than some bytes are looked at to tell UTF-8.
    """
    stream.seek(0)
    head = stream.read(_SAMPLE)
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if head[1::2].count(0) > len(head) // 6:
        return "utf-16-le"
    if head[::2].count(0) > len(head) // 6:
        return "utf-16-be"
    return "utf-8" if decodes(stream, "utf-8", most) else _likeliest(_telling_lines(stream))


def decodes(stream: BinaryIO, encoding: str, most: int = sys.maxsize) -> bool:
    """Whether a text, or its first bytes, are of an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    try:
        while most > 0 and (block := stream.read(min(_BLOCK, most))):
            decoder.decode(block)
            most -= len(block)
        decoder.decode(b"", final=most > 0)
    except UnicodeError:  # some codecs have no narrower one
        return False
    return True


def decoded(data: bytes) -> str:
    """Bytes as text, in the encoding they are likely to have."""
    return data.decode(encoding_of(BytesIO(data)), "replace")


def _telling_lines(stream: BinaryIO) -> bytes:
    """The first lines that are not plain ASCII."""
    found = bytearray()
    stream.seek(0)
    while len(found) < _SAMPLE and (line := stream.readline(_SAMPLE)):
        if not line.isascii():
            found += line
    return bytes(found)


def _likeliest(sample: bytes) -> str:
    """The encoding of bytes that are not UTF-8: lines with letters beyond ASCII tell most."""
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=_LIKELY).best()
    if best is not None and best.encoding not in _WESTERN:
        return best.encoding
    # Short texts do not tell these apart; in the wrong one, signs stand inside of words.
    readable = [encoding for encoding in _WESTERN if _decoded(sample, encoding) is not None]
    return min(readable, key=lambda encoding: _signs_in_words(_decoded(sample, encoding) or ""), default="cp1252")


def _decoded(sample: bytes, encoding: str) -> str | None:
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError:
        return None


def _signs_in_words(text: str) -> int:
    around = zip(f" {text}", text, f"{text[1:]} ", strict=False)
    return sum(
        (before.isalpha() or after.isalpha())
        for before, sign, after in around
        if sign > "\x7f" and not sign.isalpha() and sign not in _IN_WORDS
    )
