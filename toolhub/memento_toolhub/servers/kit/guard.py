"""Which web addresses may be fetched: none that only this machine or its network can reach."""

from __future__ import annotations

import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address

import anyio
import httpx2

from memento_toolhub.servers.kit.addresses import IPAddress, Reach, reach
from memento_toolhub.servers.kit.call_error import CallError

Resolve = Callable[[str, int], Awaitable[tuple[str, ...]]]
"""The addresses of a host name, as text; raises OSError where it has none."""

_LONGEST = 8_000
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ALLOWED_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]/@?#\\\s]*)(?::(\d{1,5}))?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
# fmt: off
_OTHER_SERVICES = frozenset((
    1080, 1433, 1521, 1719, 1720, 1723, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 3659, 4045, 4190,
    4369, 5060, 5061, 5432, 5672, 5900, 5984, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 9092,
    9160, 9200, 9300, 10080, 10250, 11211, 15672, 25565, 27017, 27018, 50070,
))
# fmt: on
"""Ports of databases, queues, mail, chat, remote desktops: a request to them is no wish to read a page."""


async def system_addresses(host: str, port: int) -> tuple[str, ...]:
    """What the system's resolver answers."""
    answers = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))


class Guard:
    """Judges addresses as written and as resolved.

    Args:
        allowed_hosts: hosts that may be reached although they are private, each with or without a port ("localhost",
            "127.0.0.1:8080", "[::1]:8080", "intranet.example"); compared with what is written in an address, not with
            what it resolves to. A port that is not one of the web's has to be named.
        resolve: in the place of the system's resolver.

    Raises:
        ValueError: if an allowed host is no host.
    """

    def __init__(self, allowed_hosts: Iterable[str] = (), *, resolve: Resolve = system_addresses) -> None:
        self._allowed = frozenset(map(_allowed_host, allowed_hosts))
        self._resolve = resolve

    def url(self, written: str) -> str:
        """The address in its normal form, without a fragment; nothing is resolved.

        Raises:
            CallError: if it is no http or https address, or names a host or port that is refused.
        """
        shown = repr(written[:200])
        if len(written) > _LONGEST:
            raise CallError(f"url: {shown}... has {len(written)} characters; {_LONGEST} are the most")
        try:
            url = httpx2.URL(written.strip())
        except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
            raise CallError(f"url: {shown} is no web address ({error})") from error
        if url.scheme not in _DEFAULT_PORTS:
            raise CallError(f"url: {shown} does not begin with http:// or https://; give a whole web address")
        if url.userinfo:
            raise CallError(
                f"url: the address for {url.raw_host.decode('ascii')} carries a name or password; leave them out"
            )
        host = _host(url.raw_host.decode("ascii"), shown)
        port = url.port or _DEFAULT_PORTS[url.scheme]
        self._check_port(host, port)
        if not isinstance(literal := _literal(host), str):
            self._check(host, port, literal)
        return str(url.copy_with(host=host, fragment=None))

    def allows(self, host: str, port: int) -> bool:
        """Whether a person allowed a host by name."""
        return not self._allowed.isdisjoint({(host, None), (host, port)})

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses to connect to for a host, each of them checked: connect to these and resolve no more.

        Raises:
            CallError: if the host is unknown, or any of its addresses is refused.
        """
        host = _host(host, repr(host))
        self._check_port(host, port)
        if not isinstance(literal := _literal(host), str):
            self._check(host, port, literal)
            return (host,)
        try:
            answers = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise CallError(
                f"url: no address is known for the host {host} ({error}); check its spelling, or the network"
            ) from error
        if not answers:
            raise CallError(f"url: no address is known for the host {host}; check its spelling")
        for answer in answers:
            self._check(host, port, ip_address(answer))
        return answers

    def _check(self, host: str, port: int, address: IPAddress) -> None:
        found = reach(address)
        is_literal = _literal(host) == address
        if found is Reach.PUBLIC or (self.allows(host, port) and (found is Reach.LOCAL or is_literal)):
            return
        what = host if is_literal else f"{host} resolves to {address}, which"
        if found is Reach.LOCAL:
            raise CallError(
                f"url: {what} is not on the public internet; a person can allow it, with --allow-host {_shown(host)}"
            )
        raise CallError(f"url: {what} is no address of a web server and is never fetched; look for another source")

    def _check_port(self, host: str, port: int) -> None:
        if port >= 65536:
            raise CallError(f"url: there is no port {port}; 65535 is the last")
        usual = port in _DEFAULT_PORTS.values() or (port >= 1024 and port not in _OTHER_SERVICES)
        if not usual and (host, port) not in self._allowed:
            raise CallError(
                f"url: port {port} is not one of the web's; a person can allow it, "
                f"with --allow-host {_shown(host)}:{port}"
            )


def _allowed_host(entry: str) -> tuple[str, int | None]:
    bracketed = f"[{entry}]" if entry.count(":") > 1 and "[" not in entry else entry
    parts = _ALLOWED_HOST.fullmatch(bracketed.strip())
    try:
        if parts is None or not parts[1]:
            raise ValueError("it is empty, or has more than a host and a port")
        port = int(parts[2]) if parts[2] else None
        return _host(httpx2.URL(f"http://{parts[1]}/").raw_host.decode("ascii"), repr(entry)), port
    except (httpx2.InvalidURL, CallError, ValueError) as error:
        raise ValueError(f"{entry!r} is no host such as localhost or 127.0.0.1:8080 ({error})") from error


def _host(written: str, shown: str) -> str:
    """A host in its normal form: a name without a last dot, or an address as everybody reads it."""
    host = written.lower().removesuffix(".")
    if not isinstance(literal := _literal(host), str) and "%" not in host:
        return str(literal)
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise CallError(
            f"url: {shown} names no host that can be looked up; give an address such as https://example.com"
        )
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise CallError(f"url: {host} is an odd way to write an IP address; write it as four decimal numbers")
    return host


def _literal(host: str) -> IPAddress | str:
    """The IP address a host is, or the host where it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return host


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
