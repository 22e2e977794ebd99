"""What the Messages API says when it fails, and which of our errors that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING

from memento_planner.models.errors import ContextLengthError, ModelError, ModelSetupError, ModelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anthropic import APIError

_MAX_SAID = 500
_MIN_KEY = 8  # a shorter one is a placeholder, and might be part of any word
_KEY_LIKE = re.compile(r"sk-ant-[\w*.-]+")
_TOO_LONG = re.compile(r"prompt is too long|exceeds? (the )?(context|maximum)|context (limit|window)", re.IGNORECASE)
_PASSING_KINDS = frozenset({"overloaded_error", "api_error", "rate_limit_error", "timeout_error"})
_PASSING_STATUS = frozenset({408, 409, 429})
_NEXT_STEP = {
    401: "set ANTHROPIC_API_KEY to a valid key",
    402: "add credit to the account that the key in ANTHROPIC_API_KEY belongs to",
    403: "use a model that the key in ANTHROPIC_API_KEY has access to",
    404: "check the model's name and, if one is set, the address",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of the SDK's, read once.

    Attributes:
        status: the HTTP status; 200 for an error in the middle of a stream, 0 where nothing was heard.
        said: what the server said, or why nothing was heard.
        tries: requests made.
        wait_s: seconds the server asks to wait.
    """

    status: int
    kind: str
    said: str
    tries: int
    wait_s: float | None

    @classmethod
    def of(cls, problem: APIError, key: str) -> Failure:
        """Read an error; the key is only for keeping it out."""
        status = getattr(problem, "status_code", 0)
        said = getattr(problem, "api_message", None) or problem.message
        return cls(
            status=status,
            kind=getattr(problem, "type", None) or "",
            said=scrubbed(said if status else str(problem.__cause__ or problem), key),
            tries=int(problem.request.headers.get("x-stainless-retry-count", 0)) + 1,
            wait_s=asked_wait(problem.response.headers) if hasattr(problem, "response") else None,
        )

    @property
    def breaks_off(self) -> bool:
        """Whether it ended a reply that had begun, for a reason that passes."""
        return self.status == 200 and self.kind in _PASSING_KINDS

    @property
    def is_length(self) -> bool:
        """Whether the request was longer than the model can read."""
        return self.status == 413 or bool(_TOO_LONG.search(self.said))

    def explained(self, name: str) -> ModelError:
        """The error of ours, with the next step."""
        if not self.status:
            return ModelUnavailableError(
                f"{name} could not be reached in {self.tries} tries ({self.said}); check the network and the address"
            )
        told = f"HTTP {self.status}: {self.said}"
        if self.status in _NEXT_STEP or "credit balance" in self.said.lower():
            return ModelSetupError(f"{name}: {told}; {_NEXT_STEP.get(self.status, _NEXT_STEP[402])}")
        if self.is_length:
            return ContextLengthError(f"{name}: the request is longer than the model can read ({told}); send less")
        if self.status in _PASSING_STATUS or self.status >= 500 or self.kind in _PASSING_KINDS:
            asks = "" if self.wait_s is None else f"; the server asks to wait {self.wait_s:g} s"
            return ModelUnavailableError(f"{name} gave no reply in {self.tries} tries ({told}){asks}; ask again later")
        return ModelError(f"{name} refused the request ({told}); change what is asked or use another model")


def scrubbed(text: str, key: str) -> str:
    """Text from outside, on one line, short, and without the key, which a server may repeat."""
    if len(key) >= _MIN_KEY:
        text = text.replace(key, "[key]")
    return " ".join(_KEY_LIKE.sub("[key]", text).split())[:_MAX_SAID]


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds a Retry-After header asks to wait, None without one that can be read."""
    asked = headers.get("retry-after", "")
    try:
        return float(asked)
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time())
    except ValueError:
        return None
