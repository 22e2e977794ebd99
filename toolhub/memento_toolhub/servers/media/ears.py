"""Which ears to use, as one line of text: MEMENTO_SPEECH_MODEL."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from memento_toolhub.servers.media.seams import Ears

VARIABLE = "MEMENTO_SPEECH_MODEL"
FORMS = "whisper:<size or folder>, openai:<model> or openai:<model>@<base url>"
_OFFICIAL = "https://api.openai.com/v1"


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
        from memento_toolhub.servers.media.whisper import WhisperEars

        return WhisperEars(rest)
    if kind != "openai" or not rest:
        raise ValueError(f"{VARIABLE}: it names no speech model; use one of {FORMS}")
    return _endpoint(rest, environment)


def key_variable(base_url: str) -> str:
    """The environment variable of an endpoint's key: OpenAI's own belongs to nobody else."""
    official = (urlsplit(base_url).hostname or "").endswith(".openai.com")
    return "OPENAI_API_KEY" if official else "MEMENTO_MODEL_KEY"


def _endpoint(rest: str, environment: Mapping[str, str]) -> Ears:
    from memento_toolhub.servers.media.endpoint import EndpointEars

    model, at, address = rest.partition("@http")
    if model.startswith("sk-"):
        raise ValueError(f"{VARIABLE}: the model looks like a key; keys go into OPENAI_API_KEY or MEMENTO_MODEL_KEY")
    if not model or not model.isprintable() or " " in model or "://" in model:
        raise ValueError(f"{VARIABLE}: the name of the model is empty or has spaces in it; use one of {FORMS}")
    base_url = _base_url(f"http{address}") if at else _OFFICIAL
    variable = key_variable(base_url)
    key = environment.get(variable, "").strip()
    if not at and not key:
        raise ValueError(f"{VARIABLE}: there is no key; set {variable}, or use whisper:<size or folder>")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(f"{variable}: it holds characters no key has; set it anew")
    return EndpointEars(model, key=key, base_url=base_url, named=f"openai:{rest}")


def _base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or " " in url or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            f"{VARIABLE}: the base url has to be an http or https address without password, ? or #; use one of {FORMS}"
        )
    return url.rstrip("/")
