"""How long an answer may be used again without asking."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

_LONGEST = 86_400.0
_LONGEST_GUESS = 3_600.0
_GUESS = 300.0


def may_be_kept(headers: Mapping[str, str]) -> bool:
    """Whether the server allows a copy that only its user sees."""
    return "no-store" not in _directives(headers) and "*" not in headers.get("vary", "")


def fresh_seconds(headers: Mapping[str, str], at: datetime) -> float:
    """Seconds, counted from when it was fetched, in [0, a day].

    Source: RFC 9111, 4.2; without a word of the server's a tenth of the page's age, at most an hour, or five minutes.
    """
    directives = _directives(headers)
    if "no-cache" in directives or ("cache-control" not in headers and "no-cache" in headers.get("pragma", "")):
        return 0.0
    seconds = _GUESS
    if (most := _seconds(directives.get("max-age", ""))) is not None:
        seconds = most - (_seconds(headers.get("age", "")) or 0.0)
    elif "expires" in headers:
        expires = _date(headers["expires"])
        seconds = (expires - (_date(headers.get("date", "")) or at)).total_seconds() if expires else 0.0
    elif modified := _date(headers.get("last-modified", "")):
        seconds = min((at - modified) / timedelta(seconds=10), _LONGEST_GUESS)
    return min(max(seconds, 0.0), _LONGEST)


def _directives(headers: Mapping[str, str]) -> dict[str, str]:
    parts = (part.partition("=") for part in headers.get("cache-control", "").lower().split(","))
    return {name.strip(): value.strip().strip('"') for name, _, value in parts}


def _seconds(written: str) -> float | None:
    return float(written[:12]) if written.isdecimal() else None


def _date(written: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(written)
    except ValueError:
        return None
    return date if date.tzinfo else None
