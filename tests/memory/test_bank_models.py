"""What a bank does while its embedding model is not ready, is missing or is another one."""

from dataclasses import dataclass

import numpy as np
import pytest

from memento_memory.bank import CaseBank
from memento_memory.case import Task
from memento_memory.embedding import ModelInfo, NoEmbedder, Ready
from memento_memory.errors import InputError, ModelMismatchError
from memory.making import SUCCESS, TASKS, ids, report, tasks


@dataclass
class Later:
    """An embedding model that is ready when the test says so."""

    embedder: object
    ready: bool = False

    def get(self, *, wait=0.0):
        return self.embedder if self.ready else None


@dataclass
class OtherModel:
    """A model of another kind: the real vectors turned round, under another hash."""

    real: object

    @property
    def info(self):
        return ModelInfo("other", self.real.info.dimension, "f" * 64)

    def embed(self, texts):
        return np.ascontiguousarray(self.real.embed(texts)[:, ::-1])


def test_before_the_model_is_ready_words_alone_are_compared_and_vectors_follow(tmp_path, embedder):
    model = Later(embedder)
    bank = CaseBank(tmp_path / "bank.db", model)
    for task, step in TASKS.items():
        bank.retain(report(task, step))
    by_words = bank.retrieve(Task("which process listens on port 9000"))
    assert by_words.ranking == "lexical"
    assert tasks(by_words)[0] == "show which process listens on port 8080"
    assert bank.embed_pending() == 0
    assert bank.stats().without_vector == len(TASKS)
    model.ready = True
    done = []
    assert bank.embed_pending(lambda made, total: done.append((made, total))) == len(TASKS)
    assert done == [(len(TASKS), len(TASKS))]
    assert bank.stats().without_vector == 0
    assert bank.retrieve(Task("which process listens on port 9000")).ranking == "hybrid"
    assert bank.embed_pending() == 0
    bank.close()


def test_without_any_model_everything_works_by_words(tmp_path):
    bank = CaseBank(tmp_path / "bank.db", NoEmbedder())
    bank.retain(report("restart nginx", "systemctl restart nginx"))
    assert bank.retrieve(Task("restart nginx")).shown[0].repeat
    with pytest.raises(InputError, match="not ready"):
        bank.reembed()
    bank.close()


def test_under_another_model_retrieval_refuses_but_outcomes_are_kept(filled, embedder):
    other = CaseBank(filled.database.path, Ready(OtherModel(embedder)))
    with pytest.raises(ModelMismatchError, match="memento reembed"):
        other.retrieve(Task("anything"))
    kept = other.retain(report("sort a file by size", "ls -S"))
    with pytest.raises(ModelMismatchError):
        other.embed_pending()
    assert other.case(kept.case.id).result == SUCCESS
    assert filled.stats().without_vector == 1
    assert other.restore(other.forget(kept.case.id).id).forgotten_at is None
    other.close()
    filled.embed_pending()
    assert ids(filled.retrieve(Task("sort a file by size"), k=1)) == [kept.case.id]


def test_embedding_anew_for_another_model_goes_on_where_it_was_interrupted(filled, embedder, monkeypatch):
    monkeypatch.setattr("memento_memory.upkeep._BATCH", 2)
    other = CaseBank(filled.database.path, Ready(OtherModel(embedder)))

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        other.reembed(stop)
    assert other.stats().without_vector == len(TASKS) - 2
    seen = []
    assert other.reembed(lambda done, total: seen.append((done, total))) == len(TASKS) - 2
    assert seen == [(2, 3), (3, 3)]
    assert other.stats().model == "other"
    assert tasks(other.retrieve(Task("which program is using port 3000?"), browse=True, k=1)) == [
        "show which process listens on port 8080"
    ]
    with pytest.raises(ModelMismatchError):
        filled.retrieve(Task("anything"))
    other.close()
