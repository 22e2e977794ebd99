"""ask_about_video: what the vision model is shown and told of a video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bundled.media.made import COLOURS, save_media, tone, voice
from bundled.media.speech_endpoint import endpoint, verbose
from bundled.media.using import call, eyes_at, refusal, told
from memento_toolhub.servers.media.ears import ears_of
from planner.openai_talk import said
from planner.wire_server import WireServer


def content(server: WireServer) -> tuple[int, str]:
    """How many pictures the model was shown, and what it was told."""
    parts: list[dict[str, Any]] = server.requests[-1][2]["messages"][-1]["content"]
    return sum(part["type"] == "image_url" for part in parts), parts[-1]["text"]


def test_the_model_sees_the_scenes_and_reads_what_is_said(tmp_path: Path) -> None:
    save_media(tmp_path / "film.mp4", scenes=COLOURS[:3], sound=voice(3))
    steps: list[str] = []
    with (
        WireServer([said("It turns blue at 0:02.")]).running() as server,
        endpoint(lambda asked: verbose((0.5, 1.0, "now green"))) as speech,
    ):
        answer = told(
            call(
                tmp_path,
                "ask_about_video",
                eyes=eyes_at(server),
                ears=ears_of(f"openai:hear@{speech.url}", {}),
                progress=steps,
                path="film.mp4",
                question="When does it turn blue?",
                n=5,
            )
        )
        pictures, text = content(server)
    assert answer["text"] == "It turns blue at 0:02."
    assert pictures == len(answer["looked_at"]) == 5
    assert {"0:00.0", "0:01.2", "0:02.2"} <= set(answer["looked_at"])
    assert "picture 1 at 0:00.0" in text
    assert "[0:00.5 - 0:01.0] now green" in text
    assert text.endswith("Question: When does it turn blue?")
    assert "1 segments of speech, by openai:hear@" in answer["heard"]
    assert "choosing frames" in steps


def test_without_ears_or_sound_the_answer_says_what_it_rests_on(tmp_path: Path) -> None:
    save_media(tmp_path / "film.mp4", scenes=("red",), sound=tone(1))
    save_media(tmp_path / "mute.mp4", scenes=("red",))
    with WireServer([said("Red.")]).running() as server:
        deaf = told(call(tmp_path, "ask_about_video", eyes=eyes_at(server), path="film.mp4", question="?", n=2))
        mute = told(call(tmp_path, "ask_about_video", eyes=eyes_at(server), path="mute.mp4", question="?", n=2))
        assert "it has no sound" in content(server)[1]
    assert "MEMENTO_SPEECH_MODEL" in deaf["heard"]
    assert mute["heard"] == "it has no sound"


def test_sound_that_cannot_be_heard_is_no_reason_not_to_look(tmp_path: Path) -> None:
    save_media(tmp_path / "film.mp4", scenes=("red",), sound=tone(1) * 0)
    with WireServer([said("Red.")]).running() as server, endpoint(lambda asked: verbose()) as speech:
        ears = ears_of(f"openai:hear@{speech.url}", {})
        answer = told(call(tmp_path, "ask_about_video", eyes=eyes_at(server), ears=ears, path="film.mp4", question="?"))
        assert speech.asked == []
    assert "silent" in answer["heard"]


def test_without_a_vision_model_it_is_said_what_to_configure(tmp_path: Path) -> None:
    save_media(tmp_path / "film.mp4", scenes=("red",))
    assert "MEMENTO_VISION_MODEL" in refusal(call(tmp_path, "ask_about_video", path="film.mp4", question="?"))
