"""Ears behind an endpoint: what is sent, how long sound is cut, and what every refusal turns into."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest

from bundled.media.made import tone
from bundled.media.speech_endpoint import Answer, Asked, Hears, endpoint, verbose
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.media import ears as module
from memento_toolhub.servers.media.ears import ears_of
from memento_toolhub.servers.media.seams import Transcript

KEY = "sk-very-secret-0123456789"


SECOND = (tone(1) * 32767).astype(np.int16)


def hear(hears: Hears, key: str = "", samples: Any = SECOND) -> tuple[Transcript, list[Asked]]:
    with endpoint(hears) as speech:
        ears = ears_of(f"openai:whisper-1@{speech.url}", {"MEMENTO_MODEL_KEY": key})
        assert ears is not None
        return anyio.run(ears.hear, samples, ""), speech.asked


def test_the_request_is_the_one_openai_documents() -> None:
    heard, [asked] = hear(lambda asked: verbose((0.0, 0.9, "hello")), KEY)
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


def test_without_a_key_none_is_sent() -> None:
    _, [asked] = hear(lambda asked: verbose())
    assert "authorization" not in asked.headers


def test_an_endpoint_without_times_is_asked_again_without_them() -> None:
    def plain(asked: Asked) -> Answer:
        if asked.fields["response_format"] != "json":
            return 400, {"error": {"message": "response_format 'verbose_json' is not compatible with this model"}}
        return 200, {"text": "la"}

    heard, asked = hear(plain)
    assert not heard.exact
    assert [(one.start, one.end, one.text) for one in heard.segments] == [(0.0, 1.0, "la")]
    assert len(asked) == 2


def test_a_passing_failure_is_tried_again() -> None:
    answers = iter([(429, {"error": "slow down"}), (503, {}), verbose((0, 1, "hello"))])
    heard, asked = hear(lambda asked: next(answers))
    assert [one.text for one in heard.segments] == ["hello"]
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}), "set the key anew"),
        ((404, {"error": {"message": "no such model"}}), "MEMENTO_SPEECH_MODEL"),
        ((400, {"error": {"message": "bad audio"}}), "bad audio"),
        ((307, {}), "answered 307"),
        ((200, {"choices": []}), "no endpoint for transcriptions"),
        ((200, ["?"]), "no endpoint for transcriptions"),
    ],
)
def test_a_refusal_says_what_to_do_and_never_the_key(answer: Answer, why: str) -> None:
    with pytest.raises(CallError, match=why) as raised:
        hear(lambda asked: answer, KEY)
    assert KEY not in str(raised.value)


def test_segments_that_are_none_are_left_out_and_odd_times_held_in_bounds() -> None:
    odd = [{"start": "x"}, {"text": "no times"}, {"start": -3, "end": 99, "text": "all"}, None]
    heard, _ = hear(lambda asked: (200, {"text": "all", "segments": odd}))
    assert [(one.start, one.end, one.text) for one in heard.segments] == [(0.0, 1.0, "all")]


def test_nobody_there_is_said_with_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ATTEMPTS", 1)
    ears = ears_of("openai:w@http://127.0.0.1:9/v1", {})
    assert ears is not None
    with pytest.raises(CallError, match=r"127\.0\.0\.1:9 cannot be reached"):
        anyio.run(ears.hear, SECOND, "")
