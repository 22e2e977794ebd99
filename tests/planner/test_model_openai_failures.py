"""The OpenAI model against endpoints that fail, break off, or want something set right."""

from __future__ import annotations

import logging
import socket
import traceback
from typing import Any

import openai._base_client
import pytest

from memento_planner.models.errors import (
    ContextLengthError,
    InterruptedReplyError,
    ModelError,
    ModelSetupError,
    ModelUnavailableError,
)
from memento_planner.models.openai import OpenAIModel
from planner.openai_talk import (
    HI,
    KEY,
    asking,
    chunk,
    fail,
    refused,
    said,
    stream,
    talk,
)
from planner.wire_server import Answer, WireServer, events


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's retries happen as always, only without the seconds in between."""
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.001)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_failures_are_retried_after_the_time_the_endpoint_asks_for(status: int) -> None:
    busy = Answer({"error": {"message": "busy"}}, status, {"Retry-After": "0.01"})
    [reply], _, bodies = talk([busy, busy, said()], HI)
    assert reply.text == "Hello"
    assert len(bodies) == 3


@pytest.mark.parametrize(("status", "word"), [(429, "rate limit"), (503, "try again later")])
def test_failures_that_do_not_pass_end_after_five_requests(status: int, word: str) -> None:
    error, _, asked = fail([refused(status, "busy")])
    assert type(error) is ModelUnavailableError
    assert word in str(error)
    assert asked == 5


@pytest.mark.parametrize(
    "broken",
    [
        stream(chunk(content="Hal")),
        stream(chunk(content="Hal"), cut=True),
        Answer([*events(chunk(content="Hal")), "data: {not JSON\n\n"]),
        stream(chunk(content="Hal"), {"error": {"message": "The server had an error", "type": "server_error"}}),
        stream(chunk(content="Hal"), chunk(finish="error")),
    ],
    ids=["no end", "cut", "no JSON", "error", "ended with error"],
)
def test_a_reply_that_breaks_off_is_asked_for_again_at_most_twice(broken: Answer) -> None:
    [reply], _, bodies = talk([broken, broken, said()], HI)
    assert (reply.text, len(bodies)) == ("Hello", 3)
    error, _, asked = fail([broken])
    assert isinstance(error, InterruptedReplyError)
    assert "broke off 3 times" in str(error)
    assert asked == 3


@pytest.mark.parametrize("end", [[chunk(finish="stop")], ["[DONE]"]])
def test_a_reply_has_ended_with_its_reason_or_with_the_end_mark(end: list[Any]) -> None:
    [reply], _, bodies = talk([stream(chunk(content="So"), *end, cut=True)], HI)
    assert (reply.text, len(bodies)) == ("So", 1)


def test_the_last_line_counts_even_without_a_line_end() -> None:
    [reply], _, bodies = talk([Answer([*events(chunk(content="So")), "data: [DONE]"])], HI)
    assert (reply.text, len(bodies)) == ("So", 1)


@pytest.mark.parametrize(
    "no",
    [
        refused(400, "This model's maximum context length is 4096 tokens.", code="context_length_exceeded"),
        refused(400, "'max_tokens' is too large: 2048. This model's maximum context length is 4096 tokens."),
        refused(400, "request (6031 tokens) exceeds the available context size (4096 tokens), try increasing it"),
        refused(400, "The tokens to keep exceed the context length (n_keep: 6031 >= n_ctx: 4096)"),
        stream({"error": {"message": "Input exceeds the context window of 4096 tokens", "code": None}}),
    ],
)
def test_a_request_that_is_too_long_says_so_and_the_context_is_learnt(no: Answer) -> None:
    error, model, asked = fail([no])
    assert isinstance(error, ContextLengthError)
    assert asked == 1
    assert model.supports.context == 4096


@pytest.mark.parametrize(
    ("no", "words"),
    [
        (refused(401, "Incorrect API key provided: sk-very*******6789."), ["MEMENTO_MODEL_KEY", "http://127.0.0.1"]),
        (refused(403, "Not for you"), ["MEMENTO_MODEL_KEY"]),
        (refused(404, "The model `m` does not exist"), ["does not exist", "base URL http://127.0.0.1"]),
        (Answer({"error": "model 'm' not found, try pulling it first"}, 404), ["pulling it first"]),
        (refused(429, "You exceeded your quota", code="insufficient_quota"), ["quota", "OPENAI_API_KEY"]),
        (Answer({"status": "fine"}), ["no chat completion", "base URL"]),
        (Answer(["<html>Welcome</html>"], headers={"Content-Type": "text/html"}), ["no chat completion", "base URL"]),
    ],
)
def test_what_the_user_has_to_set_right_is_named(no: Answer, words: list[str]) -> None:
    error, _, _ = fail([no])
    assert isinstance(error, ModelSetupError)
    for word in ["openai:m", *words]:
        assert word in str(error)


def test_any_other_refusal_tells_what_the_endpoint_said() -> None:
    error, _, asked = fail([refused(400, "The sky is too blue")])
    assert type(error) is ModelError
    assert "The sky is too blue" in str(error)
    assert asked == 1


def test_a_server_that_is_not_there_is_named_with_the_question_whether_it_runs() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        model = OpenAIModel("m", key="", base_url=url)
        with pytest.raises(ModelUnavailableError, match=r"is the server running\?") as caught:
            asking(model, lambda model: model.complete(HI))
    assert url in str(caught.value)


def test_openai_itself_needs_a_key() -> None:
    with pytest.raises(ModelSetupError, match="OPENAI_API_KEY"):
        OpenAIModel("m", key=" ")


def test_a_key_that_is_like_no_other_is_taken_out_as_well() -> None:
    error, _, _ = fail([refused(400, "no credit for gateway-0123456789")], key="gateway-0123456789")
    assert "no credit for [key]" in str(error)


def test_a_key_with_characters_no_key_has_is_refused_without_being_shown() -> None:
    with pytest.raises(ModelSetupError, match="OPENAI_API_KEY") as caught:
        OpenAIModel("m", key=f"{KEY}\nX")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 200])
def test_the_key_is_in_no_error_repr_or_log(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = {"error": {"message": f"Your header was 'Authorization: Bearer {KEY}' and sk-very*******6789 is bad"}}
    error, model, _ = fail([stream(echo) if status == 200 else Answer(echo, status)])
    shown = [str(error), repr(error), repr(model), str(model), caplog.text]
    shown += traceback.format_exception(error)
    assert not [text for text in shown if KEY in text or "*6789" in text]


def test_a_conversation_is_not_sent_on_to_another_address() -> None:
    with WireServer([said()]).running() as other:
        moved = Answer({}, 307, {"Location": f"{other.url}/v1/chat/completions"})
        error, _, _ = fail([moved])
        assert isinstance(error, ModelError)
        assert not other.requests
