"""EPUB books, chapter by chapter as their spine orders them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

from memento_toolhub.servers.documents.containers import opened_zip
from memento_toolhub.servers.documents.document import Document, Source, UnreadableError
from memento_toolhub.servers.documents.marked import from_html
from memento_toolhub.servers.documents.pages import chosen, deeper, gathered

_CONTAINER = "META-INF/container.xml"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"


def read(source: Source, pages: str) -> Document:
    """The chapters asked for; a chapter is a file of the book."""
    with opened_zip(source) as archive:
        title, files = _spine(archive, source.name)
        wanted = chosen(pages, len(files), "chapter")
        return gathered("chapter", len(files), wanted, _chapters(archive, files, wanted), title=title)


def _chapters(archive: ZipFile, files: list[str], wanted: list[int]) -> Iterator[str]:
    from bs4 import UnicodeDammit

    for number in wanted:
        html = UnicodeDammit(archive.read(files[number - 1]), ["utf-8"], is_html=True).unicode_markup or ""
        yield deeper(f"Chapter {number}", from_html(html)[0])


def _spine(archive: ZipFile, name: str) -> tuple[str, list[str]]:
    """The title, and the files of the chapters in reading order."""
    rootfile = _parsed(archive, _CONTAINER, name).find(".//{*}rootfile")
    package_path = rootfile.get("full-path", "") if rootfile is not None else ""
    package = _parsed(archive, package_path, name)
    base = posixpath.dirname(package_path)
    by_id = {item.get("id"): item.get("href", "") for item in package.iterfind(".//{*}manifest/{*}item")}
    hrefs = [by_id.get(item.get("idref"), "") for item in package.iterfind(".//{*}spine/{*}itemref")]
    paths = [posixpath.normpath(posixpath.join(base, unquote(href))) for href in hrefs if href]
    files = [path for path in paths if path in archive.NameToInfo]
    if not files:
        raise UnreadableError(f"{name} is an EPUB whose chapters are missing; it may be damaged")
    return str(package.findtext(f".//{_TITLE}") or "").strip(), files


def _parsed(archive: ZipFile, path: str, name: str) -> Any:
    from defusedxml.ElementTree import fromstring

    if path not in archive.NameToInfo:
        raise UnreadableError(f"{name} is an EPUB without {path or 'a package file'}; it may be damaged")
    return fromstring(archive.read(path))
