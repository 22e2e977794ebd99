"""What a reader of the hybrid similarity may rely on, one sentence per test."""

import apsw
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.selection.fusion import (
    DEFAULT_DENSE_WEIGHT,
    USEFUL_FROM,
    Probe,
    estimate_dense_weight,
    fuse,
    plan_agreement,
)
from memento_memory.selection.lexical import (
    TOKENIZER,
    BankWords,
    lexical_similarity,
    match_expression,
    words,
)

cosines = st.one_of(st.floats(-1, 1), st.just(float("nan")))
shares = st.one_of(st.floats(0, 1), st.just(float("nan")))
legs = st.lists(st.tuples(cosines, shares), min_size=1, max_size=8).map(lambda rows: np.array(rows, float).T)
known_legs = st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1)), min_size=1, max_size=8).map(
    lambda rows: np.array(rows, float).T
)
weights = st.floats(0, 1)


def bank_of(texts):
    """A full-text index of the texts, and what it knows of their words."""
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE tasks USING fts5 (text, tokenize = '{TOKENIZER}')")
    connection.execute("CREATE VIRTUAL TABLE vocabulary USING fts5vocab (tasks, row)")
    connection.executemany("INSERT INTO tasks (text) VALUES (?)", [(text,) for text in texts])
    counts = dict(connection.execute("SELECT term, doc FROM vocabulary"))
    total = sum(count for (count,) in connection.execute("SELECT cnt FROM vocabulary"))
    bank = BankWords(len(texts), total / max(len(texts), 1), lambda word: counts.get(word, 0))
    return connection, bank


def found_by(connection, expression):
    return [row for (row,) in connection.execute("SELECT rowid FROM tasks WHERE tasks MATCH ?", (expression,))]


@given(legs, weights)
def test_a_similarity_is_always_between_zero_and_one(pair, weight):
    similarity = fuse(*pair, dense_weight=weight)
    assert np.all((similarity >= 0) & (similarity <= 1))


@given(known_legs, weights, st.floats(0, 1))
def test_a_better_score_of_either_leg_never_lowers_the_similarity(pair, weight, gain):
    cosine, lexical = pair
    before = fuse(cosine, lexical, dense_weight=weight)
    assert np.all(fuse(np.minimum(cosine + gain, 1), lexical, dense_weight=weight) >= before - 1e-12)
    assert np.all(fuse(cosine, np.minimum(lexical + gain, 1), dense_weight=weight) >= before - 1e-12)


@given(legs, weights, st.randoms(use_true_random=False))
def test_a_case_scores_the_same_wherever_it_stands_among_the_candidates(pair, weight, random):
    order = random.sample(range(pair.shape[1]), pair.shape[1])
    np.testing.assert_array_equal(fuse(*pair, dense_weight=weight)[order], fuse(*pair[:, order], dense_weight=weight))


def test_a_case_without_an_embedding_is_judged_by_its_words_alone():
    similarity = fuse(np.array([np.nan, 0.9]), np.array([0.8, np.nan]), dense_weight=0.3)
    np.testing.assert_allclose(similarity, [0.8, 0.9])


def test_legs_of_different_length_and_impossible_weights_are_refused():
    with pytest.raises(ValueError, match="shape"):
        fuse(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="dense_weight"):
        fuse(np.zeros(2), np.zeros(2), dense_weight=1.5)


def probes_where(good_leg, count, rng):
    """Probes in which one leg ranks the cases with the same plan first and the other ranks at random."""
    for _ in range(count):
        agreement = np.zeros(20)
        agreement[:2] = 1.0
        informed, noise = 0.5 + 0.1 * agreement, rng.uniform(0, 1, 20)
        cosine, lexical = (informed, noise) if good_leg == "dense" else (noise, informed)
        yield Probe(cosine, lexical, agreement)


@pytest.mark.parametrize("good_leg", ["dense", "lexical"])
def test_the_weight_moves_to_the_leg_that_finds_the_same_plans(good_leg):
    weight = estimate_dense_weight(list(probes_where(good_leg, 60, np.random.default_rng(0))))
    assert weight > DEFAULT_DENSE_WEIGHT if good_leg == "dense" else weight < 0.3


@pytest.mark.parametrize("good_leg", ["dense", "lexical"])
def test_with_the_learned_weight_the_same_plan_comes_first_more_often_than_with_the_default(good_leg):
    rng = np.random.default_rng(1)
    weight = estimate_dense_weight(list(probes_where(good_leg, 60, rng)))
    fresh = list(probes_where(good_leg, 200, rng))

    def hits(dense_weight):
        return sum(p.agreement[fuse(p.cosine, p.lexical, dense_weight=dense_weight).argmax()] for p in fresh)

    assert hits(weight) > hits(DEFAULT_DENSE_WEIGHT)


def test_without_evidence_the_weight_stays_at_the_default():
    rng = np.random.default_rng(2)
    alike = [Probe(rng.random(9), rng.random(9), np.ones(9)) for _ in range(50)]
    assert estimate_dense_weight(alike) == DEFAULT_DENSE_WEIGHT
    assert estimate_dense_weight(list(probes_where("lexical", 4, rng))) == DEFAULT_DENSE_WEIGHT
    assert estimate_dense_weight([], default=0.4) == 0.4


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=5))
def test_agreement_of_plans_is_a_share_and_does_not_depend_on_the_side(plan, others):
    agreement = plan_agreement(plan, others)
    assert np.all((agreement >= 0) & (agreement <= 1))
    for other, value in zip(others, agreement, strict=True):
        assert plan_agreement(other, [plan])[0] == value


def test_the_same_plan_agrees_fully_and_a_foreign_one_not_at_all():
    same, close, foreign = plan_agreement(
        "find . -name '*.log' | xargs rm",
        ["find . -name '*.log' | xargs rm", "find . -name '*.txt' | xargs rm", "SELECT 1"],
    )
    assert same == 1 > close > 0.3 > foreign == 0


@given(st.text(max_size=60))
def test_any_text_makes_a_query_that_finds_the_case_with_that_text(text):
    connection, bank = bank_of([text, "something else"])
    expression = match_expression(text, bank.frequency)
    if expression is not None:
        assert 1 in found_by(connection, expression)


def test_words_are_folded_as_the_index_folds_them():
    text = "Répare le Test-d'intégration_2 in C:\\tmp\\Ärger.log"
    connection, _ = bank_of([text])
    assert set(words(text)) == {word for (word,) in connection.execute("SELECT term FROM vocabulary")}


def test_query_operators_in_a_task_are_only_words():
    connection, bank = bank_of(['NOT ("a" OR b*) NEAR c^2', "other"])
    expression = match_expression('b* OR "c" NOT (a', bank.frequency)
    assert expression is not None
    assert found_by(connection, expression) == [1]


def test_the_commonest_words_are_left_out_once_the_allowance_is_used_up():
    common = {"list": 900, "the": 1000, "zebra": 2}
    assert match_expression("list the zebra", lambda word: common.get(word, 0), max_postings=950) == (
        '"zebra" OR "list"'
    )
    assert match_expression("the", lambda word: common.get(word, 0), max_postings=10) == '"the"'
    assert match_expression("unheard of", lambda word: common.get(word, 0)) is None


@given(st.lists(st.sampled_from(["copy", "the", "log", "files", "to", "disk"]), min_size=1, max_size=6))
def test_the_same_task_is_fully_similar_by_its_words(task):
    query = " ".join(task)
    _, bank = bank_of([query, "restart the web server", "list the users"])
    assert lexical_similarity(query, [query], bank)[0] == pytest.approx(1)


def test_a_rare_word_in_common_counts_for_more_than_a_common_one():
    texts = ["restart zookeeper", "restart nginx", "restart postgres", "restart redis", "stop zookeeper now"]
    _, bank = bank_of(texts)
    same_tool, same_verb = lexical_similarity("upgrade zookeeper", ["stop zookeeper", "upgrade it"], bank)
    rare, common = lexical_similarity("restart zookeeper", ["stop zookeeper", "restart redis"], bank)
    assert rare > common > 0
    assert same_tool > 0
    assert same_verb > 0


@pytest.mark.parametrize("size", [1, 2, 5, 200])
def test_a_near_repeat_is_of_use_and_a_foreign_task_is_not_in_a_bank_of_any_size(size):
    texts = [f"restart the billing service of customer {number}" for number in range(size)]
    _, bank = bank_of(texts)
    nothing_dense = np.array([np.nan])
    near = lexical_similarity("restart the billing service of customer 7000", texts[:1], bank)
    foreign = lexical_similarity("find the capital city that has fewest people", texts[:1], bank)
    assert fuse(nothing_dense, near)[0] >= USEFUL_FROM > fuse(nothing_dense, foreign)[0]


def test_a_text_without_words_is_similar_to_nothing():
    _, bank = bank_of(["list files"])
    np.testing.assert_array_equal(lexical_similarity("?!", ["list files"], bank), [0])
