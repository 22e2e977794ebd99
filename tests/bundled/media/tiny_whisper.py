"""A Whisper model of a few MB whose weights are written, not learned: whatever it hears, it says the same words.

Each place in its reply is one dimension of its states, and its last layer holds the word for that place; so all of
the real loading, decoding and timing runs, and what comes out is known. It has the vocabulary of the English models.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

WORDS = "one two three"
SECONDS = (0.2, 1.2)
_WIDTH, _MELS = 32, 80
_PLAIN, _LANGUAGES = 50_256, 99
_END = _PLAIN
_TASKS = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
_CERTAIN = 30.0


def save(folder: Path) -> Path:
    """Write the model as a folder in CTranslate2's format."""
    from ctranslate2.specs.whisper_spec import WhisperSpec

    tokens = _tokens()
    spec = WhisperSpec(1, 2, 1, 2)
    rows = {"encoder": 1500, "decoder": 448}
    for path, layer, name in _empty(spec, ""):
        shape = _shape(path, rows, len(tokens))
        setattr(layer, name, np.ones(shape, np.float32) if name == "gamma" else np.zeros(shape, np.float32))
    spec.decoder.position_encodings.encodings = np.eye(448, _WIDTH, dtype=np.float32)
    spec.decoder.projection.weight = _said(tokens)
    spec.register_vocabulary(tokens)
    spec.validate()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    _tokenizer(tokens).save(str(folder / "tokenizer.json"))
    return folder


def _tokens() -> list[str]:
    from faster_whisper.tokenizer import _LANGUAGE_CODES
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    words = [f"Ġ{word}" for word in WORDS.split()]
    filling = [f"unused{i}" for i in range(_PLAIN - len(letters) - len(words))]
    special = [
        "endoftext",
        "startoftranscript",
        *_LANGUAGE_CODES[:_LANGUAGES],
        *_TASKS,
        *(f"{i * 0.02:.2f}" for i in range(1501)),
    ]
    return [*letters, *words, *filling, *(f"<|{name}|>" for name in special)]


def _tokenizer(tokens: list[str]) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    made = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(token, special=True) for token in tokens[_PLAIN:-1501]])
    return made


def _said(tokens: list[str]) -> np.ndarray[Any, Any]:
    """The last layer: a time, the words, a time and the end, each at its place."""
    number = {token: i for i, token in enumerate(tokens)}
    start, end = (number[f"<|{seconds:.2f}|>"] for seconds in SECONDS)
    weight = np.zeros((len(tokens), _WIDTH), np.float32)
    for place, token in enumerate([start, *(number[f"Ġ{word}"] for word in WORDS.split()), end, _END]):
        weight[token, place] = _CERTAIN
    return weight


def _empty(layer: Any, path: str) -> Iterator[tuple[str, Any, str]]:
    """Every weight that has to be given: its path, its layer and its name."""
    for name, value in list(vars(layer).items()):
        here = f"{path}.{name}"
        if isinstance(value, list):
            for i, one in enumerate(value):
                yield from _empty(one, f"{here}[{i}]")
        elif value is None or name in ("bias", "encodings"):
            yield here, layer, name
        elif hasattr(value, "validate"):
            yield from _empty(value, here)


def _shape(path: str, rows: dict[str, int], vocabulary: int) -> tuple[int, ...]:
    """The shape of a weight, by where it is: queries, keys and values lie one above the other."""
    *_, layer, name = path.split(".")
    part = path.split(".")[1]
    wide = {"linear_0": 4}.get(layer, 1)
    if "attention.linear" in path:
        fused = {("self_attention", 0): 3, ("attention", 1): 2}
        kind = "self_attention" if "self_attention" in path else "attention"
        wide = fused.get((kind, int(layer[-2])), 1)
    if name in ("gamma", "beta"):
        return (_WIDTH,)
    if name == "encodings":
        return (rows[part], _WIDTH)
    if layer in ("embeddings", "projection"):
        return (vocabulary, _WIDTH) if name == "weight" else (vocabulary,)
    if name == "bias":
        return (_WIDTH * wide,)
    if layer in ("conv1", "conv2"):
        return (_WIDTH, _MELS if layer == "conv1" else _WIDTH, 3)
    return (_WIDTH * wide, _WIDTH * (4 if layer == "linear_1" else 1))
