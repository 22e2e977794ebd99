"""Pictures, sounds and videos made where they are needed, by Pillow, NumPy and the libraries of ffmpeg."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

RATE = 16_000
COLOURS = ("red", "lime", "blue", "yellow", "magenta")
_VOWELS = ((700, 1200, 2600), (300, 2300, 3000), (500, 900, 2400), (400, 2000, 2600))

Samples = npt.NDArray[np.float64]


def drawing(*words: str, size: tuple[int, int] = (900, 300), letters: int = 64) -> Image.Image:
    """Black words on white, one below the other."""
    image = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(letters)
    for i, word in enumerate(words):
        pen.text((40, 30 + i * letters * 3 // 2), word, fill="black", font=font)
    return image


def noise(width: int, height: int) -> Image.Image:
    """A picture that cannot be packed well, as photographs cannot."""
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))


def voice(seconds: float) -> Samples:
    """Vowels, which a detector of speech takes for speech."""
    said: list[Samples] = [np.zeros(RATE // 5)]
    while sum(map(len, said)) < seconds * RATE:
        said += [_vowel(*_VOWELS[len(said) // 2 % 4]), np.zeros(RATE // 20)]
    return np.concatenate(said)[: int(seconds * RATE)]


def tone(seconds: float, hertz: float = 440.0) -> Samples:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)


def save_wav(path: Path, samples: Samples, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def save_media(
    path: Path,
    *,
    scenes: Sequence[str] = (),
    scene_seconds: float = 1.0,
    fps: int = 10,
    size: tuple[int, int] = (160, 120),
    sound: Samples | None = None,
    codecs: tuple[str, str] = ("libx264", "aac"),
) -> Path:
    """A file of sound, video or both; each scene is one colour with a bar that moves."""
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream(codecs[0], rate=fps) if scenes else None
        rate = 48_000 if codecs[1] == "libopus" else RATE
        audio: Any = None if sound is None else out.add_stream(codecs[1], rate=rate, layout="mono")
        if video is not None:
            video.width, video.height, video.pix_fmt = *size, "yuvj420p" if codecs[0] == "mjpeg" else "yuv420p"
            for i in range(int(len(scenes) * scene_seconds * fps)):
                frame = _scene(scenes[int(i / fps / scene_seconds)], i, size)
                out.mux(video.encode(av.VideoFrame.from_image(frame)))
            out.mux(video.encode(None))
        if audio is not None and sound is not None:
            _mux_sound(out, audio, sound)
    return path


def _mux_sound(out: Any, audio: Any, sound: Samples) -> None:
    resampler = av.AudioResampler(
        format=audio.format, layout="mono", rate=audio.rate, frame_size=audio.frame_size or 1024
    )
    whole = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16).reshape(1, -1), format="s16", layout="mono")
    whole.sample_rate = RATE
    for frame in [*resampler.resample(whole), *resampler.resample(None)]:
        out.mux(audio.encode(frame))
    out.mux(audio.encode(None))


def _scene(colour: str, i: int, size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).rectangle((i % size[0], 0, i % size[0] + 2, size[1]), fill="white")
    return image


def _vowel(*formants: float, seconds: float = 0.25, pitch: float = 120.0) -> Samples:
    """Harmonics of a pitch, the stronger the nearer they are to a formant."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.03 * np.sin(10 * np.pi * time))) / RATE
    made = np.zeros(len(time))
    for k in range(1, 50):
        strength = sum(1 / (1 + ((k * pitch - formant) / 80) ** 2) for formant in formants) / k**0.5
        made += strength * np.sin(k * phase)
    return 0.5 * made / np.abs(made).max() * np.hanning(len(time))
