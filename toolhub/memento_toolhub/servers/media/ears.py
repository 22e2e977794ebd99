"""Which ears to use, as one line of text, and those behind an address: OpenAI's /audio/transcriptions."""

from __future__ import annotations

import io
import re
import wave
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import httpx2

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.media.seams import Ears, Segment, Transcript
from memento_toolhub.servers.media.sound import RATE
from memento_toolhub.servers.media.whisper import WhisperEars

if TYPE_CHECKING:
    from memento_toolhub.servers.media.seams import Samples

VARIABLE = "MEMENTO_SPEECH_MODEL"
_FORMS = "whisper:<size or folder>, openai:<model> or openai:<model>@<base url>"
_OFFICIAL = "https://api.openai.com/v1"
_SILENCE_S, _CONNECT_S = 300.0, 10.0
_ATTEMPTS = 4
_LONGEST_WAIT_S = 30.0
_PASSING = (408, 409, 429, 500, 502, 503, 504)
_ON_FORMAT = re.compile(r"response_format|verbose|timestamp", re.IGNORECASE)
_HINTS = {
    401: "set the key anew (OPENAI_API_KEY, or MEMENTO_MODEL_KEY for an address)",
    404: f"see the model's name and the address in {VARIABLE}",
}


def ears_of(text: str, environment: Mapping[str, str]) -> Ears | None:
    """The ears a setting names; None where it names none.

    Args:
        text: whisper:<size or folder>, openai:<model>, openai:<model>@<base url>, none or nothing.
        environment: where the keys are: OPENAI_API_KEY, and MEMENTO_MODEL_KEY for an endpoint named by its address.

    Raises:
        ValueError: if the setting has none of the forms or its key is missing; the setting is not repeated, as it
            might hold a key.
    """
    text = text.strip()
    if text.lower() in ("", "none"):
        return None
    kind, _, rest = text.partition(":")
    kind, rest = kind.strip().lower(), rest.strip()
    if kind == "whisper" and rest:
        return WhisperEars(rest)
    if kind != "openai" or not rest:
        raise ValueError(f"{VARIABLE}: it names no speech model; use one of {_FORMS}")
    model, at, address = rest.partition("@http")
    if model.startswith("sk-"):
        raise ValueError(f"{VARIABLE}: the model looks like a key; keys go into OPENAI_API_KEY or MEMENTO_MODEL_KEY")
    if not re.fullmatch(r"[^\s:]([^\s:]|:(?!//))*", model):
        raise ValueError(f"{VARIABLE}: the name of the model is empty or has spaces in it; use one of {_FORMS}")
    base_url = _base_url(f"http{address}") if at else _OFFICIAL
    # OpenAI's own key belongs to nobody else.
    official = (urlsplit(base_url).hostname or "").endswith(".openai.com")
    variable = "OPENAI_API_KEY" if official else "MEMENTO_MODEL_KEY"
    key = environment.get(variable, "").strip()
    if official and not key:
        raise ValueError(f"{VARIABLE}: there is no key; set {variable}, or use whisper:<size or folder>")
    if not re.fullmatch(r"[!-~]*", key):
        raise ValueError(f"{variable}: it holds characters no key has; set it anew")
    return EndpointEars(model, key=key, base_url=base_url, named=f"openai:{rest}")


def _base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and re.fullmatch(r"https?://[^\s?#@]+", url) is not None
    except ValueError:
        usable = False
    if not usable:
        wanted = "an http or https address without password, ? or #"
        raise ValueError(f"{VARIABLE}: the base url has to be {wanted}; use one of {_FORMS}")
    return url.rstrip("/")


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

    async def hear(self, samples: Samples, language: str) -> Transcript:
        """What is said in a piece of sound.

        Raises:
            CallError: if the endpoint cannot be reached, refuses, or answers in no form that is known.
        """
        said = await self._answer(_wav(samples), language)
        listed = said.get("segments")
        segments = _segments(said["text"].strip(), listed or (), len(samples) / RATE)
        return Transcript(segments, language or str(said.get("language") or ""), exact=isinstance(listed, list))

    async def _answer(self, sound: bytes, language: str) -> Mapping[str, Any]:
        timeout = httpx2.Timeout(_SILENCE_S, connect=_CONNECT_S)
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        files = {"file": ("audio.wav", sound, "audio/wav")}
        # A redirect would take the sound and the key to wherever it points.
        async with httpx2.AsyncClient(timeout=timeout, headers=headers, follow_redirects=False) as client:
            wait = 0.0
            for attempt in range(_ATTEMPTS):
                await anyio.sleep(wait)
                wait = 0.5 * 2**attempt
                try:
                    response = await client.post(self._url, data=self._fields(language), files=files)
                except httpx2.HTTPError as error:
                    said = f"{urlsplit(self._url).netloc} cannot be reached ({error or type(error).__name__})"
                    problem = self._problem(said, f"see whether it runs and {VARIABLE} names its address")
                    continue
                if response.status_code == 200:
                    return self._understood(response)
                if response.status_code in (400, 422) and self._gives_times and _ON_FORMAT.search(response.text):
                    self._gives_times = False
                    continue
                problem = self._refusal(response)
                if response.status_code not in _PASSING:
                    break
                asked = response.headers.get("retry-after", "")
                wait = min(float(asked), _LONGEST_WAIT_S) if asked.isdigit() else wait
        raise problem

    def _fields(self, language: str) -> dict[str, str]:
        fields = {"model": self._model, "response_format": "json", "temperature": "0"}
        if self._gives_times:
            fields |= {"response_format": "verbose_json", "timestamp_granularities[]": "segment"}
        return fields | ({"language": language} if language else {})

    def _understood(self, response: httpx2.Response) -> Mapping[str, Any]:
        try:
            said = response.json()
        except ValueError:
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("text"), str):
            raise self._problem("it answered without a text", "it may be no endpoint for transcriptions")
        return said

    def _refusal(self, response: httpx2.Response) -> CallError:
        hint = _HINTS.get(response.status_code, f"try again later, or set {VARIABLE} to another one")
        return self._problem(f"it answered {response.status_code} ({' '.join(response.text.split())[:300]})", hint)

    def _problem(self, said: str, hint: str) -> CallError:
        return CallError(f"{self.name}: {said.replace(self._key, '***') if self._key else said}; {hint}")


def _wav(samples: Samples) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(samples.tobytes())
    return made.getvalue()


def _segments(whole: str, listed: Any, length: float) -> tuple[Segment, ...]:
    """What was said, with times inside the piece of sound; all of it at once where there are none."""
    made = []
    for one in listed:
        try:
            start, end, text = float(one["start"]), float(one["end"]), str(one["text"]).strip()
        except (TypeError, KeyError, ValueError):
            continue
        if text:
            start = min(max(start, 0.0), length)
            made.append(Segment(start, min(max(end, start), length), text))
    return tuple(made) or ((Segment(0.0, length, whole),) if whole else ())
