"""What an endpoint says when it fails, and which of our errors that is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from memento_memory.text import shown
from memento_planner.models.errors import ContextLengthError, ModelError, ModelSetupError, ModelUnavailableError

_MAX_SHOWN = 300
_MAX_READ = 4_000
_MIN_KEY = 8  # shorter keys are placeholders, and might be part of any word
_KEY_LIKE = re.compile(r"\b(sk|pk|gsk|Bearer)[-_ ][A-Za-z0-9_*.\-]{6,}")
_TOO_LONG = re.compile(
    r"context[_ ](length|size|window)|too many (input )?tokens|(prompt|input|request) is too (long|large)",
    re.IGNORECASE,
)
_CONTEXT = (
    re.compile(r"n_ctx\W{1,4}(\d{3,8})"),
    re.compile(r"context (?:length|size|window)\D{0,30}(\d{3,8})", re.IGNORECASE),
)
_REFUSAL_CODES = frozenset({400, 404, 405, 415, 422, 500, 501})
_PASSING = frozenset({408, 409, 429})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request went, for messages.

    Attributes:
        name: of the model.
        key: only to keep it out of messages.
    """

    name: str
    url: str
    official: bool
    key: str

    def scrubbed(self, text: str) -> str:
        """A text of the endpoint's, short and without anything like a key."""
        if len(self.key) >= _MIN_KEY:
            text = text.replace(self.key, "[key]")
        return shown(_KEY_LIKE.sub("[key]", text), _MAX_SHOWN)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error an endpoint reported.

    Attributes:
        status: the HTTP status or, in the middle of a stream, the code where it is like one; None otherwise.
        code: the provider's word for it, if any.
        message: what it is, for people.
        why: everything it says about the cause, for telling what it refused.
    """

    status: int | None
    code: str
    message: str
    why: str

    @property
    def is_length(self) -> bool:
        """Whether the request was longer than the model can read."""
        return self.status == 413 or self.code == "context_length_exceeded" or bool(_TOO_LONG.search(self.why))

    @property
    def context(self) -> int | None:
        """The tokens the model can read and write, where it says so."""
        found = (pattern.search(self.why) for pattern in _CONTEXT)
        return next((int(match.group(1)) for match in found if match), None)

    @property
    def may_be_refusal(self) -> bool:
        """Whether it may be about one feature of the request."""
        return self.status is None or self.status in _REFUSAL_CODES

    @property
    def is_passing(self) -> bool:
        """Whether asking again may help."""
        return self.status is None or self.status in _PASSING or self.status >= 500


class EndpointFailedError(Exception):
    """An endpoint reported an error: instead of a reply, after the SDK's retries, or in a stream that had begun."""

    def __init__(self, failure: Failure, *, begun: bool) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.begun = begun


class BrokenOffError(Exception):
    """A reply has no end."""


def failure_of(body: Any, *, status: int | None = None, text: str = "") -> Failure:
    """Read an error body, of which there are many shapes; `text` is the raw one, for what is no JSON."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    fields = error if isinstance(error, Mapping) else {}
    code = fields.get("code")
    if status is None and str(code).isdecimal():
        status = int(str(code))
    message = next(_texts(fields), "") or (error if isinstance(error, str) else text)[:_MAX_READ]
    words = [message, *(str(fields[name]) for name in ("code", "type", "param") if fields.get(name))]
    return Failure(status, str(code or fields.get("type") or ""), message, " ".join(words))


def model_error(failure: Failure, endpoint: Endpoint) -> ModelError:
    """The error of ours for one of the endpoint's; what it said is in the message, without keys."""
    name, status, said = endpoint.name, failure.status, endpoint.scrubbed(failure.message)
    if failure.is_length:
        return ContextLengthError(f"{name}: the request is longer than the model can read ({said}); send less")
    if status in (401, 403):
        # What is said here often has a part of the key in it.
        return ModelSetupError(f"{name}: {endpoint.url} refused the key ({status}); {_key_advice(endpoint)}")
    if status == 404:
        url = "" if endpoint.official else f" and the base URL {endpoint.url}"
        return ModelSetupError(f"{name}: not found (404: {said}); check the model's name{url}")
    if failure.code == "insufficient_quota":
        return ModelSetupError(
            f"{name}: the quota of the key is used up ({said}); add credit or set another OPENAI_API_KEY"
        )
    if status == 429:
        return ModelUnavailableError(f"{name}: the rate limit still holds after all retries ({said}); try again later")
    if failure.is_passing:
        return ModelUnavailableError(f"{name}: {endpoint.url} failed ({status}: {said}); try again later")
    return ModelError(
        f"{name}: {endpoint.url} refused the request ({status}: {said}); check the model and its settings"
    )


def unreachable(error: BaseException, endpoint: Endpoint, *, timed_out: bool) -> ModelUnavailableError:
    """The error of ours for no answer at all."""
    if timed_out:
        return ModelUnavailableError(
            f"{endpoint.name}: no answer from {endpoint.url} in time; it may be overloaded or still loading the model"
        )
    reason = endpoint.scrubbed(_root(error))
    advice = "is this machine online?" if endpoint.official else "is the server running?"
    return ModelUnavailableError(f"{endpoint.name}: cannot reach {endpoint.url} ({reason}); {advice}")


def _key_advice(endpoint: Endpoint) -> str:
    if endpoint.official:
        return "set OPENAI_API_KEY to a key that may use this model"
    return "set MEMENTO_MODEL_KEY to the key of that endpoint, or check the base URL"


def _texts(fields: Mapping[str, Any]) -> Iterator[str]:
    """The message in an error's fields, under whichever name it goes."""
    for name in ("message", "detail", "error"):
        value = fields.get(name)
        if isinstance(value, str) and value:
            yield value
        elif isinstance(value, list):
            yield "; ".join(_of_validation(item) for item in value)


def _of_validation(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    where = item.get("loc")
    place = ".".join(map(str, where)) if isinstance(where, list) else ""
    return f"{place}: {item.get('msg', '')}".removeprefix(": ")


def _root(error: BaseException) -> str:
    """The text of the innermost cause that has one."""
    said = str(error)
    inner = error.__cause__ or error.__context__
    while inner is not None:
        said = str(inner) or said
        inner = inner.__cause__ or inner.__context__
    return said
