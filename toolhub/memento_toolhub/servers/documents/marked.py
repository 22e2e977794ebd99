"""The way to markitdown, which turns documents into Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from memento_toolhub.servers.documents.cell_spans import without_rowspans


def converted(converter: str, stream: BinaryIO, extension: str, **options: str) -> tuple[str, str]:
    """Markdown and title of a document, by one of markitdown's converters; its choice among them is not used."""
    from markitdown import StreamInfo, converters

    made: Any = getattr(converters, converter)()
    if hasattr(made, "_html_converter"):  # Word and PowerPoint files become HTML first
        made._html_converter.convert_string = _in_line(made._html_converter.convert_string)
    found = made.convert(stream, StreamInfo(extension=extension, charset="utf-8"), **options)
    return str(found.markdown), str(found.title or "").strip()


def _in_line(convert: Callable[..., Any]) -> Callable[..., Any]:
    return lambda html, **options: convert(without_rowspans(html), **options)


def from_html(html: str) -> tuple[str, str]:
    """Markdown and title of a page, without its scripts and styles."""
    from markitdown.converters import HtmlConverter

    found = HtmlConverter().convert_string(without_rowspans(html))
    return found.markdown, str(found.title or "").strip()
