"""Whisper models in CTranslate2's format: where one is, and how to get one.

Nothing is downloaded unless asked for: `python -m memento_toolhub.servers.media.whisper_models SIZE`.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Size:
    """A published model: its repository on the Hugging Face Hub, and about how many MB it has."""

    repository: str
    megabytes: int


_SYSTRAN = {"tiny": 75, "base": 145, "small": 485, "medium": 1530, "large-v1": 3090, "large-v2": 3090, "large-v3": 3090}
_ENGLISH = {"tiny.en": 75, "base.en": 145, "small.en": 485, "medium.en": 1530}
SIZES = {
    **{name: Size(f"Systran/faster-whisper-{name}", size) for name, size in (_SYSTRAN | _ENGLISH).items()},
    "distil-large-v3": Size("Systran/faster-distil-whisper-large-v3", 1510),
    "turbo": Size("mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1620),
}
_FILES = ("model.bin", "tokenizer.json", "config.json")


class MissingModelError(Exception):
    """There is no such model here; the message says how to get it."""


def find(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of a model.

    Args:
        name: a size, or a folder with model.bin, tokenizer.json and config.json.
        environment: may name Hugging Face's cache, as it does for Hugging Face's own programs.

    Raises:
        MissingModelError: if it is not on this machine.
    """
    size = SIZES.get(name)
    if size is not None:
        found = _cached(size.repository, environment)
        if found is None:
            raise MissingModelError(
                f"the model whisper:{name} is not on this machine; get it once (about {size.megabytes} MB) with:"
                f" {shlex.quote(sys.executable)} -m memento_toolhub.servers.media.whisper_models {name}"
            )
        return found
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise MissingModelError(f"{name} is neither a folder nor one of the sizes {', '.join(SIZES)}")
    missing = [file for file in _FILES if not (folder / file).is_file()]
    if missing:
        raise MissingModelError(
            f"the folder {name} has no {' and no '.join(missing)}; it has to hold a Whisper model in"
            " CTranslate2's format; ct2-transformers-converter with --copy_files tokenizer.json makes one"
        )
    return folder


def _cached(repository: str, environment: Mapping[str, str]) -> Path | None:
    home = environment.get("HF_HOME") or str(Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    cache = Path(environment.get("HF_HUB_CACHE") or str(Path(home) / "hub")).expanduser()
    snapshots = (cache / f"models--{repository.replace('/', '--')}" / "snapshots").glob("*")
    whole = (folder for folder in snapshots if all((folder / file).is_file() for file in _FILES))
    return next(whole, None)


def main() -> None:
    """Download the size named on the command line."""
    if len(sys.argv) != 2 or sys.argv[1] not in SIZES:
        sys.exit(f"usage: python -m memento_toolhub.servers.media.whisper_models SIZE, one of {', '.join(SIZES)}")
    from huggingface_hub import snapshot_download

    size = SIZES[sys.argv[1]]
    wanted = [*_FILES, "preprocessor_config.json", "vocabulary.*"]
    sys.stdout.write(f"downloading {size.repository}, about {size.megabytes} MB\n")
    sys.stdout.write(f"{snapshot_download(size.repository, allow_patterns=wanted)}\n")


if __name__ == "__main__":
    main()
