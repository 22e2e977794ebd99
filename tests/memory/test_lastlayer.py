"""The online last layer: it agrees with the batch solution, knows what it does not know, and can take things back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.errors import BankError, InputError
from memento_memory.selection.lastlayer import LastLayer
from memory.worlds import sigmoid


def fresh(d=4, *, variance=1.0, keep=1.0):
    return LastLayer.fresh(np.zeros(d), np.full(d, variance), keep=keep)


def sampled(d, n, rng, scale=1.0):
    """Features, outcomes and the true weights, drawn from the layer's own prior."""
    weights = rng.normal(0, scale, d)
    features = rng.normal(size=(n, d)) * 3 / np.sqrt(d)
    return features, (rng.random(n) < sigmoid(features @ weights)).astype(np.float64), weights


def learned(layer, features, targets, weights=None):
    sites = []
    for i, (row, target) in enumerate(zip(features, targets, strict=True)):
        layer, site = layer.updated(row, target, 1.0 if weights is None else weights[i])
        sites.append(site)
    return layer, sites


def covered(layer, features, weights):
    centre, variance = layer.logits(features)
    return np.mean(np.abs(centre - features @ weights) <= 1.96 * np.sqrt(variance))


@pytest.mark.parametrize(("d", "n", "tolerance"), [(8, 1000, 0.03), (64, 2000, 0.06), (64, 200, 0.12)])
def test_one_by_one_agrees_with_all_at_once(d, n, tolerance):
    rng = np.random.default_rng(0)
    features, targets, _ = sampled(d, n, rng)
    evidence = rng.choice([0.4, 0.6, 1.0], n)
    online, _ = learned(fresh(d), features, targets, evidence)
    batch = fresh(d).fitted(features, targets, evidence)
    unseen = rng.normal(size=(500, d)) * 3 / np.sqrt(d)
    ours, theirs = online.predict(unseen).mean, batch.predict(unseen).mean
    assert np.abs(ours - theirs).max() < tolerance
    assert np.abs(ours - theirs).mean() < tolerance / 3


def test_intervals_hold_the_true_logit_at_their_nominal_rate():
    shares = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        features, targets, weights = sampled(8, 300, rng)
        layer, _ = learned(fresh(8), features, targets)
        shares.append(covered(layer, rng.normal(size=(200, 8)), weights))
    assert 0.92 <= np.mean(shares) <= 0.98


def test_the_batch_solution_is_where_the_posterior_is_highest():
    rng = np.random.default_rng(2)
    features, targets, _ = sampled(5, 80, rng)
    layer = LastLayer.fresh(np.arange(5.0), np.full(5, 0.5)).fitted(features, targets, np.full(80, 0.7))
    slope = features.T @ (0.7 * (targets - sigmoid(features @ layer.mean))) - (layer.mean - layer.prior_mean) / 0.5
    np.testing.assert_allclose(slope, 0, atol=1e-8)


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0.01, 3), st.floats(0.01, 50))
def test_an_outcome_never_makes_less_sure_and_moves_towards_itself(seed, target, weight, variance):
    rng = np.random.default_rng(seed)
    row = rng.normal(size=4)
    before = fresh(variance=variance)
    after, _ = before.updated(row, target, weight)
    (old, wide), (new, narrow) = before.logits(row[None]), after.logits(row[None])
    assert narrow[0] <= wide[0] + 1e-9
    assert (new[0] - old[0]) * (target - 0.5) >= -1e-9
    assert np.linalg.eigvalsh(after.covariance).min() > 0


def test_stronger_evidence_moves_further_and_none_not_at_all():
    row = np.array([1.0, 0.5, 0, 0])
    moved = [fresh().updated(row, 1.0, weight)[0].logits(row[None])[0][0] for weight in (0.0, 0.4, 1.0)]
    assert moved[0] == pytest.approx(0, abs=1e-12)
    assert moved[0] < moved[1] < moved[2]


def test_the_prior_decides_as_long_as_nothing_is_known():
    layer = LastLayer.fresh(np.array([2.0, 0.0]), np.array([0.01, 1.0]))
    features = np.array([[0.2, 0.0], [0.9, 0.0], [0.5, 0.0]])
    assert np.argsort(layer.predict(features).mean).tolist() == [0, 2, 1]


def test_an_outcome_can_be_taken_back():
    rng = np.random.default_rng(3)
    features, targets, _ = sampled(6, 60, rng)
    layer, sites = learned(fresh(6), features, targets)
    for row, site in zip(features, sites, strict=True):
        layer = layer.without(row, site)
    np.testing.assert_allclose(layer.mean, 0, atol=1e-9)
    np.testing.assert_allclose(layer.covariance, np.eye(6), atol=1e-9)
    with pytest.raises(InputError, match="never part"):
        fresh(6).without(features[0] * 100, sites[0])


def test_drift_is_followed_by_a_layer_that_forgets():
    rng = np.random.default_rng(4)
    weights = np.array([2.0, -1.0, 0.5, 0.0])
    rigid, supple = fresh(), fresh(keep=0.5 ** (1 / 1000))
    for i in range(3000):
        truth = weights if i < 2000 else -weights
        row = rng.normal(size=4)
        outcome = float(rng.random() < sigmoid(row @ truth))
        (rigid, _), (supple, _) = rigid.updated(row, outcome), supple.updated(row, outcome)
    unseen = rng.normal(size=(500, 4))
    wrong = [np.abs(layer.predict(unseen).mean - sigmoid(unseen @ -weights)).mean() for layer in (rigid, supple)]
    assert wrong[1] < 0.1
    assert wrong[0] > 2 * wrong[1]
    with pytest.raises(InputError, match="forgets"):
        supple.without(unseen[0], rigid.updated(unseen[0], 1.0)[1])


def test_what_is_not_seen_again_is_forgotten_down_to_the_prior():
    row, other = np.array([1.0, 0, 0, 0]), np.array([0, 1.0, 0, 0])
    layer, _ = learned(fresh(keep=0.99), [row] * 50 + [other] * 2000, [1.0] * 2050)
    assert layer.mean[0] == pytest.approx(0, abs=1e-6)
    assert layer.covariance[0, 0] == pytest.approx(1)


def test_predictions_match_a_monte_carlo_of_the_posterior():
    rng = np.random.default_rng(5)
    features, targets, _ = sampled(4, 30, rng)
    layer, _ = learned(fresh(variance=4), features, targets)
    draws = np.array([layer.sample(rng) for _ in range(20000)])
    chances = sigmoid(features @ draws.T)
    answer = layer.predict(features)
    np.testing.assert_allclose(answer.mean, chances.mean(1), atol=0.01)
    np.testing.assert_allclose(answer.variance, chances.var(1), atol=0.005)
    inside = (chances >= answer.low[:, None]) & (chances <= answer.high[:, None])
    np.testing.assert_allclose(inside.mean(1), 0.95, atol=0.01)


def test_a_stored_layer_learns_on_as_if_it_had_never_been_stored():
    features, targets, _ = sampled(7, 40, np.random.default_rng(6))
    whole, _ = learned(fresh(7, keep=0.999), features, targets)
    half, _ = learned(fresh(7, keep=0.999), features[:20], targets[:20])
    rest, _ = learned(LastLayer.from_bytes(half.to_bytes()), features[20:], targets[20:])
    assert rest.to_bytes() == whole.to_bytes()
    assert rest.updates == 40


@pytest.mark.parametrize("data", [b"", b"something else entirely, and long enough", fresh().to_bytes()[:-1]])
def test_bytes_of_another_kind_are_refused(data):
    with pytest.raises(BankError, match="fit it again"):
        LastLayer.from_bytes(data)


def test_what_cannot_be_learned_from_is_named():
    for field, arguments in {
        "features": (np.zeros(3), 1.0),
        "target": (np.zeros(4), float("nan")),
        "weight": (np.zeros(4), 1.0, -1.0),
    }.items():
        with pytest.raises(InputError, match=field):
            fresh().updated(*arguments)
    with pytest.raises(InputError, match="prior_variance"):
        fresh(variance=0.0)
    with pytest.raises(InputError, match="keep"):
        fresh(keep=0.0)
