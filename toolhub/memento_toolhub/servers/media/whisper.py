"""Ears on this machine: a Whisper model run by faster-whisper, in a process of its own."""

from __future__ import annotations

import os
import shlex
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memento_toolhub.servers.kit.apart import Bounds, run_apart
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.options import package_need
from memento_toolhub.servers.media.seams import Segment, Transcript
from memento_toolhub.servers.media.sound import RATE

if TYPE_CHECKING:
    from memento_toolhub.servers.media.seams import Samples

_SLOWEST = 30.0  # seconds of work for one of sound: a large model on one slow core takes about 20
_LOADING_S = 300.0
_MEMORY_MB = 16_384


class WhisperEars:
    """A Whisper model on this machine.

    Args:
        model: a size whose files are in Hugging Face's cache, or a folder in CTranslate2's format.
    """

    remote = False

    def __init__(self, model: str) -> None:
        self._model = model
        self.name = f"whisper:{model}"

    def folder(self) -> str:
        """Where its files are.

        Raises:
            CallError: if the package or the model is not on this machine; the message says how to get it.
        """
        return _folder(self._model)

    async def hear(self, samples: Samples, language: str) -> Transcript:
        """What is said in a piece of sound.

        Raises:
            CallError: if the package or the model is missing, or the model does not know the language.
        """
        bounds = Bounds(_LOADING_S + _SLOWEST * len(samples) / RATE, _MEMORY_MB)
        return await run_apart(_heard, self._model, samples, language, bounds=bounds)


def _folder(model: str) -> str:
    package = package_need("faster_whisper", "media")
    if not package.ok:
        raise CallError(f"faster-whisper is not installed; {package.fix}")
    from faster_whisper import available_models, download_model

    folder = Path(model).expanduser()
    try:
        return str(folder) if folder.is_dir() else download_model(model, local_files_only=True)
    except (OSError, ValueError):
        sizes = available_models()
        code = f"import faster_whisper; faster_whisper.download_model({model!r})"
        fetch = f", and get it once with: {shlex.join([sys.executable, '-c', code])}" if model in sizes else ""
        raise CallError(
            f"the model whisper:{model} is not on this machine; name a folder that holds one in CTranslate2's format,"
            f" or one of {', '.join(sizes)}{fetch}"
        ) from None


@lru_cache(maxsize=1)
def _loaded(model: str) -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"  # a folder without a tokenizer would have it fetched
    folder = _folder(model)
    from faster_whisper import WhisperModel

    try:
        return WhisperModel(folder)
    except (RuntimeError, ValueError, OSError) as error:
        raise CallError(f"whisper:{model}: it cannot be loaded ({error}); see {folder}, or use another") from None


def _heard(name: str, samples: Samples, language: str) -> Transcript:
    import numpy as np

    model = _loaded(name)
    if language and language not in model.supported_languages:
        known = ", ".join(model.supported_languages)
        raise CallError(f"language: {language!r} is not one whisper:{name} knows; it knows {known}")
    # Without the filter Whisper hears words in silence and noise.
    segments, about = model.transcribe(samples.astype(np.float32) / 32768, language=language or None, vad_filter=True)
    said = [(round(one.start, 2), round(one.end, 2), one.text.strip()) for one in segments]
    heard = tuple(Segment(*one) for one in said if one[2])
    return Transcript(heard, about.language if heard else language)
