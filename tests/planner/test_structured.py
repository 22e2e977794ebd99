"""Replies as JSON: leniently read, checked, sent back with the reason, given up in the end."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.errors import InputError
from memento_planner.models.chat import Message, Reply, Request, Role, Stop, Supports
from memento_planner.models.errors import ModelUnavailableError, RefusedError, UnusableReplyError
from memento_planner.models.structured import complete_json, lenient_json
from planner.scripted import Line, ScriptedModel

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
REQUEST = Request("Count.", (Message(Role.USER, "How many?"),), schema=SCHEMA)


def positive(raw: Any) -> int:
    if not isinstance(raw, dict) or not isinstance(raw.get("n"), int) or raw["n"] < 1:
        raise InputError("n", "is no positive number; count again")
    return int(raw["n"])


def asked(*lines: Line, supports: Supports | None = None, attempts: int = 3) -> tuple[Any, ScriptedModel]:
    model = ScriptedModel(*lines, supports=supports)

    async def run() -> Any:
        return await complete_json(model, REQUEST, check=positive, attempts=attempts)

    return anyio.run(run), model


def test_a_good_reply_is_taken_at_once() -> None:
    result, model = asked('{"n": 3}')
    assert result == (3, ())
    assert model.asked == [REQUEST]


def test_what_is_wrong_goes_back_with_the_reply() -> None:
    (value, problems), model = asked('{"n": 0}', '{"n": 2}')
    assert value == 2
    assert problems == ("n: is no positive number; count again",)
    *_, said, told = model.asked[1].messages
    assert (said.role, said.text) == (Role.ASSISTANT, '{"n": 0}')
    assert told.role is Role.USER
    assert problems[0] in told.text


def test_only_the_last_bad_reply_is_sent_back() -> None:
    _, model = asked("first", "second", '{"n": 1}')
    assert [message.text for message in model.asked[2].messages][:2] == ["How many?", "second"]
    assert len(model.asked[2].messages) == 3


def test_a_long_bad_reply_is_cut_before_it_goes_back() -> None:
    _, model = asked("word " * 100_000, '{"n": 1}')
    assert len(model.asked[1].messages[1].text) <= 2_000


@pytest.mark.parametrize("bad", ["no JSON here", "", "{", '{"n": -1}', "[]", "null"])
def test_a_third_bad_reply_is_the_last(bad: str) -> None:
    model = ScriptedModel(bad)
    with pytest.raises(UnusableReplyError, match=r"scripted gave no usable reply in 3 attempts, lastly: "):
        anyio.run(lambda: complete_json(model, REQUEST, check=positive))
    assert len(model.asked) == 3
    assert all(message.text for message in model.asked[-1].messages)


def test_a_refusal_ends_it_at_once() -> None:
    model = ScriptedModel(Reply("I cannot help with that.", stop=Stop.REFUSAL))
    with pytest.raises(RefusedError, match="I cannot help with that"):
        anyio.run(lambda: complete_json(model, REQUEST, check=positive))
    assert len(model.asked) == 1


def test_a_reply_that_was_cut_off_is_told_so() -> None:
    (_, problems), _ = asked(Reply('{"n": ', stop=Stop.LENGTH), '{"n": 1}')
    assert "cut off" in problems[0]


def test_a_reply_that_is_whole_in_spite_of_the_limit_is_taken() -> None:
    assert asked(Reply('{"n": 1}', stop=Stop.LENGTH))[0] == (1, ())


def test_errors_of_the_model_are_passed_on() -> None:
    with pytest.raises(ModelUnavailableError):
        asked(ModelUnavailableError("down"))


def test_the_schema_stands_in_the_prompt_where_a_model_cannot_be_held_to_it() -> None:
    _, model = asked('Sure:\n```json\n{"n": 4}\n```', supports=Supports(schema=False))
    assert model.asked[0].schema is None
    assert json.dumps(SCHEMA, separators=(",", ":")) in model.asked[0].system


def test_a_model_found_out_not_to_take_schemas_is_asked_without_the_next_time() -> None:
    def refuse(request: Request) -> str:
        model.supports = Supports(schema=False)
        return "I do not know schemas"

    model = ScriptedModel(refuse, '{"n": 1}')
    assert anyio.run(lambda: complete_json(model, REQUEST, check=positive))[0] == 1
    assert [request.schema is None for request in model.asked] == [False, True]


def test_all_text_is_streamed() -> None:
    pieces: list[str] = []
    model = ScriptedModel("oh", '{"n": 1}')
    anyio.run(lambda: complete_json(model, REQUEST, check=positive, on_text=pieces.append))
    assert pieces == ["oh", '{"n": 1}']


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 1}',
        '```json\n{"n": 1}\n```',
        'Here is {it}: {"n": 1}. Good luck!',
        'I first thought {"a": 0} but no: {"n": 1, "b": "{"}',
        '\ufeff {"n": 1}',
    ],
)
def test_the_object_is_found_in_what_stands_around_it(text: str) -> None:
    assert lenient_json(text)["n"] == 1


def test_what_stands_inside_a_broken_object_is_not_taken_for_the_reply() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        lenient_json('{"plan": [{"id": 1}, {"id": 2}')


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "{" * 100_000, ""])
def test_hopeless_texts_are_refused_quickly(text: str) -> None:
    with pytest.raises(ValueError, match="reply"):
        lenient_json(text)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(st.dictionaries(st.text(), JSON, min_size=1), st.text(alphabet="abc .\n`"), st.text(alphabet="abc .\n`"))
def test_any_object_is_read_back_from_prose(value: dict[str, Any], before: str, after: str) -> None:
    assert lenient_json(f"{before}{json.dumps(value)}{after}") == value
