"""PDF, page by page: its text by PDFium, its tables by pdfplumber."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from memento_toolhub.servers.documents.document import Document, Source, UnreadableError
from memento_toolhub.servers.documents.pages import chosen, deeper, gathered, spans
from memento_toolhub.servers.documents.pdf_tables import tables

_MOST_LAID_OUT = 20  # pages of one reading whose tables are looked for, which takes a tenth of a second each
_MOST_OBJECTS = 3_000  # on a page, drawings included, before looking for tables takes too long


def read(source: Source, pages: str) -> Document:
    """The pages asked for, each under a heading with its number."""
    pdf = _opened(source)
    wanted = chosen(pages, len(pdf), "page")
    plain: list[int] = []
    without: list[int] = []

    def texts() -> Iterator[str]:
        for number in wanted:
            page = pdf[number - 1]
            text = page.get_textpage().get_text_bounded().replace("\r\n", "\n").strip()
            if not text:
                without.append(number)
            elif len(wanted) <= _MOST_LAID_OUT and _is_simple(page):
                try:
                    text = "\n\n".join([text, *_tables(pdf, number - 1)])
                except Exception:  # pdfminer raises anything at odd pages; what PDFium read is there
                    plain.append(number)
            else:
                plain.append(number)
            yield deeper(f"Page {number}", text)

    found = gathered("page", len(pdf), wanted, texts(), title=str(pdf.get_metadata_dict().get("Title", "")))
    return replace(found, notes=(*found.notes, *_notes(plain, without)))


def _notes(plain: list[int], without: list[int]) -> Iterator[str]:
    if plain:
        most = f"at most {_MOST_LAID_OUT} at a time"
        yield f"page {spans(plain)}: text in which tables are not laid out once more, as on simple pages, {most}"
    if without:
        yield (
            f"page {spans(without)}: no text, probably scanned, drawn or blank; use read_text_in_image or "
            "describe_image of the media tools"
        )


def _opened(source: Source) -> Any:
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(source.whole())
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise UnreadableError(f"{source.name} is an encrypted PDF; ask for a copy without a password") from error
        raise UnreadableError(f"{source.name} is a damaged or cut-off PDF ({error}); get it anew") from error
    if not len(pdf):
        raise UnreadableError(f"{source.name} is a PDF without pages; it may be damaged")
    return pdf


def _is_simple(page: Any) -> bool:
    import pypdfium2.raw

    return int(pypdfium2.raw.FPDFPage_CountObjects(page)) <= _MOST_OBJECTS


def _tables(pdf: Any, at: int) -> list[str]:
    """The tables of a page as Markdown: its text alone does not show which cells are empty."""
    import pypdfium2

    single, held = pypdfium2.PdfDocument.new(), io.BytesIO()
    single.import_pages(pdf, [at])
    single.save(held)
    found = tables(held)
    return ["Tables of this page once more, laid out:", *found] if found else []
