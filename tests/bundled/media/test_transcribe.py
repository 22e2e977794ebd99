"""transcribe: sound of any kind reaches the ears, and what they hear comes back at the right times."""

from __future__ import annotations

import io
import subprocess
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bundled.media.made import RATE, save_media, save_wav, tone, voice
from bundled.media.speech_endpoint import Answer, Asked, endpoint, verbose
from bundled.media.using import call, refusal, told
from bundled.parts import needs
from memento_toolhub.servers.media.containers import clock
from memento_toolhub.servers.media.ears import ears_of
from memento_toolhub.servers.media.sound import pieces

_DIGITS = "#JSGF V1.0; grammar digits; public <said> = (zero|one|two|three|four|five|six|seven|eight|nine)+;"


def loud(asked: Asked) -> Answer:
    """Hears where sound begins and ends, by its loudness."""
    heard = np.flatnonzero(np.abs(asked.samples.astype(np.int32)) > 3000) / RATE
    return verbose((float(heard[0]), float(heard[-1]), "sound")) if len(heard) else verbose()


@pytest.mark.parametrize(
    ("name", "codec", "mode"),
    [
        ("a.m4a", "aac", "auto"),
        ("a.mp3", "libmp3lame", "legacy"),
        ("a.ogg", "libopus", "auto"),
        ("a.mkv", "pcm_s16le", "legacy"),
    ],
)
def test_sound_of_every_kind_is_heard_at_its_time(tmp_path: Path, name: str, codec: str, mode: str) -> None:
    sound = np.concatenate((np.zeros(RATE), tone(1), np.zeros(RATE)))
    save_media(tmp_path / name, sound=sound, codecs=("", codec))
    with endpoint(loud) as speech:
        found = told(call(tmp_path, "transcribe", ears=ears_of(f"openai:w@{speech.url}", {}), mode=mode, path=name))
    [segment] = found["segments"]
    assert (segment["start"], segment["end"]) == pytest.approx((1.0, 2.0), abs=0.12)
    assert found["text"] == f"[{clock(segment['start'])} - {clock(segment['end'])}] sound"
    assert (found["language"], found["segments_in_all"], found["note"]) == ("english", 1, "")
    assert found["of_seconds"] == pytest.approx(3.0, abs=0.15)


def test_the_sound_of_a_video_and_a_stretch_of_it_is_heard_at_times_of_the_file(tmp_path: Path) -> None:
    sound = np.concatenate((tone(1), np.zeros(6 * RATE), tone(1), np.zeros(RATE)))
    save_media(tmp_path / "film.mp4", scenes=("red",), scene_seconds=9, fps=2, sound=sound)
    with endpoint(loud) as speech:
        ears = ears_of(f"openai:w@{speech.url}", {})
        found = told(call(tmp_path, "transcribe", ears=ears, path="film.mp4", start=6.5, end=8.5))
        assert speech.asked[0].seconds == pytest.approx(2.0, abs=0.01)
    assert (found["segments"][0]["start"], found["start"]) == pytest.approx((7.0, 6.5), abs=0.12)


def test_the_language_is_handed_on_and_progress_is_told(tmp_path: Path) -> None:
    save_wav(tmp_path / "a.wav", tone(1, 300), RATE)
    steps: list[str] = []
    with endpoint(loud) as speech:
        ears = ears_of(f"openai:w@{speech.url}", {})
        assert (
            told(call(tmp_path, "transcribe", ears=ears, progress=steps, path="a.wav", language="DE"))["language"]
            == "de"
        )
        assert speech.asked[0].fields["language"] == "de"
    assert steps == ["heard 1 of 1 s"]


def test_long_sound_is_sent_in_pieces_and_its_times_are_those_of_the_whole(tmp_path: Path) -> None:
    beeps = np.concatenate([np.concatenate((np.zeros(29 * RATE), tone(1))) for _ in range(5)])

    def starts(asked: Asked) -> Answer:
        heard = np.flatnonzero(np.abs(asked.samples.astype(np.int32)) > 3000)
        first = heard[np.insert(np.diff(heard) > RATE, 0, True)] / RATE
        return verbose(*((float(start), float(start) + 1.0, "beep") for start in first))

    save_wav(tmp_path / "a.wav", beeps)
    with endpoint(starts) as speech:
        found = told(call(tmp_path, "transcribe", ears=ears_of(f"openai:w@{speech.url}", {}), path="a.wav"))
        assert len(speech.asked) >= 3
        assert all(one.seconds <= 60 and len(one.wav) < 25_000_000 for one in speech.asked)
    assert [one["start"] for one in found["segments"]] == pytest.approx([29, 59, 89, 119, 149], abs=0.02)


def test_a_long_transcript_comes_in_parts_with_whole_segments(tmp_path: Path) -> None:
    save_wav(tmp_path / "a.wav", tone(2))
    many = [(i / 100, i / 100 + 0.01, f"word {i}") for i in range(100)]
    with endpoint(lambda asked: verbose(*many)) as speech:
        found = told(
            call(tmp_path, "transcribe", ears=ears_of(f"openai:w@{speech.url}", {}), path="a.wav", max_chars=500)
        )
    assert found["rest"]
    assert len(found["segments"]) == found["text"].count("\n") < found["segments_in_all"] == 100


def test_what_cannot_be_heard_is_refused_before_anyone_listens(tmp_path: Path) -> None:
    save_wav(tmp_path / "silent.wav", tone(1) * 0)
    save_media(tmp_path / "mute.mp4", scenes=("red",))
    (tmp_path / "broken.mp3").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "text.wav").write_text("no sound")
    save_wav(tmp_path / "good.wav", tone(1))
    reasons = {
        ("silent.wav", 0.0): "silent throughout",
        ("mute.mp4", 0.0): "no audio track",
        ("broken.mp3", 0.0): "cannot be read",
        ("text.wav", 0.0): "it is text",
        ("good.wav", 5.0): "after the end",
    }
    with endpoint(loud) as speech:
        ears = ears_of(f"openai:w@{speech.url}", {})
        for (name, start), why in reasons.items():
            assert why in refusal(call(tmp_path, "transcribe", ears=ears, path=name, start=start))
        assert speech.asked == []


def test_more_than_four_hours_are_refused_unless_narrowed(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "long.wav"), "wb") as out:  # a file with a hole, which takes no space
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.setnframes(5 * 3600 * RATE)
        out.writeframesraw(b"")
    header = bytearray((tmp_path / "long.wav").read_bytes())
    size = 5 * 3600 * RATE * 2
    header[4:8], header[40:44] = (size + 36).to_bytes(4, "little"), size.to_bytes(4, "little")
    (tmp_path / "long.wav").write_bytes(header)
    with (tmp_path / "long.wav").open("r+b") as file:
        file.truncate(44 + size)
        file.seek(44 + 100 * RATE * 2)
        file.write((tone(2) * 32767).astype("<i2").tobytes())
    with endpoint(loud) as speech:
        ears = ears_of(f"openai:w@{speech.url}", {})
        assert "narrow start and end" in refusal(call(tmp_path, "transcribe", ears=ears, path="long.wav"))
        found = told(call(tmp_path, "transcribe", ears=ears, path="long.wav", start=95, end=110))
    assert found["segments"][0]["start"] == pytest.approx(100, abs=0.05)


def test_without_a_speech_model_it_is_said_what_to_configure(tmp_path: Path) -> None:
    save_wav(tmp_path / "a.wav", tone(1))
    assert "MEMENTO_SPEECH_MODEL" in refusal(call(tmp_path, "transcribe", path="a.wav"))


def test_long_sound_is_cut_where_it_is_quiet_and_nothing_is_lost(tmp_path: Path) -> None:
    words = np.concatenate([np.concatenate((voice(3)[RATE // 5 :], np.zeros(RATE // 2))) for _ in range(10)])
    (words * 32767).astype(np.int16).tofile(tmp_path / "samples")
    cut = list(pieces(tmp_path / "samples", 12.0))
    assert len(cut) > 2
    assert sum(len(samples) for _, samples in cut) == len(words)
    for (start, before), (end, after) in pairwise(cut):
        assert end == pytest.approx(start + len(before) / RATE)
        assert not before[-800:].any()
        assert not after[:800].any()


@needs("ffmpeg")
def test_sound_of_the_program_ffmpeg_in_odd_codecs_is_heard(tmp_path: Path) -> None:
    save_wav(tmp_path / "a.wav", np.concatenate((np.zeros(RATE), tone(1))))
    with endpoint(loud) as speech:
        ears = ears_of(f"openai:w@{speech.url}", {})
        for name in ("a.wma", "a.ac3", "a.flac", "a.amr", "a.aiff", "a.mka"):
            more = ["-ar", "8000"] if name == "a.amr" else []
            command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.wav"), *more, str(tmp_path / name)]
            if subprocess.run(command, timeout=60, stdin=subprocess.DEVNULL).returncode:
                assert name == "a.amr", name  # Debian's ffmpeg writes none
                continue
            [segment] = told(call(tmp_path, "transcribe", ears=ears, path=name))["segments"]
            assert segment["start"] == pytest.approx(1.0, abs=0.15)


@needs("espeak-ng")
def test_spoken_words_come_through_to_a_recogniser_and_back(tmp_path: Path) -> None:
    pocketsphinx = pytest.importorskip("pocketsphinx")
    speak = ["espeak-ng", "-v", "en-us", "-s", "120", "-g", "12", "-w", str(tmp_path / "said.wav"), "one, two, three"]
    subprocess.run(speak, check=True, timeout=30)

    def hears(asked: Asked) -> Answer:
        with wave.open(io.BytesIO(asked.wav)) as file:
            decoder = pocketsphinx.Decoder(samprate=RATE, loglevel="FATAL")
            decoder.add_jsgf_string("digits", _DIGITS)
            decoder.activate_search("digits")
            decoder.start_utt()
            decoder.process_raw(file.readframes(file.getnframes()), full_utt=True)
            decoder.end_utt()
        words = [
            (seg.start_frame / 100, seg.end_frame / 100, seg.word) for seg in decoder.seg() if seg.word[0] not in "<["
        ]
        return verbose(*words)

    with endpoint(hears) as speech:
        found = told(call(tmp_path, "transcribe", ears=ears_of(f"openai:w@{speech.url}", {}), path="said.wav"))
    assert [segment["text"].split("(")[0] for segment in found["segments"]] == ["one", "two", "three"]
    starts = [segment["start"] for segment in found["segments"]]
    assert starts == sorted(starts)
