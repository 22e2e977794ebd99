"""The OpenAI model against endpoints that do not take everything a request may have."""

from __future__ import annotations

import json

import openai._base_client
import pytest

from memento_planner.models.chat import Reply, Request
from memento_planner.models.errors import (
    ModelError,
    ModelSetupError,
    ToolsRefusedError,
)
from memento_planner.models.openai import OpenAIModel
from memento_planner.models.openai_request import Feature, written
from planner.openai_talk import (
    ASK_JSON,
    ASK_TOOL,
    HI,
    KEY,
    LOOK,
    SCHEMA,
    STRICT_SCHEMA,
    asking,
    fail,
    refused,
    said,
    stream,
    talk,
)
from planner.wire_server import Answer, WireServer


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's retries happen as always, only without the seconds in between."""
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.001)


def test_stream_options_are_left_out_where_they_are_refused_and_from_then_on() -> None:
    no = refused(400, "Unrecognized request argument supplied: stream_options")
    _, _, bodies = talk([no, said(), said()], HI, HI)
    assert ["stream_options" in body for body in bodies] == [True, False, False]


def test_max_tokens_gives_way_to_max_completion_tokens() -> None:
    no = refused(400, "Unsupported parameter: 'max_tokens' is not supported with this model.", param="max_tokens")
    _, _, bodies = talk([no, said(), said()], HI, HI)
    assert [("max_tokens" in body, "max_completion_tokens" in body) for body in bodies] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_a_temperature_that_is_refused_is_left_out() -> None:
    no = refused(400, "'temperature' does not support 0.2 with this model.", param="temperature")
    warm = Request("", HI.messages, temperature=0.2)
    _, _, bodies = talk([no, said()], warm)
    assert ["temperature" in body for body in bodies] == [True, False]


def test_a_schema_is_asked_for_as_json_schema_strictly_where_it_can_be() -> None:
    _, model, bodies = talk([said('{"n": 1}')], ASK_JSON, Request("", HI.messages, schema=STRICT_SCHEMA))
    held = [body["response_format"] for body in bodies]
    assert held[0] == {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA}}
    assert held[1]["json_schema"] == {"name": "reply", "schema": STRICT_SCHEMA, "strict": True}
    assert model.supports.schema


@pytest.mark.parametrize("status", [400, 422, 500, 501])
def test_json_schema_gives_way_to_a_json_object_with_the_schema(status: int) -> None:
    why = "[{'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}]"
    times = 5 if status >= 500 else 1  # the SDK retries these
    [first, _], model, bodies = talk([refused(status, why)] * times + [said('{"n": 1}')], ASK_JSON, ASK_JSON)
    assert first.text == '{"n": 1}'
    assert [body["response_format"]["type"] for body in bodies] == ["json_schema"] * times + ["json_object"] * 2
    assert bodies[-1]["response_format"]["schema"] == SCHEMA
    assert json.dumps(SCHEMA, separators=(",", ":")) in bodies[-1]["messages"][0]["content"]
    assert model.supports.schema


def test_an_endpoint_that_takes_no_schema_in_the_end_is_given_it_in_words() -> None:
    no = refused(400, "This response_format type is unavailable now")
    [reply, _], model, bodies = talk([no, no, no, said('{"n": 1}')], ASK_JSON, ASK_JSON)
    assert reply.text == '{"n": 1}'
    assert [body.get("response_format", {}).get("type") for body in bodies] == [
        "json_schema",
        "json_object",
        "json_object",
        None,
        None,
    ]
    assert "JSON schema" in bodies[-1]["messages"][0]["content"]
    assert not model.supports.schema
    assert model.supports.tools


def test_a_validation_error_in_parts_is_understood() -> None:
    no = Answer({"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}]}, 422)
    _, _, bodies = talk([no, no, said("{}")], ASK_JSON)
    assert bodies[-1]["response_format"] == {"type": "json_object"}


def test_what_is_refused_in_the_stream_is_refused() -> None:
    no = stream({"error": {"message": "response_format json_schema is not supported", "code": 400}})
    _, _, bodies = talk([no, said("{}")], ASK_JSON)
    assert [body["response_format"]["type"] for body in bodies] == ["json_schema", "json_object"]


def test_nothing_is_remembered_of_a_request_that_failed_all_the_same() -> None:
    no = refused(400, "max_tokens is too large: 2048 > 100; max_completion_tokens is too")
    with WireServer([no, no, said()]).running() as server:

        async def use(model: OpenAIModel) -> Reply:
            with pytest.raises(ModelError, match="too large"):
                await model.complete(HI)
            return await model.complete(HI)

        assert asking(OpenAIModel("m", key=KEY, base_url=server.url), use).text == "Hello"
        assert ["max_tokens" in body for _, _, body in server.requests] == [True, False, True]


def test_the_name_of_the_model_is_no_reason() -> None:
    with WireServer([refused(404, "The model `tool-schema` is unknown")]).running() as server:
        model = OpenAIModel("tool-schema", key=KEY, base_url=server.url)
        with pytest.raises(ModelSetupError):
            asking(model, lambda model: model.complete(ASK_TOOL))
    assert model.supports.tools


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (400, "registry.ollama.ai/library/m does not support tools"),
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        (404, "No endpoints found that support tool use."),
        (500, "tools param requires --jinja flag"),
    ],
)
def test_an_endpoint_without_function_calling_says_so_once(status: int, why: str) -> None:
    error, model, asked = fail([refused(status, why)], ASK_TOOL)
    assert isinstance(error, ToolsRefusedError)
    assert not model.supports.tools
    assert model.supports.schema
    with pytest.raises(ToolsRefusedError):
        asking(model, lambda model: model.complete(ASK_TOOL))
    assert asked == (5 if status >= 500 else 1)


def test_one_tool_that_cannot_be_described_does_not_end_function_calling() -> None:
    error, model, _ = fail(
        [refused(400, "Invalid schema for function 'look': no.", param="tools[0].function")], ASK_TOOL
    )
    assert isinstance(error, ToolsRefusedError)
    assert model.supports.tools


def test_a_conversation_out_of_order_is_not_taken_for_missing_function_calling() -> None:
    why = "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
    error, model, _ = fail([refused(400, why)], ASK_TOOL)
    assert not isinstance(error, ToolsRefusedError)
    assert model.supports.tools


def test_a_tool_that_has_to_be_called_gives_way_step_by_step() -> None:
    no = refused(400, "Invalid tool_choice type: 'object'. Supported string values: none, auto")
    request = Request("", HI.messages, (LOOK,), tool_choice="look")
    _, model, bodies = talk([no, no, said()], request)
    assert [body.get("tool_choice") for body in bodies] == [
        {"type": "function", "function": {"name": "look"}},
        "required",
        None,
    ]
    assert model.supports.tools


def test_openai_itself_is_asked_with_the_limit_that_its_reasoning_models_take() -> None:
    first = written("m", HI, frozenset(), official=True)
    assert first.body["max_completion_tokens"] == HI.max_tokens
    assert "max_tokens" not in first.body
    assert "max_tokens" in written("m", HI, frozenset({Feature.MAX_COMPLETION_TOKENS}), official=True).body
