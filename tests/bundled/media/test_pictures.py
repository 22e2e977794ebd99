"""describe_image: what a vision model is shown of a picture, and what is refused before it is asked."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bundled.media.made import drawing, noise
from bundled.media.using import call, eyes_at, refusal, told
from planner.openai_talk import refused, said
from planner.wire_server import WireServer


def shown(server: WireServer) -> Image.Image:
    """The picture in the last request an endpoint got."""
    content = server.requests[-1][2]["messages"][-1]["content"]
    url = next(part["image_url"]["url"] for part in content if part["type"] == "image_url")
    kind, _, data = url.partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == f"data:image/{(image.format or '').lower()}"
    return image


def asked(server: WireServer) -> str:
    parts = server.requests[-1][2]["messages"][-1]["content"]
    return str(next(part["text"] for part in parts if part["type"] == "text"))


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_question_about_a_picture_is_answered_by_the_model_that_sees_it(tmp_path: Path, mode: str) -> None:
    drawing("STOP").save(tmp_path / "sign.png")
    with WireServer([said("It says STOP.")]).running() as server:
        result = call(
            tmp_path, "describe_image", eyes=eyes_at(server), mode=mode, path="sign.png", question="What is written?"
        )
        answer = told(result)
        assert shown(server).size == (900, 300)
        assert asked(server) == "What is written?"
    assert (answer["text"], answer["format"], answer["width"], answer["height"]) == ("It says STOP.", "PNG", 900, 300)
    assert answer["by"].startswith("openai:see@127.0.0.1")


def test_without_a_question_the_whole_picture_is_described(tmp_path: Path) -> None:
    drawing("A").save(tmp_path / "a.png")
    with WireServer([said("An A.")]).running() as server:
        told(call(tmp_path, "describe_image", eyes=eyes_at(server), path="a.png"))
        assert "word for word" in asked(server)


def test_the_name_of_a_file_does_not_decide_what_it_is(tmp_path: Path) -> None:
    drawing("A").save(tmp_path / "a.txt", "WEBP")
    with WireServer([said("An A.")]).running() as server:
        assert told(call(tmp_path, "describe_image", eyes=eyes_at(server), path="a.txt"))["format"] == "WEBP"


def test_a_photograph_lying_on_its_side_is_shown_upright_and_smaller(tmp_path: Path) -> None:
    photo = noise(2400, 1200)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(tmp_path / "photo.jpg", exif=exif)
    with WireServer([said("Noise.")]).running() as server:
        answer = told(call(tmp_path, "describe_image", eyes=eyes_at(server), path="photo.jpg"))
        seen = shown(server)
    assert (seen.size, seen.format) == ((784, 1568), "JPEG")
    assert (answer["width"], answer["height"]) == (1200, 2400)


def test_what_shines_through_is_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    clear.putpixel((5, 5), (0, 0, 255, 255))
    clear.save(tmp_path / "clear.png")
    with WireServer([said("A dot.")]).running() as server:
        told(call(tmp_path, "describe_image", eyes=eyes_at(server), path="clear.png"))
        seen = shown(server).convert("RGB")
    assert (seen.getpixel((0, 0)), seen.getpixel((5, 5))) == ((255, 255, 255), (0, 0, 255))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "I;16", "F", "CMYK", "LAB"])
def test_every_kind_of_pixels_is_shown(tmp_path: Path, mode: str) -> None:
    grey = Image.linear_gradient("L")
    made = (
        Image.new("LAB", grey.size, (128, 0, 0))
        if mode == "LAB"
        else grey.convert("I").convert(mode)
        if mode == "I;16"
        else grey.convert(mode)
    )
    made.save(tmp_path / "a.tif", "TIFF")
    with WireServer([said("Grey.")]).running() as server:
        told(call(tmp_path, "describe_image", eyes=eyes_at(server), path="a.tif"))
        assert shown(server).mode == "RGB"


def test_of_an_animation_the_first_picture_is_shown_and_it_is_said(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    with WireServer([said("Red.")]).running() as server:
        answer = told(call(tmp_path, "describe_image", eyes=eyes_at(server), path="a.gif"))
        assert shown(server).convert("RGB").getpixel((3, 3)) == (255, 0, 0)
    assert "3 pictures, of which this is page 1" in answer["note"]


def test_another_picture_of_a_file_is_shown_by_its_page(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    with WireServer([said("Green.")]).running() as server:
        eyes = eyes_at(server)
        told(call(tmp_path, "describe_image", eyes=eyes, path="a.tif", page=2))
        assert shown(server).convert("RGB").getpixel((3, 3)) == (0, 255, 0)
        assert "it holds 2" in refusal(call(tmp_path, "describe_image", eyes=eyes, path="a.tif", page=3))


def test_what_is_white_on_nothing_is_shown_on_black(tmp_path: Path) -> None:
    logo = Image.new("RGBA", (30, 30), (255, 255, 255, 0))
    logo.paste((255, 255, 255, 255), (10, 10, 20, 20))
    logo.save(tmp_path / "logo.png")
    with WireServer([said("A square.")]).running() as server:
        told(call(tmp_path, "describe_image", eyes=eyes_at(server), path="logo.png"))
        picture = shown(server).convert("RGB")
    assert (picture.getpixel((3, 3)), picture.getpixel((15, 15))) == ((0, 0, 0), (255, 255, 255))


def _bomb(side: int) -> bytes:
    """A PNG of a few bytes that announces a great many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def _cut_jpeg() -> bytes:
    file = io.BytesIO()
    noise(300, 300).save(file, "JPEG")
    return file.getvalue()[:5000]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(_bomb(50_000), "50000 x 50000 pixels", id="bomb"),
        pytest.param(_cut_jpeg(), "broken or truncated", id="truncated"),
        pytest.param(b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", id="svg"),
        pytest.param(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", "HEIC", id="heic"),
        pytest.param(b"%PDF-1.7\n", "read_document", id="pdf"),
        pytest.param(b"PK\x03\x04" + bytes(30), "archive", id="archive"),
        pytest.param("Grüße".encode(), "it is text", id="text"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\x1a\x45\xdf\xa3" + bytes(50), "video_frames", id="video"),
        pytest.param(bytes(range(128, 256)) * 5, "of no known format", id="unknown"),
    ],
)
def test_what_is_no_picture_is_refused_before_a_model_is_asked(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "file.png").write_bytes(data)
    with WireServer([said("?")]).running() as server:
        assert why in refusal(call(tmp_path, "describe_image", eyes=eyes_at(server), path="file.png"))
        assert server.requests == []


def test_a_file_outside_of_the_roots_is_not_looked_at(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    drawing("A").save(tmp_path / "a.png")
    (root / "a.png").symlink_to(tmp_path / "a.png")
    with WireServer([said("?")]).running() as server:
        for path in ("../a.png", "a.png", str(tmp_path / "a.png")):
            assert "outside" in refusal(call(root, "describe_image", eyes=eyes_at(server), path=path))
        assert server.requests == []


def test_without_a_vision_model_it_is_said_what_to_configure(tmp_path: Path) -> None:
    drawing("A").save(tmp_path / "a.png")
    assert "MEMENTO_VISION_MODEL" in refusal(call(tmp_path, "describe_image", path="a.png"))


def test_a_model_that_sees_nothing_says_so(tmp_path: Path) -> None:
    drawing("A").save(tmp_path / "a.png")
    with WireServer([refused(400, "This model does not support image input.")]).running() as server:
        why = refusal(call(tmp_path, "describe_image", eyes=eyes_at(server), path="a.png"))
    assert "does not support image input" in why


def test_a_long_answer_is_read_on_by_its_handle(tmp_path: Path) -> None:
    drawing("A").save(tmp_path / "a.png")
    with WireServer([said("word " * 300)]).running() as server:
        eyes = eyes_at(server)
        answer: dict[str, Any] = told(call(tmp_path, "describe_image", eyes=eyes, path="a.png", max_chars=500))
    assert answer["rest"]
    assert len(answer["text"]) + answer["chars_left"] == len("word " * 300) - 1
