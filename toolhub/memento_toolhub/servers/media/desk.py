"""What all tools of the server work with."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.options import Options, package_need
from memento_toolhub.servers.kit.rest import Rests
from memento_toolhub.servers.kit.roots import Roots
from memento_toolhub.servers.media.frames import Frame
from memento_toolhub.servers.media.seams import Ears, Eyes

_MOST_KEPT = 256
VISION = (
    "there is no vision model; set MEMENTO_VISION_MODEL (or MEMENTO_MODEL) to anthropic:<model>, openai:<model> or"
    " openai:<model>@<base url>, the key in ANTHROPIC_API_KEY, OPENAI_API_KEY or MEMENTO_MODEL_KEY"
)
SPEECH = (
    "there is no speech model; set MEMENTO_SPEECH_MODEL to whisper:<size or folder> for one on this machine, or to"
    " openai:<model> or openai:<model>@<base url>"
)


@dataclass(frozen=True, slots=True)
class Desk:
    """The files that may be read, the models there are, and frames kept for a second look."""

    options: Options
    eyes: Eyes | None
    ears: Ears | None
    rests: Rests = field(default_factory=Rests)

    def file(self, written: str) -> Path:
        """The file a path names: in a root, or a frame that was kept.

        Raises:
            CallError: if there is none that may be read, or the packages to open it are missing.
        """
        for need in (package_need("PIL", "media"), package_need("av", "media")):
            if not need.ok:
                raise CallError(f"the package {need.name} is not installed; {need.fix}")
        if Path(written).parent == self._frames:
            return Roots((self._frames.resolve(),)).file(written)
        return self.options.roots.file(written)

    def need_eyes(self) -> Eyes:
        """Raises:
        CallError: if there is no vision model.
        """
        if self.eyes is None:
            raise CallError(VISION)
        return self.eyes

    def need_ears(self) -> Ears:
        """Raises:
        CallError: if there is no speech model.
        """
        if self.ears is None:
            raise CallError(SPEECH)
        return self.ears

    def keep(self, source: Path, frames: Sequence[Frame]) -> list[str]:
        """Save frames as files, the same one always under the same name; the oldest are let go of."""
        self._frames.mkdir(parents=True, exist_ok=True, mode=0o700)
        mark = hashlib.sha256(os.fsencode(source) + str(source.stat().st_mtime_ns).encode()).hexdigest()[:8]
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", source.stem)[:40]
        made = []
        for frame in frames:
            ending = frame.picture.media_type.removeprefix("image/")
            made.append(self._frames / f"{stem}-{mark}-{frame.seconds:.3f}s.{ending}")
            made[-1].write_bytes(frame.picture.data)
        for old in sorted(self._frames.iterdir(), key=os.path.getmtime)[:-_MOST_KEPT]:
            old.unlink(missing_ok=True)
        return list(map(str, made))

    @property
    def _frames(self) -> Path:
        return self.options.scratch / "media" / "frames"
