"""What a reader may rely on about the vectors."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_memory.embedding import EmbeddingModelError, OnnxEmbedder, find_prepared, load

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [
    "",
    "Count the files in the current folder that are larger than a megabyte",
    "Which singer is older than the average singer?",
    "SELECT count(*) FROM concert WHERE year = 2014 OR year = 2015;",
    "Überprüfe die Größe aller Anhänge",
    "把所有测试重新运行一遍",
    "🙂🙃 \t\n tabs, lines and symbols ∑ ≠ ∞",
    "one plan after another, " * 200,
    "antidisestablishmentarianism" * 30,
]
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates included

ORIGINAL = """
import json, sys, numpy
from sentence_transformers import SentenceTransformer
from memento_memory.embedding.source import DEFAULT_MODEL, resolve
model = SentenceTransformer(resolve(DEFAULT_MODEL).location, device="cpu")
texts = json.load(sys.stdin)
numpy.save(sys.argv[1], model.encode(texts, normalize_embeddings=True, show_progress_bar=False))
"""


@pytest.mark.slow
def test_vectors_are_those_of_sentence_transformers(embedder: OnnxEmbedder, tmp_path: Path) -> None:
    file = tmp_path / "original.npy"
    subprocess.run([sys.executable, "-c", ORIGINAL, file], input=json.dumps(TEXTS), text=True, check=True, timeout=300)
    cosines = (embedder.embed(TEXTS) * np.load(file)).sum(axis=1)
    assert cosines.min() >= 0.9999


@settings(max_examples=40)
@given(st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_any_text_gives_a_unit_vector(embedder: OnnxEmbedder, texts: list[str]) -> None:
    vectors = embedder.embed(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(texts), embedder.info.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_rows(embedder: OnnxEmbedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.info.dimension)


def test_a_text_has_the_same_vector_in_any_company(embedder: OnnxEmbedder) -> None:
    company = [f"{'step ' * (i * 7 % 40)}{i}" for i in range(30)] + TEXTS
    together = embedder.embed(company)
    alone = np.concatenate([embedder.embed([text]) for text in company])
    assert (together * alone).sum(axis=1).min() > 0.99999


def test_a_lone_surrogate_counts_as_a_question_mark(embedder: OnnxEmbedder) -> None:
    broken, replaced = embedder.embed(["what \ud83d is this", "what ? is this"])
    np.testing.assert_allclose(broken, replaced, atol=1e-6)


def test_what_is_beyond_the_longest_text_the_model_reads_does_not_matter(embedder: OnnxEmbedder) -> None:
    kept = "plan " * 300
    one, other = embedder.embed([kept + "cats", kept + "taxes"])
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_threads_may_share_an_embedder(embedder: OnnxEmbedder) -> None:
    alone = [embedder.embed([text]) for text in TEXTS]
    with ThreadPoolExecutor(4) as pool:
        shared = list(pool.map(lambda text: embedder.embed([text]), TEXTS * 2))
    for index, vector in enumerate(shared):
        np.testing.assert_allclose(vector, alone[index % len(TEXTS)], atol=1e-5)


def test_related_texts_are_closer_than_unrelated_ones(embedder: OnnxEmbedder) -> None:
    task, paraphrase, other = embedder.embed(["Find large files", "List the biggest files", "Who wrote Hamlet?"])
    assert task @ paraphrase > task @ other + 0.3


LOADED = """
import sys
import memento_memory.embedding as embedding
early = {"numpy", "onnxruntime", "tokenizers", "torch", "transformers"} & sys.modules.keys()
embedding.load(embedding.prepare()).embed(["one text"])
late = {"torch", "transformers", "sentence_transformers", "onnx"} & sys.modules.keys()
print(sorted(early), sorted(late))
"""


def test_importing_is_light_and_serving_never_imports_torch(embedder: OnnxEmbedder) -> None:
    run = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.strip() == "[] []"


def test_a_model_that_cannot_be_loaded_is_named_with_the_way_out(embedder: OnnxEmbedder, tmp_path: Path) -> None:
    prepared = find_prepared()
    assert prepared is not None
    for name in ("model.json", "tokenizer.json"):
        shutil.copy(prepared / name, tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(EmbeddingModelError, match=rf"{tmp_path}.*delete that folder"):
        load(tmp_path)
