"""What a host can do, which decides what its connections to downstream servers may ask of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mcp import types
from mcp.server import ServerRequestContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

CHAIN_HEADER = "memento-chain"
_TASKS = "io.modelcontextprotocol/tasks"  # results of another shape, which are not relayed


@dataclass(frozen=True, slots=True)
class Profile:
    """Protocol era and declared capabilities of a host: hosts that are alike share their connections.

    Capabilities are fixed for the life of a client session, and servers publish different tools for different ones.

    Attributes:
        modern: the host speaks the stateless protocol (2026-07-28 or later).
        extensions: declared extensions as canonical JSON, "" for none.
        chain: ids of the relays its requests come through over HTTP, nearest last.
    """

    modern: bool
    sampling: bool = False
    sampling_tools: bool = False
    sampling_context: bool = False
    elicitation: bool = False
    roots: bool = False
    extensions: str = ""
    chain: tuple[str, ...] = ()

    @classmethod
    def of(cls, ctx: ServerRequestContext[Any, Any]) -> Profile:
        """The profile of the host behind a request."""
        modern = is_modern(ctx.protocol_version)
        declared = ctx.session.client_capabilities
        if declared is None:
            return cls(modern, chain=chain_of(ctx))
        sampling = declared.sampling
        extensions = {name: given for name, given in (declared.extensions or {}).items() if name != _TASKS}
        return cls(
            modern,
            sampling=sampling is not None,
            sampling_tools=sampling is not None and sampling.tools is not None,
            sampling_context=sampling is not None and sampling.context is not None,
            elicitation=declared.elicitation is not None,
            roots=declared.roots is not None,
            extensions=json.dumps(extensions, sort_keys=True) if extensions else "",
            chain=chain_of(ctx),
        )

    @property
    def can_be_asked(self) -> bool:
        """Whether a server may ask this host for anything in the middle of a call."""
        return self.sampling or self.elicitation or self.roots

    @property
    def sampling_capability(self) -> types.SamplingCapability:
        """What to declare downstream about sampling."""
        return types.SamplingCapability(
            tools=types.SamplingToolsCapability() if self.sampling_tools else None,
            context=types.SamplingContextCapability() if self.sampling_context else None,
        )


def chain_of(ctx: ServerRequestContext[Any, Any]) -> tuple[str, ...]:
    """The ids of the relays a request came through over HTTP, nearest last."""
    headers = getattr(ctx.request, "headers", None) or {}
    return tuple(part for part in headers.get(CHAIN_HEADER, "").split(",") if part)


def is_modern(protocol_version: str) -> bool:
    """Whether a protocol version belongs to the stateless era."""
    return protocol_version in MODERN_PROTOCOL_VERSIONS
