"""The text of a page's bytes."""

from __future__ import annotations

import codecs
import re

_META = re.compile(rb"""<meta[^>]{0,400}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_XML = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})""", re.IGNORECASE)
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Browsers read the names on the left as the ones on the right, which hold more.
_READ_AS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# With all encodings to choose from, rare ones are taken for koi8-r and others.
_LIKELY = ["cp1252", "cp1250", "cp1254", "cp1251", "cp1253", "cp1255", "cp1256", "cp932", "gb18030", "big5", "cp949"]
_LIKELY += ["euc_jp", "koi8_r"]
_LOOKED_AT = 4_096
_MOST_WRONG = 0.01


def decoded(body: bytes, charset: str = "") -> str:
    """The text, by the byte order mark, the charset of the header, of the page itself, or else what fits best.

    Source: the encoding sniffing of the HTML standard, 13.2.3.2, and the labels of the Encoding standard.
    """
    start = body[:_LOOKED_AT]
    marks = [name for mark, name in _BYTE_ORDER_MARKS.items() if body.startswith(mark)]
    said = [found[1].decode("ascii") for found in (_META.search(start), _XML.search(start)) if found]
    for name in (*marks, charset, *said, "utf-8"):
        text = _decoded(body, name)
        if text is not None:
            return text
    from charset_normalizer import from_bytes

    telling = b"\n".join(line for line in body.splitlines() if not line.isascii())
    best = from_bytes(telling[:200_000], cp_isolation=_LIKELY).best()
    return body.decode(best.encoding if best else "cp1252", "replace")


def _decoded(body: bytes, name: str) -> str | None:
    """The text in an encoding, unless nobody knows it or it does not fit; a damaged letter is no reason."""
    try:
        found = codecs.lookup(name).name
        text = body.decode(_READ_AS.get(found, found), "replace")
    except (LookupError, UnicodeError, ValueError):
        return None
    return text if text.count("\ufffd") <= len(text) * _MOST_WRONG else None
