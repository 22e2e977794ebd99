"""Which encoding a text file has."""

from __future__ import annotations

import codecs
from pathlib import Path

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


def encoding_of(path: Path) -> str:
    """Python's name of the encoding: told by the file's mark, UTF-8 where all of it is that, else the likeliest."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if head[1::2].count(0) > len(head) // 6:
        return "utf-16-le"
    if head[::2].count(0) > len(head) // 6:
        return "utf-16-be"
    return "utf-8" if decodes(path, "utf-8") else likeliest(_telling_lines(path))


def decodes(path: Path, encoding: str) -> bool:
    """Whether the whole file is of an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _telling_lines(path: Path) -> bytes:
    """The first lines that are not plain ASCII."""
    found = bytearray()
    with path.open("rb") as file:
        while len(found) < _SAMPLE and (line := file.readline(_SAMPLE)):
            if not line.isascii():
                found += line
    return bytes(found)


def likeliest(sample: bytes) -> str:
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
