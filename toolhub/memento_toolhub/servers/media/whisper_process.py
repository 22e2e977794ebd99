"""The process that hears: `python -m memento_toolhub.servers.media.whisper_process FOLDER WAV LANGUAGE`.

It writes one JSON object a line: {"language"}, {"start", "end", "text"} for each segment, {"done"} or {"error"}.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import IO, Any

from memento_toolhub.servers.media.slices import slices

_SLICE_S = 600.0  # what is in memory at a time


def hear(folder: str, wav: str, language: str, out: IO[str]) -> None:
    """Write down what is said in a WAV file, segment by segment."""
    import numpy as np
    from faster_whisper import WhisperModel

    try:
        model = WhisperModel(folder, local_files_only=True)
        known = model.supported_languages
    except (RuntimeError, ValueError, OSError) as error:
        return _say(out, error=f"its model cannot be loaded ({error}); see the folder, or use another size")
    if language and language not in known:
        return _say(out, error=f"language: {language!r} is not one it knows; it knows {', '.join(known)}")
    for piece in slices(Path(wav), _SLICE_S):
        sound = piece.samples.astype(np.float32) / 32768.0
        # Without the filter Whisper hears words in silence and noise.
        segments, about = model.transcribe(sound, language=language or None, vad_filter=True)
        for segment in segments:
            start, end = round(piece.start + segment.start, 2), round(piece.start + segment.end, 2)
            if text := segment.text.strip():
                if not language:
                    language = about.language
                    _say(out, language=language)
                _say(out, start=start, end=end, text=text)
    _say(out, done=True)


def _say(out: IO[str], **what: Any) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


def main() -> None:
    """Hear the file named on the command line."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    threading.Thread(target=_end_with_parent, daemon=True).start()
    folder, wav, language = sys.argv[1:4]
    hear(folder, wav, language, out)


if __name__ == "__main__":
    main()
