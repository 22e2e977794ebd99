"""Texts and presentations of OpenDocument, such as LibreOffice writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memento_toolhub.servers.documents.containers import opened_zip
from memento_toolhub.servers.documents.document import Document, Source
from memento_toolhub.servers.documents.pages import MOST_TEXT, chosen, deeper, gathered, without_pages
from memento_toolhub.servers.documents.sheets import markdown_table

_MOST_DELETED = 20
_MOST_REPEATED = 1_000  # spaces, cells or rows that one element stands for


def read_text(source: Source, pages: str) -> Document:
    """The whole text; its pages are known only when it is printed."""
    body, title = _body(source)
    text = "\n\n".join(block for block in [*_blocks(body), *_edges(source)] if block.strip())
    notes = (*without_pages(pages, "an OpenDocument text"), *_deleted(body))
    return Document(text, title=title, notes=notes)


def _edges(source: Source) -> Iterator[str]:
    """Headers and footers."""
    from defusedxml.ElementTree import fromstring

    with opened_zip(source) as archive:
        styles = fromstring(archive.read("styles.xml")) if "styles.xml" in archive.NameToInfo else []
    for page in styles:
        if _tag(page) == "master-styles":
            for edge in page.iter():
                if _tag(edge).startswith(("header", "footer")) and (said := " ".join(_blocks(edge)).strip()):
                    yield f"{_tag(edge)[:6].capitalize()}: {said}"


def _deleted(body: Any) -> Iterator[str]:
    """What tracked changes delete, which the text leaves out."""
    deleted = [" ".join(_blocks(change)) for change in body.iter() if _tag(change) == "deletion"]
    if deleted:
        some = "; ".join(repr(text[:200]) for text in deleted[:_MOST_DELETED])
        yield f"tracked changes are read as accepted; {len(deleted)} deletions are left out: {some}"


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
        elif tag == "annotation":
            parts.append(f" [comment: {' '.join(_words(said) for said in child if _tag(said) != 'date')}]")
        elif tag != "page-number":
            parts.append(_words(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _attribute(element: Any, name: str) -> str:
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
