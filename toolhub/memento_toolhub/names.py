"""The names under which the tools of downstream servers are shown: `server__tool`, legal and short in every host."""

from __future__ import annotations

import hashlib
import re

LONGEST = 40  # hosts put a prefix of their own before a name, and some refuse more than 60 characters in all
JOIN = "__"
_DIGITS = 8
_SERVER_SHARE = 12
_LEGAL = re.compile(r"[A-Za-z0-9_-]+")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")
_SHORTENED = re.compile(rf"-[0-9a-f]{{{_DIGITS}}}$")


class Names:
    """Relayed names and their owners; a name depends on its own server and tool, not on what was named before."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[str, str]] = {}

    def give(self, server: str, tool: str) -> str:
        """The relayed name of a tool: at most 40 characters of `A-Z a-z 0-9 _ -`, the same in every process."""
        owner = (server, tool)
        name = _plain(server, tool) or _short(server, tool, 0)
        attempt = 0
        while self._owners.setdefault(name, owner) != owner:  # two digests agree: only here does the order matter
            attempt += 1
            name = _short(server, tool, attempt)
        return name

    def claim(self, name: str, server: str, tool: str) -> bool:
        """Whether a tool may have this very name; it is nobody else's from then on."""
        return self._owners.setdefault(name, (server, tool)) == (server, tool)

    def owner(self, name: str) -> tuple[str, str] | None:
        """The server and its own name for the tool, for a name that was given; None for any other."""
        return self._owners.get(name)


def _plain(server: str, tool: str) -> str | None:
    """`server__tool` where it can be taken apart again in one way only and is not the form of a shortened name."""
    name = f"{server}{JOIN}{tool}"
    legal = _LEGAL.fullmatch(server) and _LEGAL.fullmatch(tool)
    ambiguous = JOIN in server or server.endswith("_") or _SHORTENED.search(name)
    return name if legal and not ambiguous and len(name) <= LONGEST else None


def _short(server: str, tool: str, attempt: int) -> str:
    """`server__tool-digest`, both parts cut to fit; the digest is taken of the whole names."""
    key = f"{len(server)}:{server}{tool}" + (f"#{attempt}" if attempt else "")
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    room = LONGEST - len(JOIN) - 1 - _DIGITS
    full = _ILLEGAL.sub("_", _SHORTENED.sub("", tool)).strip("_-") or "tool"
    lead = _ILLEGAL.sub("_", server).strip("_-")[: max(_SERVER_SHARE, room - len(full))].rstrip("_-") or "server"
    return f"{lead}{JOIN}{_telling(full, room - len(lead))}-{digest}"


def _telling(tool: str, room: int) -> str:
    """The beginning of a tool's name, where its verb is; of a name already relayed, the end, where the tool is."""
    if len(tool) <= room:
        return tool
    leaf = tool.rpartition(JOIN)[2]
    return (tool[-room:] if len(leaf) <= room else leaf[:room]).strip("_-")
