"""A model as one line of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.errors import InputError
from memento_planner.models.spec import ModelSpec, parse_spec


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("anthropic:claude-x", ModelSpec("anthropic", "claude-x")),
        ("openai:gpt-x", ModelSpec("openai", "gpt-x")),
        ("OpenAI: gpt-x ", ModelSpec("openai", "gpt-x")),
        (
            "openai:llama3.2:3b@http://localhost:11434/v1",
            ModelSpec("openai", "llama3.2:3b", "http://localhost:11434/v1"),
        ),
        ("openai:org/model@https://h.example/v1/", ModelSpec("openai", "org/model", "https://h.example/v1")),
        ("openai:@cf/meta/llama@https://h.example/v1", ModelSpec("openai", "@cf/meta/llama", "https://h.example/v1")),
        ("openai:m@http://[::1]:8080/v1", ModelSpec("openai", "m", "http://[::1]:8080/v1")),
        ("openai:claude@20260101", ModelSpec("openai", "claude@20260101")),
        ("local:~/models/a b.gguf", ModelSpec("local", "~/models/a b.gguf")),
        ("local:C:\\models\\a.GGUF", ModelSpec("local", "C:\\models\\a.GGUF")),
        ("local:SmolLM2", ModelSpec("local", "smollm2")),
        ("host", ModelSpec("host")),
        (" none ", None),
        ("", None),
    ],
)
def test_every_form_is_understood(text: str, spec: ModelSpec | None) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize(
    "text",
    [
        "gpt-x",
        "openai",
        "openai:",
        "openai:@http://localhost/v1",
        "mistral:large",
        "local:",
        "local:model.bin",
        "host:mine",
        "anthropic:claude-x@https://h.example",
        "openai:two words",
        "openai:m@ftp://h.example/v1",
        "openai:m@httpx://h.example/v1",
        "openai:m@http://",
        "openai:m@http://h.example:port/v1",
        "openai:m@http://[::1/v1",
        "openai:m@http://h .example/v1",
    ],
)
def test_what_has_no_form_is_refused_with_the_field_and_the_forms(text: str) -> None:
    with pytest.raises(InputError, match=r"^planner_model: .*openai:<model>@<base url>") as caught:
        parse_spec(text, field="planner_model")
    assert caught.value.field == "planner_model"


@pytest.mark.parametrize(
    "text",
    [
        "openai:m@https://user:hidden-word@h.example/v1",
        "openai:m@https://hidden-word@h.example/v1",
        "openai:m@https://h.example/v1?api_key=hidden-word",
        "openai:m@https://h.example/v1#hidden-word",
        "openai:sk-hidden-word",
        "sk-hidden-word",
    ],
)
def test_a_key_in_the_text_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_spec(text)
    assert "hidden-word" not in str(caught.value)


names = st.from_regex(r"[a-z0-9][a-z0-9.:/_-]{0,30}", fullmatch=True).filter(
    lambda name: "://" not in name and not name.startswith("sk-")
)
urls = st.none() | st.from_regex(r"https?://[a-z]{1,10}(:[1-9][0-9]{0,3})?(/[a-z0-9]{1,5}){0,2}", fullmatch=True)


@given(names, urls)
def test_the_text_of_a_spec_means_the_same_spec(name: str, url: str | None) -> None:
    spec = ModelSpec("openai", name, url)
    assert parse_spec(str(spec)) == spec
