"""Word documents and PowerPoint presentations."""

from __future__ import annotations

import re

from memento_toolhub.servers.documents.containers import opened_zip
from memento_toolhub.servers.documents.document import Document, Source
from memento_toolhub.servers.documents.marked import converted
from memento_toolhub.servers.documents.pages import chosen, deeper, gathered, without_pages

_SLIDE = re.compile(r"\s*<!-- Slide number: \d+ -->\n")


def read_docx(source: Source, pages: str) -> Document:
    """The whole text; a Word file does not know its pages."""
    markdown, _ = converted("DocxConverter", source.whole(), ".docx")
    return Document(markdown, title=_title(source), notes=without_pages(pages, "a Word document"))


def read_pptx(source: Source, pages: str) -> Document:
    """The slides asked for, each with its notes under a heading with its number."""
    markdown, _ = converted("PptxConverter", source.whole(), ".pptx")
    slides = _SLIDE.split("\n" + markdown)[1:]
    wanted = chosen(pages, len(slides), "slide")
    parts = (deeper(f"Slide {number}", slides[number - 1]) for number in wanted)
    return gathered("slide", len(slides), wanted, parts, title=_title(source))


def _title(source: Source) -> str:
    from defusedxml.ElementTree import fromstring

    with opened_zip(source) as archive:
        if "docProps/core.xml" not in archive.NameToInfo:
            return ""
        core = fromstring(archive.read("docProps/core.xml"))
    return str(core.findtext("{http://purl.org/dc/elements/1.1/}title") or "").strip()
