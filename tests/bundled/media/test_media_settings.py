"""The settings of the media server: which ears and eyes they name, and what is reported as missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from memento_memory.errors import InputError
from memento_planner.models.errors import ModelSetupError
from memento_server.eyes import eyes_of
from memento_toolhub.servers.kit.options import Need
from memento_toolhub.servers.media.ears import ears_of
from memento_toolhub.servers.media.needs import needs


@pytest.mark.parametrize("text", ["", "none", " None "])
def test_no_setting_is_no_ears(text: str) -> None:
    assert ears_of(text, {}) is None


@pytest.mark.parametrize(
    ("text", "remote"),
    [("whisper:small", False), ("whisper:/models/large", False), ("openai:w@http://localhost:8000/v1/", True)],
)
def test_ears_are_named_after_their_setting(text: str, remote: bool) -> None:
    ears = ears_of(text, {})
    assert ears is not None
    assert (ears.name, ears.remote) == (text, remote)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("whisper", "names no speech model"),
        ("deepgram:nova", "names no speech model"),
        ("openai:whisper-1", "OPENAI_API_KEY"),
        ("openai:sk-secret", "looks like a key"),
        ("openai:w@http://me:secret@host/v1", "without password"),
        ("openai:w@http://host/v1?key=secret", "without password"),
        ("openai:w w@http://host", "has spaces"),
    ],
)
def test_a_setting_of_no_known_form_is_refused_without_repeating_it(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        ears_of(text, {})
    assert "secret" not in str(raised.value)


def test_the_key_of_a_provider_goes_to_nobody_else() -> None:
    ears = ears_of("openai:w@http://host/v1", {"OPENAI_API_KEY": "sk-1"})
    assert getattr(ears, "_key", None) == ""
    ears = ears_of("openai:w", {"OPENAI_API_KEY": "sk-1", "MEMENTO_MODEL_KEY": "other"})
    assert getattr(ears, "_key", None) == "sk-1"


def test_eyes_are_the_vision_model_else_the_usual_model() -> None:
    keys = {"ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "b"}
    both = {**keys, "MEMENTO_VISION_MODEL": "openai:see", "MEMENTO_MODEL": "anthropic:claude"}
    chosen = eyes_of(both)
    assert chosen is not None
    assert chosen.name == "openai:see"
    usual = eyes_of({**keys, "MEMENTO_MODEL": "anthropic:claude"})
    assert usual is not None
    assert usual.name == "anthropic:claude"


@pytest.mark.parametrize("usual", ["", "none", "host", "local:smollm2", "openai:gpt", "nonsense"])
def test_a_usual_model_that_cannot_see_or_be_used_is_no_eyes(usual: str) -> None:
    assert eyes_of({"MEMENTO_MODEL": usual}) is None


def test_a_vision_model_that_cannot_be_used_is_an_error() -> None:
    with pytest.raises(ModelSetupError, match="OPENAI_API_KEY"):
        eyes_of({"MEMENTO_VISION_MODEL": "openai:see"})
    with pytest.raises(InputError, match="MEMENTO_VISION_MODEL"):
        eyes_of({"MEMENTO_VISION_MODEL": "see"})


def named(environment: dict[str, str]) -> dict[str, Need]:
    return {need.name: need for need in needs(environment)}


def test_what_is_needed_says_what_is_there_and_what_to_do() -> None:
    bare = named({})
    assert bare["PIL"].ok
    assert bare["av"].ok
    assert not bare["a vision model"].ok
    assert "MEMENTO_VISION_MODEL" in bare["a vision model"].fix
    assert not bare["a speech model"].ok
    assert "MEMENTO_SPEECH_MODEL" in bare["a speech model"].fix


def test_models_are_reported_as_set(tmp_path: Path) -> None:
    told = named({"MEMENTO_MODEL": "anthropic:claude", "MEMENTO_SPEECH_MODEL": "openai:w@http://h/v1"})
    assert told["a vision model"].found == "MEMENTO_MODEL is anthropic:claude"
    assert told["a speech model"].ok
    blind = named({"MEMENTO_VISION_MODEL": "local:smollm2", "MEMENTO_SPEECH_MODEL": f"whisper:{tmp_path}/none"})
    assert "sees no pictures" in blind["a vision model"].found
    assert "or one of tiny" in blind["a speech model"].fix
    assert not named({"MEMENTO_SPEECH_MODEL": "nonsense"})["a speech model"].ok
