"""Dense search in the file: exact where it is small, nearly so where it is large, and always in step."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from memento_memory.embedding import ModelInfo
from memento_memory.errors import ModelMismatchError
from memento_memory.store import cases, vectors
from memento_memory.store.codes import CodeCopy, _bits
from memento_memory.store.database import Database
from memento_memory.store.query import fetch_all
from memory import making, upkeep

DIMENSION = 128
MODEL = ModelInfo("toy", DIMENSION, "0" * 64)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def clustered(count, rng):
    """Unit vectors in groups of ten, as texts come: some near relatives each, the rest far away."""
    centres = rng.normal(size=(count // 10, DIMENSION))
    return unit(np.repeat(centres, 10, axis=0) + 0.6 * rng.normal(size=(count, DIMENSION)))


def fill(bank, matrix, namespace_of=lambda i: "default"):
    """Store one case for each vector; return row keys in the order of the vectors."""
    with bank.writing() as db:
        vectors.bind(db, MODEL)
        keys = [
            cases.insert(db, making.case(f"v-{i}", f"task {i}", namespace=namespace_of(i))) for i in range(len(matrix))
        ]
        for key, vector in zip(keys, matrix, strict=True):
            vectors.put(db, key, vector)
    return keys


def exact(matrix, keys, query, limit):
    order = np.argsort(-(matrix @ query), kind="stable")[:limit]
    return [keys[i] for i in order]


def vector_of(key):
    return unit(np.random.default_rng(key).normal(size=DIMENSION))


@pytest.fixture
def bank(tmp_path):
    opened = Database(tmp_path / "bank.db")
    yield opened
    opened.close()


@pytest.fixture
def other(tmp_path, bank):
    """Another connection to the same bank."""
    opened = Database(tmp_path / "bank.db")
    yield opened
    opened.close()


@pytest.mark.parametrize("size", [1, 30, vectors.COARSE_HITS])
def test_a_small_bank_is_searched_exactly(bank, size):
    rng = np.random.default_rng(size)
    matrix, query = unit(rng.normal(size=(size, DIMENSION))), unit(rng.normal(size=DIMENSION))
    keys = fill(bank, matrix)
    with bank.reading() as db:
        found = vectors.nearest(db, query, ["default"], 10, None)
    assert [key for key, _ in found] == exact(matrix, keys, query, 10)
    assert [cosine for _, cosine in found] == pytest.approx(sorted(matrix @ query, reverse=True)[:10], abs=1e-6)


@pytest.mark.parametrize("with_copy", [False, True])
def test_the_two_stages_find_nearly_all_that_exact_search_finds(bank, with_copy):
    rng = np.random.default_rng(0)
    matrix = clustered(2_500, rng)
    keys = fill(bank, matrix)
    copy = CodeCopy() if with_copy else None
    hits = 0
    for _ in range(20):
        query = unit(matrix[rng.integers(len(matrix))] + 0.05 * rng.normal(size=DIMENSION))
        with bank.reading() as db:
            found = vectors.nearest(db, query, ["default"], 10, copy)
        assert [cosine for _, cosine in found] == sorted((cosine for _, cosine in found), reverse=True)
        hits += len({key for key, _ in found} & set(exact(matrix, keys, query, 10)))
    assert hits / 200 >= 0.97


@pytest.mark.parametrize("size", [60, vectors.COARSE_HITS + 60])
def test_only_the_namespaces_asked_for_are_searched(bank, size):
    rng = np.random.default_rng(size)
    matrix = unit(rng.normal(size=(size, DIMENSION)))
    names = ["a", "b", "c"]
    keys = fill(bank, matrix, lambda i: names[i % 3])
    copy = CodeCopy()
    for wanted in (["a"], ["b", "c"], ["a", "b", "c"], ["none"]):
        with bank.reading() as db:
            found = {key for key, _ in vectors.nearest(db, matrix[0], wanted, size, copy)}
        allowed = {key for i, key in enumerate(keys) if names[i % 3] in wanted}
        assert found <= allowed
        assert len(found) >= min(len(allowed), vectors.COARSE_HITS)


def test_a_bank_without_a_model_has_nothing_near(bank):
    with bank.reading() as db:
        assert vectors.nearest(db, vector_of(1), ["default"], 5, CodeCopy()) == []


def test_forgotten_cases_have_no_vector_and_get_none(bank):
    (key,) = fill(bank, unit(np.ones((1, DIMENSION))))
    with bank.writing() as db:
        cases.set_forgotten(db, key, 1.0)
        vectors.put(db, key, vector_of(1))
        assert vectors.of_cases(db, [key])[0] == []
        assert vectors.without_vector(db, 10) == []
        cases.set_forgotten(db, key, None)
        assert [row[:2] for row in vectors.without_vector(db, 10)] == [(key, "task 0")]


def test_vectors_of_cases_come_with_their_keys_and_without_gaps(bank):
    matrix = unit(np.random.default_rng(0).normal(size=(5, DIMENSION)))
    keys = fill(bank, matrix)
    with bank.reading() as db:
        found, rows = vectors.of_cases(db, [keys[3], 999, keys[1]])
    assert sorted(found) == [keys[1], keys[3]]
    for key, row in zip(found, rows, strict=True):
        np.testing.assert_array_equal(row, matrix[keys.index(key)])


@pytest.mark.parametrize("other_model", [ModelInfo("toy", DIMENSION, "1" * 64), ModelInfo("toy", 64, "0" * 64)])
def test_another_models_vectors_are_neither_compared_nor_mixed_in(bank, other_model):
    fill(bank, vector_of(1)[None])
    with bank.writing() as db:
        assert vectors.is_bound(db, MODEL)
        assert vectors.admits(db, MODEL)
        assert not vectors.admits(db, other_model)
        with pytest.raises(ModelMismatchError, match="memento reembed"):
            vectors.is_bound(db, other_model)


def test_binding_another_model_drops_the_old_vectors_and_queues_every_active_case(bank):
    keys = fill(bank, unit(np.random.default_rng(0).normal(size=(4, DIMENSION))))
    small = ModelInfo("small", 64, "2" * 64)
    with bank.writing() as db:
        cases.set_forgotten(db, keys[0], 1.0)
        vectors.bind(db, small)
        assert vectors.is_bound(db, small)
        assert vectors.of_cases(db, keys)[0] == []
        assert [key for key, *_ in vectors.without_vector(db, 10)] == keys[1:]
        vectors.put(db, keys[1], unit(np.ones(64)))
        assert vectors.count_without(db) == 2
        assert fetch_all(db, "SELECT rowid FROM case_codes") == [(keys[1],)]


@given(
    npst.arrays(
        np.float32, DIMENSION, elements=st.floats(-1, 1, width=32) | st.sampled_from([0.0, -0.0, 1e-38, -1e-38])
    )
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_codes_in_memory_are_those_of_the_index(bank, vector):
    with bank.reading() as db:
        ((code,),) = fetch_all(db, "SELECT vec_quantize_binary(?)", (vector.tobytes(),))
    assert _bits(vector).tobytes() == code


def assert_in_step(copy, bank, query):
    """Every active vector is in the copy, nothing else is, and all have the right code."""
    with bank.reading() as db:
        copy.refresh(db)
        keys = sorted(key for (key,) in fetch_all(db, "SELECT case_key FROM case_vectors"))
        far = dict(
            fetch_all(
                db,
                "SELECT case_key, vec_distance_hamming(vec_quantize_binary(embedding), vec_quantize_binary(?))"
                " FROM case_vectors",
                (query.tobytes(),),
            )
        )
    assert sorted(copy.nearest(query, ["default"], 10_000)) == keys
    for limit in range(1, len(keys)):
        chosen = copy.nearest(query, ["default"], limit)
        assert len(chosen) == limit
        assert max(far[key] for key in chosen) <= min((far[key] for key in keys if key not in chosen), default=1e9)


@given(st.lists(upkeep.CHANGES, min_size=1, max_size=5))
@settings(max_examples=40)
def test_the_codes_in_memory_follow_whatever_another_connection_does(tmp_path_factory, rounds):
    path = tmp_path_factory.mktemp("step") / "bank.db"
    mine, theirs, copy, query = Database(path), Database(path), CodeCopy(), vector_of(77)
    with theirs.writing() as db:
        vectors.bind(db, MODEL)
    assert_in_step(copy, mine, query)
    for changes in rounds:
        with theirs.writing() as db:
            for change, number in changes:
                upkeep.apply(db, change, number)
            for key, *_ in vectors.without_vector(db, 100):
                vectors.put(db, key, vector_of(key))
            assert {key for (key,) in fetch_all(db, "SELECT case_key FROM case_vectors")} == upkeep.active(db)
        assert_in_step(copy, mine, query)
    mine.close()
    theirs.close()


def test_the_codes_in_memory_follow_another_process(bank):
    keys = fill(bank, unit(np.random.default_rng(5).normal(size=(20, DIMENSION))))
    copy, query = CodeCopy(), vector_of(3)
    assert_in_step(copy, bank, query)
    script = (
        "import sys, pathlib\n"
        "from memento_memory.store import cases\n"
        "from memento_memory.store.database import Database\n"
        "with Database(pathlib.Path(sys.argv[1])).writing() as db:\n"
        "    cases.set_forgotten(db, int(sys.argv[2]), 1.0)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(bank.path), str(keys[4])], check=True, timeout=60)
    assert_in_step(copy, bank, query)
    assert keys[4] not in copy.nearest(query, ["default"], 100)


def test_the_codes_in_memory_follow_a_change_of_model(bank, other):
    keys = fill(bank, unit(np.random.default_rng(6).normal(size=(12, DIMENSION))))
    copy = CodeCopy()
    assert_in_step(copy, bank, vector_of(3))
    with other.writing() as db:
        vectors.bind(db, ModelInfo("small", 64, "2" * 64))
    small = unit(np.random.default_rng(8).normal(size=(12, 64)))
    assert_in_step(copy, bank, small[0])
    with other.writing() as db:
        for key, vector in zip(keys, small, strict=True):
            vectors.put(db, key, vector)
    assert_in_step(copy, bank, small[0])


def test_a_copy_that_is_behind_a_trimmed_log_reads_everything_anew(bank, monkeypatch):
    matrix = unit(np.random.default_rng(5).normal(size=(40, DIMENSION)))
    keys = fill(bank, matrix)
    copy = CodeCopy()
    with bank.reading() as db:
        copy.refresh(db)
    monkeypatch.setattr(vectors, "_LOG_KEPT", 3)
    with bank.writing() as db:
        for key in keys[:20]:
            db.execute("DELETE FROM case_vectors WHERE case_key = ?", (key,))
        vectors.trim_log(db)
        assert fetch_all(db, "SELECT count(*) FROM vector_log") == [(4,)]
    with bank.reading() as db:
        found = {key for key, _ in vectors.nearest(db, matrix[0], ["default"], 40, copy)}
    assert found == set(keys[20:])
