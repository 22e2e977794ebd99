"""Ears on this machine: the real faster-whisper, in its own process, with a model whose words are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundled.media import tiny_whisper
from bundled.media.made import save_media, save_wav, tone, voice
from bundled.media.using import call, refusal, told
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.media.whisper import WhisperEars


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.save(tmp_path_factory.mktemp("whisper"))


def test_speech_is_written_down_by_a_model_on_this_machine(tmp_path: Path, model: Path) -> None:
    save_media(tmp_path / "film.mp4", scenes=("red",), scene_seconds=2, sound=voice(2))
    steps: list[str] = []
    found = told(call(tmp_path, "transcribe", ears=WhisperEars(str(model)), progress=steps, path="film.mp4"))
    [segment] = found["segments"]
    assert segment["text"] == tiny_whisper.WORDS
    assert 0 <= segment["start"] < segment["end"] <= 2.2
    assert (found["language"], found["by"]) == ("en", f"whisper:{model}")
    assert steps[-1].startswith("heard")


def test_where_nobody_speaks_nothing_is_made_up(tmp_path: Path, model: Path) -> None:
    save_wav(tmp_path / "a.wav", tone(2))
    found = told(call(tmp_path, "transcribe", ears=WhisperEars(str(model)), path="a.wav"))
    assert (found["segments"], found["text"], found["note"]) == ([], "", "no speech was heard in it")


def test_a_language_the_model_does_not_know_is_refused(tmp_path: Path, model: Path) -> None:
    save_wav(tmp_path / "a.wav", voice(1))
    why = refusal(call(tmp_path, "transcribe", ears=WhisperEars(str(model)), path="a.wav", language="de"))
    assert f"'de' is not one whisper:{model} knows; it knows en" in why


def test_a_broken_model_is_reported(tmp_path: Path, model: Path) -> None:
    broken = tmp_path / "model"
    broken.mkdir()
    for file in model.iterdir():
        (broken / file.name).write_bytes(file.read_bytes()[:1000])
    save_wav(tmp_path / "a.wav", voice(1))
    assert "cannot be loaded" in refusal(call(tmp_path, "transcribe", ears=WhisperEars(str(broken)), path="a.wav"))


def test_a_size_that_is_not_here_is_not_fetched_but_said_how_to_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CallError, match=r"download_model.*small"):
        WhisperEars("small").folder()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(CallError, match="one of tiny"):
        WhisperEars("enormous").folder()


def test_a_folder_without_a_tokenizer_is_refused_for_it_would_be_fetched(tmp_path: Path, model: Path) -> None:
    bare = tmp_path / "model"
    bare.mkdir()
    for file in model.iterdir():
        if file.name != "tokenizer.json":
            (bare / file.name).symlink_to(file)
    save_wav(tmp_path / "a.wav", voice(1))
    assert "cannot be loaded" in refusal(call(tmp_path, "transcribe", ears=WhisperEars(str(bare)), path="a.wav"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CallError, match=r"memento-cbr\[media\]"):
        WhisperEars("tiny").folder()
