"""The gate lets through what is better beyond noise, and nothing else; calibration straightens what is bent."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.learning.calibration import Observed, calibrated, expected_error, isotonic, temperature
from memento_memory.learning.gate import Opinion, Outcomes, judge, weighted_auc
from memento_memory.learning.learner import build
from memento_memory.learning.recipe import Recipe
from memento_memory.selection.network import Network
from memento_memory.selection.value import fresh_layer, sigmoid
from memento_memory.store.versions import prior
from memory.logs import simulated

RECIPE = Recipe(epochs=30, rate=0.01, members=3, rank=8, hidden=8, batch=128)


def world(n, rng, tasks=None):
    tasks = tasks or n // 2
    standing, difficulty = rng.normal(size=n), rng.normal(size=tasks)
    task = rng.integers(tasks, size=n)
    logit = 1.5 * standing + difficulty[task]
    reward = (rng.random(n) < sigmoid(logit)).astype(float)
    return standing, 1.5 * standing, Outcomes(reward, np.ones(n), task)


def test_a_model_that_knows_more_is_promoted():
    rng = np.random.default_rng(0)
    standing, logit, outcomes = world(600, rng)
    noise = rng.normal(size=600)
    verdict = judge(Opinion(logit, standing), {"similarity": Opinion(0.1 * noise, noise)}, outcomes)
    assert verdict.promoted
    assert verdict.gains["similarity"]["ranking"].low > 0
    assert "better than similarity" in verdict.reason


def test_noise_is_promoted_no_more_often_than_stated():
    passed = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        standing, logit, outcomes = world(200, rng)
        other = Opinion(logit + 0.3 * rng.normal(size=200), standing + 0.3 * rng.normal(size=200))
        mine = Opinion(logit + 0.3 * rng.normal(size=200), standing + 0.3 * rng.normal(size=200))
        passed += judge(mine, {"similarity": other}, outcomes, seed=seed).promoted
    assert passed <= 4


def test_a_model_must_beat_every_rival_in_both_figures():
    rng = np.random.default_rng(1)
    standing, logit, outcomes = world(600, rng)
    noise = rng.normal(size=600)
    weak = Opinion(0.1 * noise, noise)
    rivals = {"similarity": weak, "version 2": Opinion(logit, standing)}
    assert not judge(Opinion(logit, standing), rivals, outcomes).promoted
    overconfident = judge(Opinion(20 * logit, standing), {"similarity": weak}, outcomes)
    assert not overconfident.promoted
    assert overconfident.reason.count("predict") == 1
    assert "rank" not in overconfident.reason


def test_without_failures_nothing_can_be_told():
    n = 100
    standing = np.linspace(-1, 1, n)
    outcomes = Outcomes(np.ones(n), np.ones(n), np.arange(n))
    verdict = judge(Opinion(standing, standing), {"similarity": Opinion(standing, standing)}, outcomes)
    assert not verdict.promoted
    assert "too few failures" in verdict.reason


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.floats(0, 1), st.floats(0, 2)), min_size=2, max_size=20),
)
def test_the_ranking_is_the_share_of_pairs_in_order(rows):
    score, reward, weight = (np.array(column, float) for column in zip(*rows, strict=True))
    good, bad = weight * reward, weight * (1 - reward)
    pairs = np.outer(good, bad)
    if pairs.sum() < 1e-6:
        return
    order = (score[:, None] > score[None]) + 0.5 * (score[:, None] == score[None])
    assert weighted_auc(score, good, bad) == pytest.approx((pairs * order).sum() / pairs.sum(), abs=1e-6)


def test_what_is_true_of_all_candidates_of_a_task_ranks_nothing():
    log = simulated(60, 1.0).episodes
    weights = np.zeros(log.design().shape[1])
    lifted = replace(log, pair=log.pair + log.task[log.owner, :1] * np.arange(60)[log.owner, None])
    weights[-3] = 1.0
    plain, shifted = (Opinion.of(part, part.known, weights) for part in (log, lifted))
    assert shifted.standing == pytest.approx(plain.standing, abs=1e-6)


@pytest.fixture(scope="module")
def log():
    return simulated(1500, 6.0).episodes


@pytest.fixture(scope="module")
def candidate(log):
    return build(log, prior(), RECIPE)


def test_a_trained_advantage_is_found_and_promoted(candidate):
    assert candidate.verdict.promoted, candidate.verdict.reason
    assert candidate.verdict.gains["similarity"]["ranking"].value > 0.1
    figures = candidate.report["figures"]
    assert figures["candidate"]["log_loss"] < figures["similarity"]["log_loss"] - 0.05


def test_where_nothing_helps_nothing_is_promoted():
    candidate = build(simulated(600, 0.0, seed=2).episodes, prior(), RECIPE)
    assert not candidate.verdict.promoted


def test_the_next_training_has_to_beat_the_one_in_force(log, candidate):
    assert candidate.network is not None
    again = build(log, replace(prior(), version=7, network=candidate.network.to_bytes()), RECIPE)
    assert not again.verdict.promoted
    assert "version 7" in again.verdict.reason


def test_the_network_feature_has_unit_spread_over_the_cases_shown(log, candidate):
    network = candidate.network
    assert isinstance(network, Network)
    said = log.opinions(network, len(fresh_layer().mean) - log.task.shape[1] - 1, honest=log.known)
    shown = said[log.credit > 0]
    assert abs(shown.mean()) < 0.25
    assert 0.7 < shown.std() < 1.3


def observed(rng, truth, n=3000):
    said, offset = rng.normal(0, 1, n), rng.normal(0, 0.5, n)
    reward = (rng.random(n) < sigmoid(offset + truth(said))).astype(float)
    return Observed(said, offset, reward, np.ones(n), rng.integers(4, size=n))


def test_a_temperature_is_recovered():
    data = observed(np.random.default_rng(0), lambda said: 0.4 * said)
    knots = temperature(data)
    assert knots[1, 1] / knots[0, 1] == pytest.approx(0.4, abs=0.1)
    assert calibrated(data).kind == "temperature"


def test_what_points_the_wrong_way_is_worth_nothing():
    knots = temperature(observed(np.random.default_rng(0), lambda said: -0.8 * said))
    assert np.all(np.abs(knots[1]) < 0.01)


def test_a_bend_is_found():
    data = observed(np.random.default_rng(0), lambda said: 3.0 * (said > 1))
    curve = calibrated(data)
    assert curve.kind == "isotonic"
    assert curve(np.array([0.0])) == pytest.approx(0, abs=0.4)
    assert curve(np.array([2.0])) == pytest.approx(3, abs=0.7)


@given(st.integers(0, 50), st.integers(1, 80))
def test_the_isotonic_curve_never_falls(seed, n):
    rng = np.random.default_rng(seed)
    knots = isotonic(observed(rng, lambda said: rng.normal(size=len(said)), n))
    assert np.all(np.diff(knots[0]) >= 0)
    assert np.all(np.diff(knots[1]) >= 0)
    assert np.all(np.isfinite(knots))


def test_the_expected_calibration_error_of_the_truth_is_small_and_of_a_bias_its_size():
    rng = np.random.default_rng(0)
    chance = rng.random(20_000)
    reward = (rng.random(20_000) < chance).astype(float)
    assert expected_error(chance, reward, np.ones(20_000)) < 0.02
    biased = np.clip(0.6 * chance, 0, 1)
    assert expected_error(biased, reward, np.ones(20_000)) == pytest.approx(0.2, abs=0.02)
