"""The way to markitdown, which turns documents into Markdown."""

from __future__ import annotations

from typing import Any, BinaryIO


def converted(converter: str, stream: BinaryIO, extension: str) -> tuple[str, str]:
    """Markdown and title of a document, by one of markitdown's converters; its choice among them is not used."""
    from markitdown import StreamInfo, converters

    made: Any = getattr(converters, converter)()
    found = made.convert(stream, StreamInfo(extension=extension, charset="utf-8"))
    return str(found.markdown), str(found.title or "").strip()


def from_html(html: str) -> tuple[str, str]:
    """Markdown and title of a page, without its scripts and styles."""
    from markitdown.converters import HtmlConverter

    found = HtmlConverter().convert_string(html)
    return found.markdown, str(found.title or "").strip()
