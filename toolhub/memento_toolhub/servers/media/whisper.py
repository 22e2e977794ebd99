"""Ears on this machine: a Whisper model run by faster-whisper, in a process of its own that ends with each call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from anyio.abc import ByteReceiveStream
from mcp.server.mcpserver.exceptions import ToolError

from memento_toolhub.servers.media.seams import OnProgress, Segment, Transcript
from memento_toolhub.servers.media.slices import length
from memento_toolhub.servers.media.whisper_models import MissingModelError, find

_PROCESS = "memento_toolhub.servers.media.whisper_process"
_SLOWEST = 60.0  # seconds of work for one of sound: a large model on one slow core takes about 20
_LOADING_S = 300.0


class WhisperEars:
    """A Whisper model on this machine; one call at a time, for each uses all cores.

    Args:
        model: a size whose files are in Hugging Face's cache, or a folder in CTranslate2's format.
    """

    remote = False

    def __init__(self, model: str) -> None:
        self._model = model
        self.name = f"whisper:{model}"
        self._turn = anyio.Lock()

    async def hear(self, audio: Path, language: str, on_progress: OnProgress) -> Transcript:
        """What is said in a WAV file.

        Raises:
            ToolError: if the package or the model is missing, or the model does not know the language.
        """
        if find_spec("faster_whisper") is None:
            raise ToolError("faster-whisper is not installed; install it with: pip install 'memento-cbr[media]'")
        try:
            folder = find(self._model)
        except MissingModelError as error:
            raise ToolError(str(error)) from None
        whole = await anyio.to_thread.run_sync(length, audio)
        async with self._turn:
            with anyio.move_on_after(_LOADING_S + _SLOWEST * whole) as scope:
                return await self._heard(folder, audio, language, whole, on_progress)
        assert scope.cancelled_caught
        raise ToolError(f"{self.name}: it took far longer than it should and was stopped; use a smaller model")

    async def _heard(self, folder: Path, audio: Path, language: str, whole: float, on: OnProgress) -> Transcript:
        segments: list[Segment] = []
        found, ended = language, False
        async with AsyncExitStack() as stack:
            command = [sys.executable, "-m", _PROCESS, str(folder), str(audio), language]
            # Its own stdin, which ends with this process however that ends; offline, for nothing is fetched unasked.
            process = await anyio.open_process(
                command, stdin=subprocess.PIPE, stderr=None, env={**os.environ, "HF_HUB_OFFLINE": "1"}
            )
            await stack.enter_async_context(process)
            assert process.stdout is not None
            async for said in _lines(process.stdout):
                if "error" in said:
                    raise ToolError(f"{self.name}: {said['error']}")
                if "language" in said:
                    found = said["language"]
                elif "end" in said:
                    segments.append(Segment(said["start"], said["end"], said["text"]))
                    await on(min(said["end"], whole), whole, f"heard {said['end']:.0f} of {whole:.0f} s")
                ended = ended or "done" in said
        if not ended:
            raise ToolError(f"{self.name}: its process broke; it may have run out of memory: use a smaller model")
        return Transcript(tuple(segments), found)


async def _lines(stream: ByteReceiveStream) -> AsyncIterator[dict[str, Any]]:
    held = b""
    async for piece in stream:
        *whole, held = (held + piece).split(b"\n")
        for line in whole:
            yield json.loads(line)
