"""Which tools of plans are missing, as far as that can be known from the tools at hand."""

from __future__ import annotations

from collections.abc import Iterable, Set

_JOIN = "__"  # between the name of a server and that of its tool


def missing(needed: Iterable[str], at_hand: Set[str]) -> frozenset[str]:
    """The tools that are not at hand although others of their server are.

    Of a server without any tool at hand nothing is known, for it may be down; nor of a tool without a server before
    its name, for hosts have tools of their own.
    """
    absent = [tool for tool in needed if tool not in at_hand]
    if not absent:
        return frozenset()
    servers = {_server(tool) for tool in at_hand} - {""}
    return frozenset(tool for tool in absent if _server(tool) in servers)


def _server(tool: str) -> str:
    server, join, _ = tool.partition(_JOIN)
    return server if join else ""
