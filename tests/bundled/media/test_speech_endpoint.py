"""Ears behind an endpoint: what is sent, how long sound is cut, and what every refusal turns into."""

from __future__ import annotations

from pathlib import Path

import anyio
import numpy as np
import pytest
from mcp.server.mcpserver.exceptions import ToolError

from bundled.media.made import RATE, save_wav, tone
from bundled.media.speech_endpoint import Answer, Asked, Hears, endpoint, verbose
from memento_toolhub.servers.media import endpoint as module
from memento_toolhub.servers.media.ears import ears_of
from memento_toolhub.servers.media.seams import Transcript

KEY = "sk-very-secret-0123456789"


def hear(hears: Hears, wav: Path, key: str = "", language: str = "") -> tuple[Transcript, list[Asked]]:
    async def on_progress(done: float, of: float, what: str) -> None:
        assert 0 < done <= of

    with endpoint(hears) as speech:
        ears = ears_of(f"openai:whisper-1@{speech.url}", {"MEMENTO_MODEL_KEY": key})
        assert ears is not None
        return anyio.run(ears.hear, wav, language, on_progress), speech.asked


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    return save_wav(tmp_path / "a.wav", tone(1))


def test_the_request_is_the_one_openai_documents(wav: Path) -> None:
    heard, [asked] = hear(lambda asked: verbose((0.0, 0.9, "hello")), wav, KEY)
    assert asked.path == "/v1/audio/transcriptions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.fields == {
        "model": "whisper-1",
        "response_format": "verbose_json",
        "timestamp_granularities[]": "segment",
        "temperature": "0",
    }
    assert asked.seconds == 1.0
    assert [(one.start, one.end, one.text) for one in heard.segments] == [(0.0, 0.9, "hello")]


def test_without_a_key_none_is_sent(wav: Path) -> None:
    _, [asked] = hear(lambda asked: verbose(), wav)
    assert "authorization" not in asked.headers


def test_long_sound_is_sent_in_pieces_and_its_times_are_those_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLICE_S", 3.0)
    beeps = np.concatenate([np.concatenate((np.zeros(RATE // 2), tone(0.5))) for _ in range(8)])

    def loud(asked: Asked) -> Answer:
        heard = np.flatnonzero(np.abs(asked.samples.astype(np.int32)) > 3000)
        starts = heard[np.insert(np.diff(heard) > RATE // 4, 0, True)] / RATE
        return verbose(*((float(start), float(start) + 0.5, "beep") for start in starts))

    heard, asked = hear(loud, save_wav(tmp_path / "a.wav", beeps))
    assert len(asked) >= 3
    assert all(one.seconds <= 3.0 and len(one.wav) < 25_000_000 for one in asked)
    assert [one.start for one in heard.segments] == pytest.approx([i + 0.5 for i in range(8)], abs=0.01)


def test_the_longest_piece_is_below_what_openai_takes() -> None:
    assert module._SLICE_S * RATE * 2 < 25_000_000


def test_an_endpoint_without_times_is_asked_again_in_short_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLICE_WITHOUT_TIMES_S", 2.0)

    def plain(asked: Asked) -> Answer:
        if asked.fields["response_format"] != "json":
            return 400, {"error": {"message": "response_format 'verbose_json' is not compatible with this model"}}
        return 200, {"text": "la"}

    heard, asked = hear(plain, save_wav(tmp_path / "a.wav", tone(5)))
    assert not heard.exact
    assert len(heard.segments) == len(asked) - 1 >= 3
    assert heard.segments[-1].end == 5.0


def test_a_passing_failure_is_tried_again(wav: Path) -> None:
    answers = iter([(429, {"error": "slow down"}), (503, {}), verbose((0, 1, "hello"))])
    heard, asked = hear(lambda asked: next(answers), wav)
    assert [one.text for one in heard.segments] == ["hello"]
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}), "set the key anew"),
        ((404, {"error": {"message": "no such model"}}), "MEMENTO_SPEECH_MODEL"),
        ((413, {"detail": "too large"}), "give start and end"),
        ((400, {"error": {"message": "bad audio"}}), "bad audio"),
        ((307, {}), "answered 307"),
        ((200, {"choices": []}), "no endpoint for transcriptions"),
        ((200, ["?"]), "no endpoint for transcriptions"),
    ],
)
def test_a_refusal_says_what_to_do_and_never_the_key(wav: Path, answer: Answer, why: str) -> None:
    with pytest.raises(ToolError, match=why) as raised:
        hear(lambda asked: answer, wav, KEY)
    assert KEY not in str(raised.value)


def test_segments_that_are_none_are_left_out_and_odd_times_held_in_bounds(wav: Path) -> None:
    odd = [{"start": "x"}, {"text": "no times"}, {"start": -3, "end": 99, "text": "all"}, None]
    heard, _ = hear(lambda asked: (200, {"text": "all", "segments": odd}), wav)
    assert [(one.start, one.end, one.text) for one in heard.segments] == [(0.0, 1.0, "all")]


def test_nobody_there_is_said_with_the_address(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ATTEMPTS", 1)
    ears = ears_of("openai:w@http://127.0.0.1:9/v1", {})
    assert ears is not None
    with pytest.raises(ToolError, match=r"127\.0\.0\.1:9 cannot be reached"):
        anyio.run(ears.hear, wav, "", None)
