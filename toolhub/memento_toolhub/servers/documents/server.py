"""The MCP server `documents`."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from memento_toolhub.servers.documents.document import Document, Entry
from memento_toolhub.servers.documents.places import INSIDE, split
from memento_toolhub.servers.documents.tables import offer_tables
from memento_toolhub.servers.kit.apart import Bounds, run_apart
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.rest import DEFAULT_CHARS, MaxChars, Piece, Rests, offer_read_more
from memento_toolhub.servers.kit.tool_server import ToolServer

_BOUNDS = Bounds(seconds=120.0, memory_mb=4096)
_MOST_FETCHED = 50_000_000  # bytes
_MOST_ENTRIES = 200  # of an archive, as fields; the text lists all
_MOST_ENTRY_CHARS = 20_000  # of all those fields
_MOST_NAME, _MOST_PATH = 200, 1_000  # characters of an entry

_Where = Annotated[
    str,
    Field(
        max_length=4000,
        description="path of a file, or its http(s) address; a file in an archive or attached to an e-mail as "
        "archive.zip!/folder/report.docx",
    ),
]
_Pages = Annotated[
    str,
    Field(
        max_length=500,
        description="which pages (PDF), slides, sheets (by number or name), chapters (EPUB) or parts of a long text, "
        "such as 3, 2-5 or 1,4-6; empty: all",
    ),
]
_Query = Annotated[
    str, Field(max_length=2000, description="what is looked for: passages that bear on it come first; empty: in order")
]


class File(BaseModel):
    """A file inside an archive, or attached to an e-mail."""

    name: str
    size: int = Field(description="bytes")
    path: str = Field(
        description="path_or_url that reads it; empty where it is a link or no file, or its name is too long"
    )


class ReadDocument(Piece):
    """A document as Markdown, or its first part."""

    source: str = Field(description="what was read")
    format: str = Field(description="found by its content")
    media_type: str
    title: str = Field(default="", description="as the document says itself")
    page_unit: str = Field(default="", description="what `pages` counts here; empty: it has none")
    pages_total: int = 0
    pages_read: str = Field(default="", description="which of them were read")
    notes: list[str] = Field(default_factory=list, description="what to know about how it was read")
    entries: list[File] = Field(default_factory=list, description="the first files inside")
    entries_total: int = 0


def build(options: Options) -> MCPServer:
    """The server over the files of some folders, and the web."""
    server = ToolServer(
        "documents",
        instructions="Reads documents of many formats as Markdown, from allowed folders and from the web, and answers "
        "SQL over spreadsheets and CSV files.",
    )
    rests = Rests()
    _offer_read_document(server, options, rests)
    offer_tables(server, options, rests)
    offer_read_more(server, rests)
    return server


def _offer_read_document(server: MCPServer, options: Options, rests: Rests) -> None:
    @server.tool(
        title="Read a document",
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=True),
    )
    async def read_document(
        path_or_url: _Where,
        ctx: Context[Any, Any],
        pages: _Pages = "",
        max_chars: MaxChars = DEFAULT_CHARS,
        query: _Query = "",
    ) -> ReadDocument:
        """Read a file as Markdown: PDF, Word, PowerPoint, Excel, OpenDocument, CSV, HTML, EPUB, e-mail, JSON, text.

        An archive (ZIP, TAR, 7z) or mailbox is listed, and each file in it is read by its own path. With query, the
        passages that bear on it come first."""
        from memento_toolhub.servers.documents.reader import read_file

        where, *inner = split(path_or_url)
        await ctx.report_progress(0, 2, "finding it")
        async with _on_disk(where, options) as (path, name):
            await ctx.report_progress(1, 2, "reading it")
            found = await run_apart(read_file, str(path), name, tuple(inner), pages, query, bounds=_BOUNDS)
        await ctx.report_progress(2, 2, "done")
        return _result(found, path_or_url, rests.cut(found.text, max_chars))


@asynccontextmanager
async def _on_disk(where: str, options: Options) -> AsyncIterator[tuple[Path, str]]:
    """The file on disk, and its name; one from the web is there only for a while."""
    scheme = where.split("://", 1)[0].lower() if "://" in where else ""
    if scheme in ("http", "https"):
        from memento_toolhub.servers.kit.fetcher import Fetcher

        fetched = await Fetcher(options.allowed_hosts).get(where, max_bytes=_MOST_FETCHED)
        with tempfile.TemporaryDirectory(prefix="memento-") as folder:
            path = await anyio.to_thread.run_sync(_kept, folder, fetched.body)
            yield path, unquote(urlsplit(fetched.url).path).rsplit("/", 1)[-1] or urlsplit(fetched.url).netloc
    elif scheme or where.lower().startswith("file:"):
        hint = "give the path itself, without file://" if where.lower().startswith("file:") else "use http or https"
        raise CallError(f"path_or_url: {scheme or 'file'} addresses are not read; {hint}")
    else:
        path = options.roots.file(where, field="path_or_url")
        yield path, path.name


def _kept(folder: str, body: bytes) -> Path:
    path = Path(folder).resolve() / "fetched"
    path.write_bytes(body)
    return path


def _result(found: Document, source: str, piece: Piece) -> ReadDocument:
    where, *inner = split(source)
    outer = INSIDE.join([where, *(name for name in inner if not name.endswith("/"))])
    files = list(_files(found.entries, outer))
    return ReadDocument(
        **piece.model_dump(),
        source=source,
        format=found.format,
        media_type=found.media_type,
        title=found.title,
        page_unit=found.page_unit,
        pages_total=found.pages_total,
        pages_read=found.pages_read,
        notes=list(found.notes),
        entries=files,
        entries_total=len(found.entries),
    )


def _files(entries: Sequence[Entry], outer: str) -> Iterator[File]:
    """The first entries, as many as an answer has room for."""
    left = _MOST_ENTRY_CHARS
    for entry in entries[:_MOST_ENTRIES]:
        path = "" if entry.link else f"{outer}{INSIDE}{entry.name}"
        name = f"{entry.name[:_MOST_NAME]}…" if len(entry.name) > _MOST_NAME else entry.name
        file = File(name=name, size=entry.size, path=path if len(path) <= _MOST_PATH else "")
        left -= len(file.model_dump_json())
        if left < 0:
            return
        yield file
