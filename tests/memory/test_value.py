"""What a value is made of: an interval around it, how sure its advantage is, and reasons that point the right way."""

from __future__ import annotations

import numpy as np
import pytest

from memento_memory.case import Task
from memento_memory.selection.features import PAIR, TASK
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.value import QFunction, contributions, fresh_layer, similarity_layer
from memory.making import case
from memory.seeing import sight

NAMES = [feature.name for feature in PAIR]
SIMILARITY = NAMES.index("similarity")
MORE, LESS = ({feature.name: getattr(feature, side) for feature in PAIR} for side in ("more", "less"))
SEEN = sight(Task("restart nginx"), [case("a", "restart apache"), case("b", "restart redis")], [0.9, 0.6])


def weights(**given: float) -> np.ndarray:
    found = np.zeros(len(TASK) + len(PAIR))
    for name, weight in given.items():
        found[len(TASK) + NAMES.index(name)] = weight
    return found


def pair(*rows: dict[str, float]) -> np.ndarray:
    found = np.zeros((len(rows), len(PAIR)))
    for i, row in enumerate(rows):
        for name, value in row.items():
            found[i, NAMES.index(name)] = value
    return found


@pytest.mark.parametrize(("weight", "sign"), [(0.5, 1), (-0.5, -1)])
def test_a_reason_says_which_side_the_case_is_on_and_what_that_does(weight: float, sign: int) -> None:
    two = pair({"steps": 2.0}, {"steps": 0.0})
    assert contributions(two, weights(steps=weight), 0) == [(MORE["steps"], pytest.approx(sign * 0.5))]
    assert contributions(two, weights(steps=weight), 1) == [(LESS["steps"], pytest.approx(-sign * 0.5))]


def test_what_all_candidates_share_is_no_reason_for_one_of_them() -> None:
    two = pair({"shown": 1.0, "age": 3.0}, {"shown": 1.0, "age": 1.0})
    reasons = contributions(two, weights(shown=2.0, age=0.3), 0)
    assert reasons == [(MORE["age"], pytest.approx(0.3))]
    assert contributions(two[:1], weights(shown=2.0, age=0.3), 0)[0] == (MORE["shown"], 2.0)


def test_the_strongest_reason_comes_first_and_weak_ones_are_left_out() -> None:
    two = pair({"steps": 2.0, "age": 2.0, "record": 2.0}, {})
    reasons = contributions(two, weights(steps=0.2, age=-0.9, record=0.05), 0)
    assert [words for words, _ in reasons] == [MORE["age"], MORE["steps"]]


def test_the_interval_holds_the_value_and_narrows_with_outcomes() -> None:
    before = QFunction(0, fresh_layer()).values(SEEN)
    row = np.concatenate([before.task, before.pair[0]])
    layer = fresh_layer()
    for reward in (1.0, 0.0) * 20:
        layer, _ = layer.updated(row, reward)
    after = QFunction(1, layer).values(SEEN)
    for values in (before, after):
        assert (values.low < values.mean).all()
        assert (values.mean < values.high).all()
        assert (values.doubt > 0).all()
    assert after.high[0] - after.low[0] < before.high[0] - before.low[0]
    assert after.doubt[0] < before.doubt[0]


def test_the_doubt_is_that_of_the_advantage_alone() -> None:
    variance = np.full(len(TASK) + len(PAIR), 1e-12)
    variance[len(TASK) + SIMILARITY] = 0.25
    variance[0] = 9.0
    values = QFunction(0, LastLayer.fresh(np.zeros(len(variance)), variance)).values(SEEN)
    assert values.doubt == pytest.approx(0.5 * np.abs(values.pair[:, SIMILARITY]), rel=1e-3)


def test_values_drawn_from_the_posterior_are_those_of_one_draw_of_the_weights() -> None:
    q = QFunction(0, fresh_layer())
    values = q.values(SEEN)
    drawn = [q.sampled(values, np.random.default_rng(seed)) for seed in range(20)]
    assert len({one.void for one in drawn}) == 20
    for one in drawn:
        logits = np.log(one.mean / (1 - one.mean))
        assert logits - np.log(one.void / (1 - one.void)) == pytest.approx(one.advantage, abs=1e-6)


def test_what_is_to_be_beaten_can_only_learn_of_tasks_and_similarity() -> None:
    layer = similarity_layer()
    row = np.ones(len(TASK) + len(PAIR))
    for reward in (0.0, 0.0, 1.0, 0.0):
        layer, _ = layer.updated(row, reward)
    free = [*range(len(TASK)), len(TASK) + SIMILARITY]
    others = np.delete(layer.mean, free)
    assert np.abs(others).max() < 1e-9
    assert (np.abs(layer.mean[free] - similarity_layer().mean[free]) > 1e-3).all()
