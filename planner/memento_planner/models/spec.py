"""Which model to use, as one line of text."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from memento_memory.errors import InputError

_FORMS = "anthropic:<model>, openai:<model>, openai:<model>@<base url>, local:<file.gguf>, local:smollm2, host or none"
_NAMED = ("anthropic", "openai", "local")
_LOCAL_NAMES = ("smollm2",)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A choice of model; its text is the setting it came from, which holds no key.

    Attributes:
        kind: anthropic, openai, local or host.
        model: the provider's name for it, or a file; empty for host.
        base_url: of an endpoint that speaks OpenAI's language, without a slash at the end; None is the provider's own.
    """

    kind: str
    model: str = ""
    base_url: str | None = None

    def __str__(self) -> str:
        named = f"{self.kind}:{self.model}" if self.model else self.kind
        return f"{named}@{self.base_url}" if self.base_url else named


def parse_spec(text: str, *, field: str = "model") -> ModelSpec | None:
    """The model a setting names; None where it names none.

    Args:
        field: what the setting is called in an error.

    Raises:
        InputError: if it has none of the forms; the text is not repeated, as it might hold a key.
    """
    text = text.strip()
    if text.lower() in ("", "none"):
        return None
    if text.lower() == "host":
        return ModelSpec("host")
    kind, _, rest = text.partition(":")
    kind, rest = kind.strip().lower(), rest.strip()
    if kind not in _NAMED or not rest:
        raise InputError(field, f"it names no model; use one of {_FORMS}")
    if kind == "local":
        return ModelSpec("local", _local(rest, field))
    model, at, address = rest.partition("@http")
    if not at:
        return ModelSpec(kind, _model(model, field))
    if kind != "openai":
        raise InputError(field, f"only openai takes a base url; use one of {_FORMS}")
    return ModelSpec(kind, _model(model, field), _base_url(f"http{address}", field))


def _local(name: str, field: str) -> str:
    if name.lower() in _LOCAL_NAMES:
        return name.lower()
    if not name.lower().endswith(".gguf"):
        raise InputError(field, f"a local model is a .gguf file or smollm2; use one of {_FORMS}")
    return name


def _model(name: str, field: str) -> str:
    if name.startswith("sk-"):
        raise InputError(field, "the model looks like a key; keys go into OPENAI_API_KEY or ANTHROPIC_API_KEY")
    if not name or not name.isprintable() or any(character.isspace() for character in name) or "://" in name:
        raise InputError(
            field, f"the name of the model is empty or has spaces or an address in it; use one of {_FORMS}"
        )
    return name


def _base_url(url: str, field: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or any(character.isspace() for character in url):
        raise InputError(field, f"the base url is not an http or https address; use one of {_FORMS}")
    if "@" in parts.netloc:
        raise InputError(
            field, "the base url holds a user name or a password; put the key into MEMENTO_MODEL_KEY instead"
        )
    if parts.query or parts.fragment:
        raise InputError(
            field, "the base url has a ? or # part; give only the address that ends before /chat/completions"
        )
    return url.rstrip("/")


def key_variable(base_url: str | None) -> str:
    """The environment variable of an OpenAI-compatible endpoint's key: a provider's own key belongs to nobody else."""
    official = base_url is None or (urlsplit(base_url).hostname or "").endswith(".openai.com")
    return "OPENAI_API_KEY" if official else "MEMENTO_MODEL_KEY"
