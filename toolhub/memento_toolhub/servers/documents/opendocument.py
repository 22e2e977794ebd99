"""Texts and presentations of OpenDocument, such as LibreOffice writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memento_toolhub.servers.documents.containers import opened_zip
from memento_toolhub.servers.documents.document import Document, Source
from memento_toolhub.servers.documents.pages import MOST_TEXT, chosen, deeper, gathered, without_pages
from memento_toolhub.servers.documents.sheets import markdown_table

_MOST_REPEATED = 1_000  # spaces, cells or rows that one element stands for


def read_text(source: Source, pages: str) -> Document:
    """The whole text; its pages are known only when it is printed."""
    body, title = _body(source)
    text = "\n\n".join(block for block in _blocks(body) if block.strip())
    return Document(text, title=title, notes=without_pages(pages, "an OpenDocument text"))


def read_slides(source: Source, pages: str) -> Document:
    """The slides asked for, each under a heading with its number."""
    body, title = _body(source)
    slides = list(body.iterfind("./{*}presentation/{*}page"))
    wanted = chosen(pages, len(slides), "slide")
    parts = (deeper(f"Slide {n}", "\n\n".join(filter(str.strip, _blocks(slides[n - 1])))) for n in wanted)
    return gathered("slide", len(slides), wanted, parts, title=title)


def _body(source: Source) -> tuple[Any, str]:
    from defusedxml.ElementTree import fromstring

    with opened_zip(source) as archive:
        content = fromstring(archive.read("content.xml"))
        meta = fromstring(archive.read("meta.xml")) if "meta.xml" in archive.NameToInfo else None
    body = content.find("{*}body")
    title = meta.findtext(".//{http://purl.org/dc/elements/1.1/}title") if meta is not None else ""
    return (content if body is None else body), str(title or "").strip()


def _blocks(element: Any, indent: str = "") -> Iterator[str]:
    """Paragraphs, headings, list items and tables, as they follow one another."""
    for child in element:
        tag = _tag(child)
        if tag == "h":
            yield f"{'#' * min(int(_attribute(child, 'outline-level') or 1), 6)} {_words(child)}"
        elif tag == "p":
            yield _words(child)
        elif tag == "list":
            yield "\n".join(_items(child, indent))
        elif tag == "table":
            yield markdown_table(_rows(child), MOST_TEXT // 4)[0]
        elif tag == "notes":
            said = list(filter(str.strip, _blocks(child)))
            yield "\n\n".join(["### Notes:", *said]) if said else ""
        elif tag not in ("tracked-changes", "forms", "sequence-decls"):
            yield from _blocks(child, indent)


def _items(element: Any, indent: str) -> Iterator[str]:
    for item in element:
        first = True
        for child in item:
            if _tag(child) == "list":
                yield from _items(child, indent + "  ")
            else:
                yield f"{indent}{'- ' if first else '  '}{_words(child)}"
                first = False


def _rows(table: Any) -> Iterator[list[str]]:
    for row in table.iter():
        if _tag(row) == "table-row":
            cells = [cell for cell in row if _tag(cell) in ("table-cell", "covered-table-cell")]
            yield ["\n".join(map(_words, cell)) for cell in cells]


def _words(element: Any) -> str:
    """The text of a paragraph, its spaces and line breaks written out."""
    parts = [element.text or ""]
    for child in element:
        tag = _tag(child)
        if tag == "s":
            parts.append(" " * min(int(_attribute(child, "c") or 1), _MOST_REPEATED))
        elif tag in ("tab", "line-break"):
            parts.append("\t" if tag == "tab" else "\n")
        elif tag == "note":
            parts.append(f" ({' '.join(filter(None, map(str.strip, child.itertext())))})")
        elif tag not in ("annotation", "page-number"):
            parts.append(_words(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _attribute(element: Any, name: str) -> str:
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
