"""Ears behind an address: OpenAI's /audio/transcriptions, and what speaks its language."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx2
from mcp.server.mcpserver.exceptions import ToolError

from memento_toolhub.servers.media.seams import OnProgress, Segment, Transcript
from memento_toolhub.servers.media.slices import Slice, length, slices

_SLICE_S = 600.0  # 19 MB of WAV, where 25 MB are the most OpenAI takes
_SLICE_WITHOUT_TIMES_S = 30.0  # the times are those of the pieces, which should be short, then
_SILENCE_S, _CONNECT_S = 300.0, 10.0
_ATTEMPTS = 4
_LONGEST_WAIT_S = 30.0
_MOST_BYTES = 32_000_000
_PASSING = (408, 409, 429, 500, 502, 503, 504)
_ON_FORMAT = re.compile(r"response_format|verbose|timestamp", re.IGNORECASE)


class EndpointEars:
    """A speech model behind an endpoint; what is said goes there over the network.

    Args:
        base_url: up to before /audio/transcriptions.
        key: may be empty where the endpoint takes none.
        named: the setting that chose it.
    """

    remote = True

    def __init__(self, model: str, *, key: str, base_url: str, named: str) -> None:
        self._model = model
        self._key = key
        self._url = f"{base_url}/audio/transcriptions"
        self.name = named
        self._gives_times = True

    def __repr__(self) -> str:
        return f"EndpointEars({self._model!r}, {self._url!r})"

    async def hear(self, audio: Path, language: str, on_progress: OnProgress) -> Transcript:
        """What is said in a WAV file, sent in pieces.

        Raises:
            ToolError: if the endpoint cannot be reached, refuses, or answers in no form that is known.
        """
        timeout = httpx2.Timeout(_SILENCE_S, connect=_CONNECT_S)
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        # A redirect would take the sound and the key to wherever it points.
        async with httpx2.AsyncClient(timeout=timeout, headers=headers, follow_redirects=False) as client:
            if self._gives_times:
                try:
                    return await self._all(client, audio, language, on_progress)
                except _NoTimesError:
                    self._gives_times = False
            return await self._all(client, audio, language, on_progress)

    async def _all(self, client: httpx2.AsyncClient, audio: Path, language: str, on_progress: OnProgress) -> Transcript:
        whole = await anyio.to_thread.run_sync(length, audio)
        segments: list[Segment] = []
        heard = language
        pieces = slices(audio, _SLICE_S if self._gives_times else _SLICE_WITHOUT_TIMES_S)
        while (piece := await anyio.to_thread.run_sync(next, pieces, None)) is not None:
            said = await self._said(client, piece, language)
            segments.extend(_segments(said, piece))
            heard = heard or str(said.get("language") or "")
            await on_progress(piece.end, whole, f"heard {piece.end:.0f} of {whole:.0f} s")
        return Transcript(tuple(segments), heard, self._gives_times)

    async def _said(self, client: httpx2.AsyncClient, piece: Slice, language: str) -> Mapping[str, Any]:
        """The endpoint's answer for one piece."""
        fields: dict[str, Any] = {"model": self._model, "response_format": "json", "temperature": "0"}
        if self._gives_times:
            fields |= {"response_format": "verbose_json", "timestamp_granularities[]": "segment"}
        if language:
            fields["language"] = language
        with tempfile.TemporaryDirectory(prefix="memento-speech-") as folder:
            wav = Path(folder) / "audio.wav"
            await anyio.to_thread.run_sync(piece.save, wav)
            sound = await anyio.to_thread.run_sync(wav.read_bytes)
        for attempt in range(1, _ATTEMPTS + 1):
            response = await self._posted(client, fields, sound, last=attempt == _ATTEMPTS)
            if response is not None and response.status_code == 200:
                return self._understood(response)
            if response is not None and (response.status_code not in _PASSING or attempt == _ATTEMPTS):
                raise self._refusal(response)
            await anyio.sleep(_wait(response, attempt))
        raise AssertionError("the last attempt returns or raises")

    async def _posted(
        self, client: httpx2.AsyncClient, fields: Mapping[str, Any], sound: bytes, *, last: bool
    ) -> httpx2.Response | None:
        """The response; None where the connection failed and another attempt may do."""
        try:
            return await client.post(self._url, data=dict(fields), files={"file": ("audio.wav", sound, "audio/wav")})
        except httpx2.HTTPError as error:
            if not last:
                return None
            at = urlsplit(self._url).netloc
            raise ToolError(
                f"{self.name}: {at} cannot be reached ({self._scrubbed(str(error) or type(error).__name__)});"
                " see whether it runs and MEMENTO_SPEECH_MODEL names its address"
            ) from None

    def _understood(self, response: httpx2.Response) -> Mapping[str, Any]:
        try:
            said = response.json() if len(response.content) <= _MOST_BYTES else None
        except ValueError:
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("text"), str):
            raise ToolError(f"{self.name}: it answered without a text; it may be no endpoint for transcriptions")
        if self._gives_times and not isinstance(said.get("segments"), list):
            raise _NoTimesError
        return said

    def _refusal(self, response: httpx2.Response) -> Exception:
        said = self._scrubbed(_message(response))
        if response.status_code in (400, 422) and self._gives_times and _ON_FORMAT.search(said):
            return _NoTimesError()
        hints = {
            401: "set the key anew (OPENAI_API_KEY, or MEMENTO_MODEL_KEY for an address)",
            404: "see the model's name and the address in MEMENTO_SPEECH_MODEL",
            413: "the endpoint takes less at once; give start and end for a shorter stretch",
        }
        hint = hints.get(response.status_code, "try again later, or set MEMENTO_SPEECH_MODEL to another one")
        return ToolError(f"{self.name}: it answered {response.status_code} ({said[:300]}); {hint}")

    def _scrubbed(self, said: str) -> str:
        return said.replace(self._key, "***") if self._key else said


class _NoTimesError(Exception):
    """The endpoint gives no times of segments."""


def _segments(said: Mapping[str, Any], piece: Slice) -> list[Segment]:
    """What was said in a piece, at times of the whole."""
    made = []
    for one in said.get("segments") or ():
        try:
            start, end, text = float(one["start"]), float(one["end"]), str(one["text"]).strip()
        except (TypeError, KeyError, ValueError):
            continue
        if text:
            at = min(max(start, 0.0) + piece.start, piece.end)
            made.append(Segment(round(at, 2), round(min(max(end + piece.start, at), piece.end), 2), text))
    whole = str(said["text"]).strip()
    return made or ([Segment(round(piece.start, 2), round(piece.end, 2), whole)] if whole else [])


def _message(response: httpx2.Response) -> str:
    try:
        said = response.json()
    except ValueError:
        return response.text[:300]
    error = said.get("error", said.get("detail", said)) if isinstance(said, dict) else said
    return str(error.get("message", error) if isinstance(error, dict) else error)


def _wait(response: httpx2.Response | None, attempt: int) -> float:
    """Seconds to wait: what the endpoint asks for, or half a second, doubled each time."""
    asked = response.headers.get("retry-after", "") if response is not None else ""
    wanted = float(asked) if asked.replace(".", "", 1).isdigit() else 0.5 * 2 ** (attempt - 1)
    return min(wanted, _LONGEST_WAIT_S)
