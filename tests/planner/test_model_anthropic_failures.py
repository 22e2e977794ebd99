"""Anthropic's models behind an endpoint that fails, breaks off, or wants something set right."""

from __future__ import annotations

import traceback

import anyio
import pytest

from memento_planner.models.anthropic import AnthropicModel
from memento_planner.models.errors import (
    ContextLengthError,
    InterruptedReplyError,
    ModelError,
    ModelSetupError,
    ModelUnavailableError,
)
from planner.anthropic_talk import ASK, KEY, ask, fails, says, told
from planner.wire_server import Answer, WireServer, events


def test_a_rate_limit_is_waited_out() -> None:
    limited = fails(429, "rate_limit_error", "slow down", {"Retry-After": "0.01"})
    with WireServer([limited, limited, says("ok")]).running() as server:
        assert ask(server).text == "ok"
        assert len(server.requests) == 3


def test_an_overload_is_waited_out() -> None:
    with WireServer([fails(529, "overloaded_error", "Overloaded"), says("ok")]).running() as server:
        assert ask(server).text == "ok"


def test_an_overload_without_end_is_reported_with_the_number_of_tries() -> None:
    error, requests = told([fails(529, "overloaded_error", "Overloaded")])
    assert type(error) is ModelUnavailableError
    assert requests == 5
    assert "5 tries (HTTP 529: Overloaded)" in str(error)
    assert "again later" in str(error)


def test_a_wait_of_more_than_a_minute_is_left_to_the_caller() -> None:
    error, requests = told([fails(429, "rate_limit_error", "daily limit", {"Retry-After": "3600"})])
    assert type(error) is ModelUnavailableError
    assert requests == 1
    assert "the server asks to wait 3600 s" in str(error)


@pytest.mark.parametrize("broken", [Answer(says("half").body[:4], cut=True), Answer(says("half").body[:4])])
def test_a_reply_that_breaks_off_is_asked_for_again(broken: Answer) -> None:
    pieces: list[str] = []
    with WireServer([broken, says("whole")]).running() as server:
        assert ask(server, on_text=pieces.append).text == "whole"
        assert len(server.requests) == 2
    assert pieces == ["half", "whole"]


def test_a_reply_that_always_breaks_off_is_given_up_after_three_attempts() -> None:
    error, requests = told([Answer(says("half").body[:4], cut=True)])
    assert type(error) is InterruptedReplyError
    assert requests == 3
    assert "broke off 3 times" in str(error)


def test_an_overload_in_the_middle_of_a_reply_is_an_interruption() -> None:
    overload = events({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    answer = Answer([*says("half").body[:4], *overload])
    with WireServer([answer, says("whole")]).running() as server:
        assert ask(server).text == "whole"
    error, requests = told([answer])
    assert (type(error), requests) == (InterruptedReplyError, 3)
    assert "Overloaded" in str(error)


@pytest.mark.parametrize(
    ("answer", "kind", "step"),
    [
        (fails(401, "authentication_error", f"invalid x-api-key {KEY}"), ModelSetupError, "ANTHROPIC_API_KEY"),
        (fails(403, "permission_error", "no access"), ModelSetupError, "ANTHROPIC_API_KEY"),
        (fails(404, "not_found_error", "model: claude-sonnet-9"), ModelSetupError, "model's name"),
        (fails(402, "billing_error", "pay first"), ModelSetupError, "add credit"),
        (fails(400, "invalid_request_error", "Your credit balance is too low"), ModelSetupError, "add credit"),
        (fails(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
         ContextLengthError, "send less"),
        (fails(413, "request_too_large", "Request exceeds the maximum size"), ContextLengthError, "send less"),
        (fails(400, "invalid_request_error", "messages: roles must alternate"), ModelError, "roles must alternate"),
    ],
)  # fmt: skip
def test_what_trying_again_does_not_help_is_reported_at_once_with_the_next_step(
    answer: Answer, kind: type[ModelError], step: str
) -> None:
    error, requests = told([answer])
    assert type(error) is kind
    assert requests == 1
    assert step in str(error)
    assert str(error).startswith("anthropic:claude-sonnet-4-6")
    assert KEY not in "".join(traceback.format_exception(error))


def test_a_server_that_is_not_there_is_reported() -> None:
    async def main() -> None:
        model = AnthropicModel("claude-sonnet-4-6", key=KEY, base_url=url, retries=1)
        with pytest.raises(ModelUnavailableError, match=r"could not be reached in 2 tries .*check the network"):
            await model.complete(ASK)
        await model.aclose()

    with WireServer([says("ok")]).running() as server:
        url = server.url
    anyio.run(main)


def test_no_redirect_is_followed() -> None:
    with WireServer([says("trap")]).running() as elsewhere:
        moved = Answer({}, 307, {"Location": f"{elsewhere.url}/v1/messages"})
        error, _ = told([moved])
        assert elsewhere.requests == []
    assert "HTTP 307" in str(error)
