"""Web addresses fetched within limits, and never from where only this machine or its network can reach."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version

import anyio
import httpcore2
import httpx2

from memento_toolhub.servers.kit.answers import media_type_and_charset, refused_status
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.guard import Guard
from memento_toolhub.servers.kit.inflate import Inflate
from memento_toolhub.servers.kit.pinned import PinnedBackend

OnBytes = Callable[[int, int | None], Awaitable[None]]
"""Told after each part how many bytes are there, and how many the server announced (None: it did not)."""
BeforeHop = Callable[[str], Awaitable[Mapping[str, str]]]
"""Awaited before each request, redirects included, with its address; returns further headers for that request alone.

What it takes is no part of the fetch's time."""

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_CARRIED = frozenset(("accept", "accept-language"))
_STANDARD = {
    "user-agent": f"Memento/{version('memento-cbr')}",
    "accept": "text/html, application/xhtml+xml, text/markdown;q=0.9, text/plain;q=0.9, */*;q=0.8",
    "accept-encoding": "gzip, deflate",
}


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one fetch may take.

    Attributes:
        bytes: of body, after decompression.
        seconds: in all, redirects included.
        connect_seconds: for each connection.
        redirects: followed.
    """

    bytes: int = 20_000_000
    seconds: float = 60.0
    connect_seconds: float = 10.0
    redirects: int = 8


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address answered.

    Attributes:
        url: the final one, after redirects.
        status: of HTTP.
        headers: names in lower case.
        body: decompressed.
        media_type: such as "text/html", lower case, without parameters; empty where the server names none.
        charset: as the server names it, lower case; empty where it names none.
        redirects: the addresses that led to `url`, the one asked for first.
        at: when it was fetched, or last found unchanged; in UTC.
        from_cache: whether the body comes from the cache.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    media_type: str
    charset: str
    redirects: tuple[str, ...]
    at: datetime
    from_cache: bool = False


class Fetcher:
    """Fetches by GET. It keeps no cookies and holds no connection open, so that it needs no closing.

    Args:
        allowed_hosts: hosts, each with or without a port, that may be fetched although they are private.
        limits: of each fetch.
        guard: in the place of the one made of allowed_hosts.
    """

    def __init__(
        self,
        allowed_hosts: tuple[str, ...] = (),
        *,
        limits: FetchLimits = FetchLimits(),
        guard: Guard | None = None,
    ) -> None:
        self.guard = guard or Guard(allowed_hosts)
        self._limits = limits

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        on_bytes: OnBytes | None = None,
        any_status: bool = False,
        before: BeforeHop | None = None,
    ) -> Fetched:
        """What the address answers, redirects followed; headers given are not carried to another host.

        Raises:
            CallError: if the address is refused, does not answer, passes a limit, or answers with a status of 400 or
                more and any_status is false.
        """
        at = self.guard.url(url)
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        passed: list[str] = []
        left = self._limits.seconds
        while True:
            further = await before(at) if before else {}
            started = anyio.current_time()
            hop = _Hop(at, {**_STANDARD, **sent, **further}, max_bytes or self._limits.bytes, on_bytes)
            answer = await self._answer(hop, left)
            left -= anyio.current_time() - started
            passed.append(at)
            to = answer.headers.get("location", "") if answer.status in _REDIRECTS else ""
            if not to:
                if answer.status >= 400 and not any_status:
                    raise refused_status(answer.url, answer.status, answer.media_type, answer.headers, answer.body)
                return replace(answer, redirects=tuple(passed[:-1]))
            at = self._redirected(passed, to)
            if not _same_origin(passed[-1], at):
                sent = {name: value for name, value in sent.items() if name in _CARRIED}

    def _redirected(self, passed: list[str], to: str) -> str:
        """The next address, judged as the first one was."""
        last = passed[-1]
        try:
            following = self.guard.url(str(httpx2.URL(last).join(to)))
        except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
            raise CallError(f"url: {last} redirects to what is no web address ({error})") from error
        except CallError as error:
            raise CallError(f"{error} ({last} redirects there)") from error
        if following in passed:
            raise CallError(f"url: {last} redirects in a circle; it may want cookies, and none are kept")
        if len(passed) > self._limits.redirects:
            raise CallError(f"url: {passed[0]} redirects more than {self._limits.redirects} times")
        if last.startswith("https:") and following.startswith("http:"):
            raise CallError(f"url: {last} redirects to {following}, unencrypted; fetch that one if this will do")
        return following

    async def _answer(self, hop: _Hop, seconds: float) -> Fetched:
        """What one address answers, a redirect perhaps."""
        try:
            with anyio.fail_after(max(seconds, 0)):
                async with httpcore2.AsyncConnectionPool(
                    ssl_context=_tls(), network_backend=PinnedBackend(self.guard)
                ) as pool:
                    return await hop.made(pool, self._limits)
        except TimeoutError as error:
            raise CallError(
                f"url: {hop.url} was not there within {self._limits.seconds:g} s and was given up; try another source"
            ) from error
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
            reason = str(error) or f"nothing within {self._limits.connect_seconds:g} s"
            raise CallError(f"url: {hop.url} cannot be connected to: {reason}") from error
        except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
            raise CallError(f"url: {hop.url} broke the connection off; try again later") from error
        except httpcore2.ProtocolError as error:
            raise CallError(f"url: {hop.url} answers with what is no sound HTTP ({error})") from error
        except zlib.error as error:
            raise CallError(f"url: {hop.url} answers with a damaged compressed body ({error})") from error


@dataclass(frozen=True, slots=True)
class _Hop:
    url: str
    headers: Mapping[str, str]
    most: int
    on_bytes: OnBytes | None

    async def made(self, pool: httpcore2.AsyncConnectionPool, limits: FetchLimits) -> Fetched:
        url = httpx2.URL(self.url)
        timeout = {"connect": limits.connect_seconds, "read": limits.seconds, "write": limits.seconds}
        async with pool.stream(
            "GET",
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=[(b"host", url.netloc), *((name.encode(), value.encode()) for name, value in self.headers.items())],
            extensions={"timeout": timeout},
        ) as response:
            headers = _headers(response.headers)
            redirects = response.status in _REDIRECTS and "location" in headers
            body = b"" if redirects else await self._body(response, headers)
            media_type, charset = media_type_and_charset(headers.get("content-type", ""))
            at = datetime.now(UTC)
            return Fetched(self.url, response.status, headers, body, media_type, charset, (), at)

    async def _body(self, response: httpcore2.Response, headers: Mapping[str, str]) -> bytes:
        written = headers.get("content-length", "")
        announced = int(written) if written.isdecimal() and len(written) < 20 else None
        self._check_size(announced or 0)
        try:
            inflate = Inflate(headers.get("content-encoding", ""))
        except ValueError as error:
            raise CallError(f"url: {self.url} answers in a form that cannot be read ({error})") from error
        body = bytearray()
        received = 0
        async for part in response.aiter_stream():
            received += len(part)
            self._check_size(received)
            for piece in inflate.pieces(part):
                body += piece
                self._check_size(len(body))
            if self.on_bytes:
                await self.on_bytes(received, announced)
        inflate.end()
        return bytes(body)

    def _check_size(self, size: int) -> None:
        if size > self.most:
            raise CallError(f"url: {self.url} is larger than the {self.most} bytes that are fetched; look for a part")


def _headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace").strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _same_origin(one: str, other: str) -> bool:
    a, b = httpx2.URL(one), httpx2.URL(other)
    return (a.scheme, a.raw_host, a.port) == (b.scheme, b.raw_host, b.port)


@cache
def _tls() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()
