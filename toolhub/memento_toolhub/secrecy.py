"""Where the secrets in a text are: after the names they go under, and by the shapes keys and tokens are known by.

Every step is linear in the length of the text: repetitions are possessive or bounded, a search for a run of characters
starts only at the run's beginning, and the scan goes on behind what it found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAME_PART = 128
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]")
_NAMES = re.compile(
    r"""(?x)
      passw(?:or)?d | passphrase | secret | credential | authorization | cookie | connectionstring | bearer
    | (?:api|access|private|signing|encryption|account|master|shared|auth|ssh|subscription|service|hmac|storage)key
    | session(?:id|key) | xamzsignature | xgoogsignature
    | token(?:value|string|header|hash)?\d*$
    | (?:access|api|auth|bearer|device|refresh|session)tokens$          # but max_tokens is a count
    | (?:^|db|my|user|admin|root|pg|sql)(?:pass|pwd)\d*$
    | ^(?:auth|jwt|otp|totp|sid|sig|cvv|cvc)$
    """
)
_WHOLE_LINE = re.compile(r"authorization$|cookie2?$")
_LOOKS = re.compile(
    r"""(?x)
      -----BEGIN\ [A-Z0-9 ]{0,40}PRIVATE\ KEY(?:\ BLOCK)?-----
      (?s:.*?)(?:-----END\ [A-Z0-9 ]{0,40}PRIVATE\ KEY(?:\ BLOCK)?-----|\Z)
    | (?<=://)(?:[^\s/@:"<>]*+:[^\s/"<>]*(?=@)|[^\s/@:"<>]{20,}+(?=@))   # user:password@ or token@ in a URL
    | (?<=hooks\.slack\.com/services/)[A-Za-z0-9/]++
    | (?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)*+   # JSON web token
    | (?<![A-Za-z0-9])(?:
        (?:sk|rk|pk)[-_][A-Za-z0-9_-]{16,}+                              # OpenAI, Anthropic, Stripe
      | gh[pousr]_[A-Za-z0-9]{20,}+ | github_pat_[A-Za-z0-9_]{20,}+
      | gl[a-z]{2,6}-[A-Za-z0-9_-]{20,}+                                 # GitLab
      | (?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}                              # AWS
      | xox[a-z]-[A-Za-z0-9-]{10,}+ | xapp-[A-Za-z0-9-]{10,}+            # Slack
      | AIza[A-Za-z0-9_-]{30,}+ | ya29\.[A-Za-z0-9_-]{20,}+ | GOCSPX-[A-Za-z0-9_-]{20,}+   # Google
      | npm_[A-Za-z0-9]{30,}+ | pypi-[A-Za-z0-9_-]{32,}+ | hf_[A-Za-z0-9]{30,}+ | dop_v1_[a-f0-9]{32,}+
      | SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}+                    # SendGrid
      )
    | (?<![A-Za-z0-9])(?i:bearer|basic)[ \t]++(?P<scheme>[A-Za-z0-9._~+/=-]{8,}+)
    """
)
_KEY = re.compile(
    r"""(?x)(?<![A-Za-z0-9_.-])(?:
      (?P<key>[A-Za-z0-9_.-]++)(?:(?P<quoted>\\*+["'`])?+\]?+)[ \t]*+(?:=>|:=|[:=])[ \t]*+
    | (?P<option>--?+[A-Za-z0-9][A-Za-z0-9_-]*+)[ \t]++
    )"""
)
_QUOTE = re.compile(r"[A-Za-z$@]{0,2}(?P<slashes>\\{0,15})(?P<mark>[\"'`])")
_BRACKET = re.compile(r"[\[\]{}]")
_WORD = re.compile(r"\S*+")
_JSON_WORD = re.compile(r"[^\s,}\]]*+")
_LINE = re.compile(r"""(?:[^\r\n"']|(?<==)"[^"\r\n]*+"?+)*+""")
_TYPE = re.compile(r"[A-Za-z_.|\[\]]{1,30}")
_ASSIGNED = re.compile(r"[ \t]*+=[ \t]*+(?!=)")


def is_secret_name(name: str) -> bool:
    """Whether a key, header, variable or option of this name holds a secret; case and signs make no difference."""
    return _NAMES.search(_plain(name)) is not None


def secret_spans(text: str) -> list[tuple[int, int]]:
    """The parts of a text that are secrets, as (first, behind the last), in order and apart from each other."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted([*_by_looks(text), *_by_name(text)]):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _plain(name: str) -> str:
    return _NOT_IN_NAMES.sub("", name[-_NAME_PART:].lower())


def _by_looks(text: str) -> Iterator[tuple[int, int]]:
    for found in _LOOKS.finditer(text):
        scheme = found["scheme"]
        if scheme is None:
            yield found.span()
        elif not (scheme.isalpha() and scheme[1:].islower() and len(scheme) < 20):  # "basic understanding"
            yield found.span("scheme")


def _by_name(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while found := _KEY.search(text, at):
        at = found.end()
        name = _plain(found["key"] or found["option"])
        if _NAMES.search(name):
            first, at = _value(text, at, name, in_json=found["quoted"] is not None)
            if at > first:
                yield first, at


def _value(text: str, at: int, name: str, *, in_json: bool) -> tuple[int, int]:
    """The value that begins at `at`, without its quotes; one that is not closed goes on to the end of the text."""
    if quote := _QUOTE.match(text, at):
        return quote.end(), _closing(text, quote.end(), quote["mark"], len(quote["slashes"]))
    if text[at : at + 1] in ("{", "["):
        return at, _balanced(text, at)
    if _WHOLE_LINE.search(name):
        return at, _matched(_LINE, text, at)
    end = _matched(_JSON_WORD if in_json else _WORD, text, at)
    if end > at and (assigned := _ASSIGNED.match(text, end)):  # password: str = "..."
        quote = _QUOTE.match(text, assigned.end())
        if quote:
            first = quote.end() if _TYPE.fullmatch(text, at, end) else at  # what is no type may be the secret itself
            return first, _closing(text, quote.end(), quote["mark"], len(quote["slashes"]))
        end = _matched(_WORD, text, assigned.end())
    return at, end


def _matched(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _closing(text: str, at: int, mark: str, slashes: int) -> int:
    """Behind the closing quote; in a text escaped so often that its quotes have `slashes` backslashes before them."""
    while (end := text.find(mark, at)) >= 0:
        before = end - len(text[at:end].rstrip("\\")) - at
        if before < slashes or (before - slashes) % (2 * slashes + 2) == 0:
            return end - min(before, slashes)
        at = end + 1
    return len(text)


def _balanced(text: str, at: int) -> int:
    depth = 0
    for bracket in _BRACKET.finditer(text, at):
        depth += 1 if bracket[0] in "[{" else -1
        if depth == 0:
            return bracket.end()
    return len(text)
