"""What the headers of an answer say, and what an answer with an error status means for the one who asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http.client import responses

from memento_toolhub.servers.kit.call_error import CallError

_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_QUOTED_CHARS = 200
_NEXT_STEPS = {
    401: "it wants a log-in, which cannot be given; look for another source",
    403: "it refuses programs, or wants a log-in; look for another source",
    404: "check the address, or search for the page",
    410: "the page is gone; search for another",
    429: "it is asked too often; try again later",
    451: "it may not be shown for legal reasons; look for another source",
}


def media_type_and_charset(content_type: str) -> tuple[str, str]:
    """The two parts of a Content-Type, in lower case; each is empty where it is missing."""
    media_type = content_type.partition(";")[0].partition(",")[0].strip().lower()
    charset = _CHARSET.search(content_type)
    return media_type if "/" in media_type else "", charset[1].lower() if charset else ""


def refused_status(url: str, status: int, media_type: str, headers: Mapping[str, str], body: bytes) -> CallError:
    """The error for a status of 400 or more; it quotes what a programming interface says to programs."""
    advice = _NEXT_STEPS.get(status, "the server fails; try again later" if status >= 500 else "check the address")
    if wait := headers.get("retry-after", "")[:40]:
        advice += f" (it says when: {wait})"
    said = ""
    if media_type in ("text/plain", "application/json", "application/problem+json"):
        text = " ".join(body[: _QUOTED_CHARS * 4].decode("utf-8", "replace").split())[:_QUOTED_CHARS]
        said = f"; its body begins {text!r}" if text else ""
    answered = f"{status} {responses.get(status, '')}".strip()
    return CallError(f"url: {url} answered {answered}; {advice}{said}")
