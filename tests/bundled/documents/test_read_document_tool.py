"""The tool as a host meets it."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextContent

from bundled.documents.reading import SAMPLES
from bundled.shared_loop import portal, run
from memento_toolhub.servers.documents.needs import needs
from memento_toolhub.servers.documents.server import build
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.roots import Roots


class Host:
    """A host with the server at hand, which keeps its worker between calls."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """The structured result."""
        found = run(self.client.call_tool, tool, arguments)
        assert found.structured_content is not None, found.content
        return found.structured_content

    def read(self, path_or_url: str, **arguments: object) -> dict[str, Any]:
        """The result of read_document."""
        return self.call("read_document", path_or_url=path_or_url, **arguments)

    def refusal(self, path_or_url: str) -> str:
        """The error of read_document."""
        found = run(self.client.call_tool, "read_document", {"path_or_url": path_or_url})
        assert found.is_error
        assert isinstance(found.content[0], TextContent)
        return found.content[0].text


@contextmanager
def _host(options: Options, era: str = "auto") -> Iterator[Host]:
    with portal().wrap_async_context_manager(Client(build(options), mode=era)) as client:
        yield Host(client)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, site: str) -> Iterator[Host]:
    options = Options(Roots.of([SAMPLES]), tmp_path_factory.mktemp("scratch"), allowed_hosts=(site,))
    with _host(options) as host:
        yield host


def test_a_document_is_read_by_a_relative_path_and_the_structured_result_is_whole(host: Host, tmp_path: Path) -> None:
    found = host.read("tides.pptx", pages="3")
    paging = (found["format"], found["page_unit"], found["pages_total"], found["pages_read"])
    assert paging == ("PowerPoint presentation", "slide", 4, "3")
    assert "| April | 1.1 |" in found["text"]
    assert (found["rest"], found["chars_left"], found["source"]) == ("", 0, "tides.pptx")
    with _host(Options(Roots.of([SAMPLES]), tmp_path), "legacy") as older:
        assert older.read("tides.pptx", pages="3") == found


def test_a_long_document_is_read_on_by_the_handle(host: Host) -> None:
    first = host.read("report.docx", max_chars=500)
    rest = host.call("read_more", handle=first["rest"])
    assert len(rest["text"]) == first["chars_left"]
    assert "ninety minutes" in rest["text"]


def test_with_a_query_what_bears_on_it_comes_first_and_a_vain_one_is_told(host: Host) -> None:
    assert host.read("report.docx", query="who replaced the lamp?")["text"].startswith(
        "**[Harbour report > Lighthouse]**"
    )
    assert any("no passage" in note for note in host.read("report.docx", query="zeppelin")["notes"])


def test_the_paths_in_a_listing_lead_to_the_files(host: Host) -> None:
    listed = host.read("harbour.tar.gz")
    answers = [host.read(entry["path"]) for entry in listed["entries"]]
    assert listed["entries_total"] == 3
    assert [found["format"] for found in answers] == ["CSV table", "ZIP archive", "Word document"]
    assert "lighthouse" in host.read(answers[1]["entries"][0]["path"])["text"]
    folder = host.read("harbour.zip!/harbour/papers/")
    assert folder["entries"][0]["path"] == "harbour.zip!/harbour/papers/report.docx"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/etc/passwd", "outside of what may be read"),
        ("../../../../etc/passwd", "outside"),
        ("file:///etc/passwd", "without file://"),
        ("ftp://example.org/a.pdf", "use http or https"),
        ("nothing.pdf", "does not exist"),
        ("http://127.0.0.1:9/a.pdf", "allow"),
        ("report.pdf!/a", "holds no files"),
        ("", "give the path"),
        ("locked.pdf", "encrypted"),
    ],
)
def test_what_may_not_be_read_is_refused_with_what_to_do(host: Host, path: str, expected: str) -> None:
    said = host.refusal(path)
    assert expected in said
    assert "Traceback" not in said


def test_progress_is_told(host: Host) -> None:
    told: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    call = functools.partial(
        host.client.call_tool, "read_document", {"path_or_url": "report.md"}, progress_callback=hear
    )
    run(call)
    assert [at for at, _ in told] == sorted(at for at, _ in told)
    assert "reading it" in [message for _, message in told]


def test_the_tool_only_reads_and_says_that_it_reaches_out(host: Host) -> None:
    tools = {tool.name: tool for tool in run(host.client.list_tools).tools}
    hints = tools["read_document"].annotations
    assert hints is not None
    assert (hints.read_only_hint, hints.open_world_hint) == (True, True)
    assert {"read_document", "list_tables", "query_table", "read_more"} <= set(tools)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The samples behind a server on loopback, as host and port."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Nothing on stderr."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SAMPLES))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_document_is_read_from_the_web_where_its_host_is_allowed(host: Host, site: str, tmp_path: Path) -> None:
    assert "48,200 cubic metres" in host.read(f"http://{site}/report.pdf")["text"]
    assert "48,200 cubic metres" in host.read(f"http://{site}/harbour.zip!/report.docx")["text"]
    assert "404" in host.refusal(f"http://{site}/gone.pdf")
    with _host(Options(Roots(()), tmp_path)) as strict:
        assert "allow" in strict.refusal(f"http://{site}/report.pdf")


def test_what_it_needs_is_there() -> None:
    assert all(need.ok for need in needs({}))
