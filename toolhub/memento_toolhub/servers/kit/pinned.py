"""Connections to addresses that were checked, and to no other."""

from __future__ import annotations

from collections.abc import Iterable

import anyio
import httpcore2

from memento_toolhub.servers.kit.guard import Guard

_MOST_TRIED = 4


class PinnedBackend(httpcore2.AsyncNetworkBackend):
    """Asks the guard for a host's addresses and connects to one of those.

    The name stays in the request and the TLS handshake, but nobody resolves it again, so that an answer that changes
    between the check and the connection (DNS rebinding) changes nothing.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the signature is httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            with anyio.fail_after(timeout):
                addresses = (await self._guard.addresses(host, port))[:_MOST_TRIED]
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"the host {host} was not found in time") from error
        each = timeout / len(addresses) if timeout is not None else None
        failures = []
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, each, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failures.append(error)
        raise failures[0]
