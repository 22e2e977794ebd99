"""Word documents and PowerPoint presentations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

from memento_toolhub.servers.documents.containers import opened_zip
from memento_toolhub.servers.documents.document import Document, Source
from memento_toolhub.servers.documents.marked import converted
from memento_toolhub.servers.documents.pages import chosen, deeper, gathered, without_pages

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_EDGE = re.compile(r"word/(header|footer)\d*\.xml")
_BESIDE = {"comments": "Comments", "diagramData": "Diagram"}
_MOST_DELETED = 20
_SLIDE = re.compile(r"\s*<!-- Slide number: \d+ -->\n")


def read_docx(source: Source, pages: str) -> Document:
    """The whole text with its comments, headers and footers; a Word file does not know its pages."""
    markdown, _ = converted("DocxConverter", source.whole(), ".docx", style_map="comment-reference => sup")
    with opened_zip(source) as archive:
        edges = dict.fromkeys([*_boxes(archive, markdown), *_edges(archive)])
        notes = (*without_pages(pages, "a Word document"), *_deleted(archive))
    return Document("\n\n".join([markdown, *edges]), title=_title(source), notes=notes)


def _boxes(archive: ZipFile, markdown: str) -> Iterator[str]:
    """Text boxes that mammoth does not see: those without a form for old programs."""
    from defusedxml.ElementTree import fromstring

    if "word/document.xml" in archive.NameToInfo:
        for box in fromstring(archive.read("word/document.xml")).iter(f"{_WORD}txbxContent"):
            said = ["".join(part.text or "" for part in line.iter(f"{_WORD}t")) for line in box.iter(f"{_WORD}p")]
            if any(text not in markdown for text in said):
                yield f"Text box: {' '.join(said)}"


def _edges(archive: ZipFile) -> Iterator[str]:
    for name in sorted(archive.namelist()):
        if (kind := _EDGE.fullmatch(name)) and (text := " ".join(_texts(archive.read(name), f"{_WORD}t"))):
            yield f"{kind[1].capitalize()}: {text}"


def _deleted(archive: ZipFile) -> Iterator[str]:
    """What tracked changes delete, which the text leaves out."""
    if "word/document.xml" in archive.NameToInfo:
        deleted = _texts(archive.read("word/document.xml"), f"{_WORD}delText")
        if deleted:
            some = "; ".join(repr(text[:200]) for text in deleted[:_MOST_DELETED])
            yield f"tracked changes are read as accepted; {len(deleted)} deletions are left out: {some}"


def _texts(xml: bytes, tag: str) -> list[str]:
    from defusedxml.ElementTree import fromstring

    return [part.text for part in fromstring(xml).iterfind(f".//{tag}") if part.text and part.text.strip()]


def read_pptx(source: Source, pages: str) -> Document:
    """The slides asked for, each with its notes and comments under a heading with its number."""
    from pptx import Presentation

    markdown, _ = converted("PptxConverter", source.whole(), ".pptx")
    slides = _SLIDE.split("\n" + markdown)[1:]
    wanted = chosen(pages, len(slides), "slide")
    held = list(Presentation(source.whole()).slides)
    parts = (_slide(number, slides[number - 1], held[number - 1]) for number in wanted)
    return gathered("slide", len(slides), wanted, parts, title=_title(source))


def _slide(number: int, markdown: str, slide: Any) -> str:
    """A slide with what markitdown leaves out of it."""
    title = f"Slide {number}" + " (hidden)" * (slide.element.get("show") in ("0", "false"))
    beside = []
    for relation in slide.part.rels.values():
        heading = _BESIDE.get(relation.reltype.rpartition("/")[2])
        if heading and not relation.is_external:
            texts = _texts(relation.target_part.blob, "{*}t") or _texts(relation.target_part.blob, "{*}text")
            beside.append("\n".join([f"### {heading}:", *texts]))
    return deeper(title, "\n\n".join([markdown.rstrip(), *beside]))


def _title(source: Source) -> str:
    from defusedxml.ElementTree import fromstring

    with opened_zip(source) as archive:
        if "docProps/core.xml" not in archive.NameToInfo:
            return ""
        core = fromstring(archive.read("docProps/core.xml"))
    return str(core.findtext("{http://purl.org/dc/elements/1.1/}title") or "").strip()
