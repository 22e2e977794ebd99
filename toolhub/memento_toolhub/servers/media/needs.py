"""What the media server needs of the machine."""

from __future__ import annotations

from collections.abc import Mapping

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.options import Need, package_need
from memento_toolhub.servers.media import ocr
from memento_toolhub.servers.media.desk import SPEECH, VISION
from memento_toolhub.servers.media.ears import VARIABLE, ears_of
from memento_toolhub.servers.media.whisper import WhisperEars

_PICTURES = ("describe_image", "read_text_in_image", "video_frames", "ask_about_video")
_VIDEO = ("transcribe", "video_frames", "ask_about_video")


def needs(environment: Mapping[str, str]) -> tuple[Need, ...]:
    """Whether packages, Tesseract and the two models are there; no model is asked."""
    tesseract = ocr.program()
    fix = f"{ocr.INSTALL}; without it a vision model reads pictures"
    return (
        package_need("PIL", "media", _PICTURES),
        package_need("av", "media", _VIDEO),
        Need("tesseract", tesseract is not None, tesseract or "not installed", fix, ("read_text_in_image",)),
        _vision(environment),
        _speech(environment),
    )


def _vision(environment: Mapping[str, str]) -> Need:
    ok, found = False, "none configured"
    for variable in ("MEMENTO_MODEL", "MEMENTO_VISION_MODEL"):  # the later one holds
        setting = environment.get(variable, "").strip()
        sees = setting.lower().startswith(("anthropic:", "openai:"))
        if sees:
            ok, found = True, f"{variable} is {setting.partition('@')[0]}"
        elif variable == "MEMENTO_VISION_MODEL" and setting.lower() not in ("", "none"):
            ok, found = False, f"{variable} is a model that sees no pictures"
    return Need("a vision model", ok, found, VISION, ("describe_image", "ask_about_video"))


def _speech(environment: Mapping[str, str]) -> Need:
    name, tools = "a speech model", ("transcribe",)
    try:
        ears = ears_of(environment.get(VARIABLE, ""), environment)
        if ears is None:
            return Need(name, False, "none configured", SPEECH, tools)
        folder = ears.folder() if isinstance(ears, WhisperEars) else ""
    except ValueError as error:
        return Need(name, False, str(error), SPEECH, tools)
    except CallError as error:
        return Need(name, False, "it is not on this machine", str(error), tools)
    return Need(name, True, f"{ears.name} in {folder}" if folder else ears.name, tools=tools)
