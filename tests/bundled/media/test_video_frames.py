"""video_frames: which frames come out, at which times, of which files; and what is refused."""

from __future__ import annotations

import base64
import io
import subprocess
from pathlib import Path

import pytest
from mcp.types import CallToolResult, ImageContent
from PIL import Image

from bundled.media.made import COLOURS, save_media, save_wav, tone
from bundled.media.using import call, eyes_at, refusal, told
from bundled.parts import needs
from planner.openai_talk import said
from planner.wire_server import WireServer


def colours(result: CallToolResult) -> list[str]:
    """The colour of each frame that came as a picture."""
    blocks = [block for block in result.content if isinstance(block, ImageContent)]
    return [_colour(Image.open(io.BytesIO(base64.b64decode(block.data)))) for block in blocks]


def _colour(image: Image.Image) -> str:
    pixel = image.convert("RGB").resize((1, 1)).getpixel((0, 0))
    known = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}
    return min(known, key=lambda name: sum(abs(a - b) for a, b in zip(known[name], pixel, strict=True)))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_frames_come_evenly_with_their_times(tmp_path: Path, mode: str) -> None:
    save_media(tmp_path / "film.mp4", scenes=COLOURS[:3], sound=tone(3))
    result = call(tmp_path, "video_frames", mode=mode, path="film.mp4", n=3)
    found = told(result)
    assert colours(result) == ["red", "lime", "blue"]
    assert [frame["seconds"] for frame in found["frames"]] == pytest.approx([0.5, 1.5, 2.5], abs=0.15)
    assert (found["width"], found["height"], found["fps"], found["codec"]) == (160, 120, 10.0, "h264")
    assert found["has_sound"] is True
    assert found["seconds"] == pytest.approx(3.0, abs=0.2)


def test_scenes_are_found_where_the_picture_changes(tmp_path: Path) -> None:
    save_media(tmp_path / "film.mp4", scenes=("red", "red", "blue", "lime"), fps=12)
    result = call(tmp_path, "video_frames", path="film.mp4", n=8, pick="scenes")
    assert colours(result) == ["red", "blue", "lime"]
    found = told(result)
    assert [frame["seconds"] for frame in found["frames"]] == pytest.approx([0.0, 2.25, 3.25], abs=0.15)
    assert "no more than 3" in found["note"]


def test_of_a_long_video_only_whole_frames_are_compared(tmp_path: Path) -> None:
    save_media(tmp_path / "film.mp4", scenes=("red", "blue", "lime"), scene_seconds=70, fps=2, size=(64, 48))
    result = call(tmp_path, "video_frames", path="film.mp4", n=3, pick="scenes")
    assert colours(result) == ["red", "blue", "lime"]


def test_a_change_of_colour_alone_is_a_new_scene(tmp_path: Path) -> None:
    save_media(tmp_path / "film.mp4", scenes=("#ff0000", "#008200"))  # of one lightness
    found = told(call(tmp_path, "video_frames", path="film.mp4", n=3, pick="scenes"))
    assert [round(frame["seconds"], 1) for frame in found["frames"]] == [0.0, 1.2]


def test_a_stretch_of_time_is_looked_at_alone(tmp_path: Path) -> None:
    save_media(tmp_path / "film.mp4", scenes=COLOURS[:4])
    assert set(colours(call(tmp_path, "video_frames", path="film.mp4", n=4, start=1.1, end=1.9))) == {"lime"}


@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        ("a.webm", ("libvpx-vp9", "libopus")),
        ("a.mkv", ("mpeg4", "pcm_s16le")),
        ("a.avi", ("mjpeg", "libmp3lame")),
        ("a.ts", ("libx264", "aac")),
    ],
)
def test_other_containers_and_codecs_are_read_whatever_their_name(
    tmp_path: Path, name: str, codecs: tuple[str, str]
) -> None:
    made = save_media(tmp_path / name, scenes=COLOURS[:2], sound=tone(2), codecs=codecs)
    made.rename(tmp_path / "film.bin")
    assert colours(call(tmp_path, "video_frames", path="film.bin", n=2)) == ["red", "lime"]


def test_an_animated_picture_is_a_video_too(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=500)
    assert colours(call(tmp_path, "video_frames", path="a.gif", n=3)) == ["red", "lime", "blue"]


def test_more_frames_than_there_are_come_once_each(tmp_path: Path) -> None:
    save_media(tmp_path / "film.mp4", scenes=("red",), scene_seconds=0.3)
    found = told(call(tmp_path, "video_frames", path="film.mp4", n=10))
    assert len(found["frames"]) == 3
    assert "no more than 3" in found["note"]


def test_a_frame_can_be_looked_at_again_by_its_file(tmp_path: Path) -> None:
    save_media(tmp_path / "film.mp4", scenes=("red",))
    [frame] = told(call(tmp_path, "video_frames", path="film.mp4", n=1))["frames"]
    with WireServer([said("Red.")]).running() as server:
        answer = told(call(tmp_path, "describe_image", eyes=eyes_at(server), path=frame["file"]))
    assert (answer["width"], answer["height"]) == (160, 120)


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4"])
def test_a_playlist_opens_no_other_file(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    secret = save_media(tmp_path / "secret.ts", scenes=("red",))
    (root / name).write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{secret}\n#EXT-X-ENDLIST\n")
    assert "playlist" in refusal(call(root, "video_frames", path=name))
    (root / name).write_text(f"ffconcat version 1.0\nfile '{secret}'\n")
    assert "playlist" in refusal(call(root, "video_frames", path=name))


def test_what_is_no_video_is_refused_with_a_reason(tmp_path: Path) -> None:
    whole = save_media(tmp_path / "whole.mp4", scenes=COLOURS[:2]).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[:2000])
    (tmp_path / "empty.mp4").touch()
    Image.new("RGB", (9, 9)).save(tmp_path / "picture.mp4", "PNG")
    save_wav(tmp_path / "sound.mp4", tone(1))
    reasons = {
        "cut.mp4": "broken or cut off",
        "empty.mp4": "is empty",
        "picture.mp4": "describe_image",
        "sound.mp4": "transcribe",
    }
    for name, why in reasons.items():
        assert why in refusal(call(tmp_path, "video_frames", path=name))
    assert "after the end" in refusal(call(tmp_path, "video_frames", path="whole.mp4", start=99))
    assert "not after the start" in refusal(call(tmp_path, "video_frames", path="whole.mp4", start=1, end=0.5))
    assert "less than or equal to 16" in refusal(call(tmp_path, "video_frames", path="whole.mp4", n=17))


def test_the_part_of_a_broken_video_that_can_be_read_is_shown(tmp_path: Path) -> None:
    whole = save_media(tmp_path / "whole.mkv", scenes=COLOURS[:4], codecs=("libx264", "aac")).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 6 // 10])
    assert colours(call(tmp_path, "video_frames", path="cut.mkv", n=4))[0] == "red"


@needs("ffmpeg")
def test_files_of_the_program_ffmpeg_are_read(tmp_path: Path) -> None:
    source = ["-f", "lavfi", "-i", "color=red:s=64x48:d=1", "-f", "lavfi", "-i", "color=blue:s=64x48:d=1"]
    for name, codec in {
        "a.mkv": "ffv1",
        "a.webm": "libvpx",
        "a.mov": "mjpeg",
        "a.mpg": "mpeg2video",
        "a.flv": "flv1",
    }.items():
        command = [
            "ffmpeg",
            "-v",
            "error",
            *source,
            "-filter_complex",
            "concat=n=2",
            "-c:v",
            codec,
            str(tmp_path / name),
        ]
        subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL)
        assert colours(call(tmp_path, "video_frames", path=name, n=2)) == ["red", "blue"]
