"""What the media server needs of the machine."""

from __future__ import annotations

from collections.abc import Mapping

from memento_toolhub.servers.kit.options import Need, package_need
from memento_toolhub.servers.media import ocr
from memento_toolhub.servers.media.desk import SPEECH, VISION
from memento_toolhub.servers.media.ears import VARIABLE, ears_of

_PICTURES = ("describe_image", "read_text_in_image", "video_frames", "ask_about_video")
_VIDEO = ("transcribe", "video_frames", "ask_about_video")


def needs(environment: Mapping[str, str]) -> tuple[Need, ...]:
    """Whether packages, Tesseract and the two models are there; no model is asked."""
    return (
        package_need("PIL", "media", _PICTURES),
        package_need("av", "media", _VIDEO),
        _tesseract(),
        _vision(environment),
        _speech(environment),
    )


def _tesseract() -> Need:
    found = ocr.program()
    fix = f"{ocr.INSTALL}; without it a vision model reads pictures"
    return Need("tesseract", found is not None, found or "not installed", fix, ("read_text_in_image",))


def _vision(environment: Mapping[str, str]) -> Need:
    tools = ("describe_image", "ask_about_video")
    for variable in ("MEMENTO_VISION_MODEL", "MEMENTO_MODEL"):
        setting = environment.get(variable, "").strip()
        if setting.lower() in ("", "none"):
            continue
        sees = setting.lower().startswith(("anthropic:", "openai:"))
        found = f"{variable} is {setting.partition('@')[0] if sees else 'a model that sees no pictures'}"
        if sees or variable == "MEMENTO_VISION_MODEL":
            return Need("a vision model", sees, found, VISION, tools)
    return Need("a vision model", False, "none configured", VISION, tools)


def _speech(environment: Mapping[str, str]) -> Need:
    tools, setting = ("transcribe",), environment.get(VARIABLE, "")
    try:
        ears = ears_of(setting, environment)
    except ValueError as error:
        return Need("a speech model", False, str(error), SPEECH, tools)
    if ears is None:
        return Need("a speech model", False, "none configured", SPEECH, tools)
    if ears.remote:
        return Need("a speech model", True, ears.name, tools=tools)
    from memento_toolhub.servers.media.whisper_models import MissingModelError, find

    package = package_need("faster_whisper", "media", tools)
    if not package.ok:
        return package
    try:
        folder = find(setting.partition(":")[2].strip(), environment)
    except MissingModelError as error:
        return Need("a speech model", False, f"{ears.name} is not here", str(error), tools)
    return Need("a speech model", True, f"{ears.name} in {folder}", tools=tools)
