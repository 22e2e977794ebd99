"""A page as its scripts leave it: whatever they ask for is fetched by us, within the limits of every other page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

import anyio
import anyio.to_thread

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.fetcher import Fetched, Fetcher
from memento_toolhub.servers.kit.guard import Guard
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.web import dom
from memento_toolhub.servers.web.browser import Program, find_program, isolated, memory_mb
from memento_toolhub.servers.web.polite import PoliteFetcher

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from playwright.async_api import CDPSession, Page, Request, Route

_LOADED = ("script", "xhr", "fetch")
_AT_ONCE = 6
_PAGES_AT_ONCE = 2
_DOCUMENTS = 6
_LITTLE_TEXT = 200
_LOOK_SECONDS = 0.4
_LOOKS, _LOOKS_AT_LITTLE = 2, 6
_MEMORY_SECONDS = 0.5
# What the browser adds by itself, or what would identify it as something other than us.
_NOT_PASSED_ON = ("host", "user-agent", "accept-encoding", "connection", "content-length", "cookie", "range")
_NOT_HANDED_BACK = ("content-encoding", "content-length", "transfer-encoding", "connection", "set-cookie", "link")


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """What rendering one page may take.

    Attributes:
        seconds: in all.
        settle_seconds: of waiting for scripts after the page is there.
        requests: of its scripts.
        bytes: of all answers together.
        chars: of the HTML that is read from it.
        memory_mb: of all processes of the browser together.
    """

    seconds: float = 30.0
    settle_seconds: float = 10.0
    requests: int = 200
    bytes: int = 30_000_000
    chars: int = 5_000_000
    memory_mb: int = 2000


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page after its scripts.

    Attributes:
        page: its HTML as the body.
        notes: what its scripts asked for and did not get.
    """

    page: Fetched
    notes: tuple[str, ...]


class Renderer:
    """Renders pages, a few at a time, each in a browser of its own."""

    def __init__(self, program: Program, options: Options, polite: PoliteFetcher, limits: RenderLimits) -> None:
        self.program = program
        self._polite = polite
        self._limits = limits
        self._reach = _Reach(options.allowed_hosts)
        self._turn = anyio.CapacityLimiter(_PAGES_AT_ONCE)

    @classmethod
    def of(cls, options: Options, polite: PoliteFetcher, limits: RenderLimits = RenderLimits()) -> Renderer:
        """The one for a server."""
        return cls(find_program(options.environment), options, polite, limits)

    async def render(self, first: Fetched, fragment: str = "") -> Rendered:
        """The page that a fetched document becomes when its scripts run.

        Raises:
            CallError: if there is no browser, or the page takes more than it may.
        """
        async with self._turn:
            try:
                async with anyio.create_task_group() as tasks:
                    inside = self._reach.allows(first.url)
                    visit = _Visit(self._polite, self._reach, self._limits, tasks, first, inside)
                    with anyio.move_on_after(self._limits.seconds):
                        await visit.go(self.program, fragment)
                    tasks.cancel_scope.cancel()
            except ExceptionGroup as group:
                raise group.exceptions[0] from None
        if visit.result is None:
            raise CallError(f"render: its scripts took more than {self._limits.seconds:g} s and were stopped")
        return visit.result


class _Reach:
    """What scripts may reach: those of the open web never a host that was allowed although it is private."""

    def __init__(self, allowed_hosts: tuple[str, ...]) -> None:
        self._guard = Guard(allowed_hosts)
        self._outside = Fetcher()
        self._inside = Fetcher(allowed_hosts)

    def allows(self, url: str) -> bool:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return self._guard.allows(parts.hostname or "", port)

    def fetcher(self, inside: bool) -> Fetcher:
        return self._inside if inside else self._outside


@dataclass(slots=True)
class _Visit:
    """One page in one browser.

    Attributes:
        inside: whether all its documents came from allowed hosts so far.
    """

    polite: PoliteFetcher
    reach: _Reach
    limits: RenderLimits
    tasks: TaskGroup
    first: Fetched
    inside: bool
    result: Rendered | None = None
    documents: dict[str, Fetched] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    requests: int = 0
    bytes: int = 0
    running: int = 0
    slots: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_AT_ONCE))

    async def go(self, program: Program, fragment: str) -> None:
        """Visit the page and keep what it becomes."""
        from playwright.async_api import Error

        self.documents[self.first.url] = self.first
        async with isolated(program) as (context, home):
            page = await context.new_page()
            context.on("page", lambda popup: self.tasks.start_soon(_close, popup))
            await context.route("**/*", lambda route: self.tasks.start_soon(self._answer, route, page))
            self.tasks.start_soon(self._within_memory, home)
            try:
                session = await context.new_cdp_session(page)
                target = f"{self.first.url}#{fragment}" if fragment else self.first.url
                with suppress(Error):  # a script may lead on before the page is there; what it led to is looked at
                    await page.goto(target, wait_until="commit")
                html = await self._settled(session)
            except Error as error:
                raise CallError(f"render: the page broke the browser ({str(error).splitlines()[0][:200]})") from error
            self.result = Rendered(self._as_fetched(page, html), self._notes())

    async def _settled(self, session: CDPSession) -> str:
        """The HTML once nothing is being loaded and the text stays as it is, or when the time for that is up."""
        end = time.monotonic() + self.limits.settle_seconds
        length, looks = -1, 0
        while time.monotonic() < end and looks < (_LOOKS if length >= _LITTLE_TEXT else _LOOKS_AT_LITTLE):
            await anyio.sleep(_LOOK_SECONDS)
            now = await dom.text_length(session)
            looks = looks + 1 if now == length and not self.running else 0
            length = now
        html = await dom.html(session, self.limits.chars)
        if not html:
            raise CallError("render: its scripts led on again and again, and left no page to read")
        return html

    async def _answer(self, route: Route, page: Page) -> None:
        from playwright.async_api import Error

        self.running += 1
        try:
            answer = await self._answer_to(route.request, page)
        except CallError as error:
            self.refused.append(f"{route.request.url[:200]} ({error})")
            answer = None
        finally:
            self.running -= 1
        with suppress(Error):  # nobody waits for it any more
            # "aborted" leaves the page where it is when it wanted to go elsewhere
            await (route.fulfill(**answer) if answer else route.abort("aborted"))

    async def _answer_to(self, request: Request, page: Page) -> dict[str, Any] | None:
        """What a request is answered with; None where it is left out on purpose."""
        self.requests += 1
        if self.requests > self.limits.requests:
            raise CallError(f"a page may make {self.limits.requests} requests")
        if request.resource_type == "stylesheet":
            return {"status": 200, "content_type": "text/css", "body": ""}  # scripts wait for it
        if request.is_navigation_request():
            return await self._document(request.url) if _is_main(request, page) else None
        if request.resource_type not in _LOADED:
            return None
        if request.method != "GET":
            raise CallError(f"{request.method} is not made, only GET")
        async with self.slots:
            passed_on = _without(request.headers, _NOT_PASSED_ON, "sec-")
            fetcher = self.reach.fetcher(self.inside)
            fetched = await fetcher.get(request.url, headers=passed_on, max_bytes=self._room, any_status=True)
        return self._handed_back(fetched)

    async def _document(self, url: str) -> dict[str, Any]:
        address = urldefrag(url).url
        fetched = self.documents.get(address)
        if fetched is None:
            if len(self.documents) >= _DOCUMENTS:
                raise CallError(f"a page may lead on {_DOCUMENTS} times")
            self._check_way_in(address)
            fetched = await self.polite.get(address, max_bytes=self._room)
            self._check_way_in(fetched.url)
            self.inside = self.inside and self.reach.allows(fetched.url)
            self.documents[address] = self.documents[fetched.url] = fetched
        if fetched.url != address and address != self.first.url:
            # Relative addresses count from where a redirect ends.
            again = f'<meta http-equiv="refresh" content="0;url={escape(fetched.url)}">'
            return {"status": 200, "content_type": "text/html", "body": again}
        return self._handed_back(fetched)

    def _check_way_in(self, url: str) -> None:
        if not self.inside and self.reach.allows(url):
            raise CallError("a page of the open web does not lead to a private host")

    @property
    def _room(self) -> int:
        if self.bytes >= self.limits.bytes:
            raise CallError(f"a page may load {self.limits.bytes} bytes")
        return self.limits.bytes - self.bytes

    def _handed_back(self, fetched: Fetched) -> dict[str, Any]:
        self.bytes += len(fetched.body)
        return {"status": fetched.status, "headers": _without(fetched.headers, _NOT_HANDED_BACK), "body": fetched.body}

    def _as_fetched(self, page: Page, html: str) -> Fetched:
        address = urldefrag(page.url).url
        url = address if urlsplit(address).scheme in ("http", "https") else self.first.url
        return replace(self.first, url=url, body=html.encode(), headers={}, media_type="text/html", charset="utf-8")

    def _notes(self) -> tuple[str, ...]:
        if not self.refused:
            return ()
        return (f"{len(self.refused)} requests of its scripts were refused, first: {self.refused[0]}",)

    async def _within_memory(self, home: Path) -> None:
        while True:
            await anyio.sleep(_MEMORY_SECONDS)
            if await anyio.to_thread.run_sync(memory_mb, home) > self.limits.memory_mb:
                raise CallError(f"render: the page took more than the {self.limits.memory_mb} MB of memory it may have")


async def _close(popup: Page) -> None:
    from playwright.async_api import Error

    with suppress(Error):  # it may have closed itself
        await popup.close()


def _is_main(request: Request, page: Page) -> bool:
    from playwright.async_api import Error

    try:
        return request.frame == page.main_frame
    except Error:  # a page that is only being opened: none of ours
        return False


def _without(headers: Mapping[str, str], names: tuple[str, ...], prefix: str = "\n") -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names and not name.startswith((prefix, ":"))}
