"""Judging policies by logs of real decisions, in a world whose truth is known, and refusing where the log is silent."""

from dataclasses import replace

import numpy as np
import pytest

from memento_memory.decision import Arm
from memento_memory.errors import InputError
from memento_memory.learning.offpolicy import judge
from memento_memory.learning.sample import chance_of_shown, read
from memento_memory.learning.targets import Scores, best, log_chance, named, slates
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.overlap import Lack
from memento_memory.selection.policy import Policy, PolicyName
from memento_memory.store.versions import Version, prior
from memory import decided

WORLD = decided.states()
EXPLORING = Policy(explore=0.5, holdout=0.2, alpha=0.5)
TRUTH = {
    "greedy": decided.worth_of_best(WORLD, "learned"),
    "similarity": decided.worth_of_best(WORLD, "similarity"),
    "softmax:0.5": decided.worth_of_softmax(WORLD, 0.5),
}
SHARES = {"greedy": 0.5, "softmax:0.5": 0.25, "similarity": 0.25}
MEMORY = sum(share * TRUTH[name] for name, share in SHARES.items()) - decided.worth_of_none(WORLD)


def asked(*names, versions=()):
    return [named(name, dict(versions).get) for name in names]


def answer(findings, name):
    return next(each for each in findings.answers if each.name == name)


@pytest.fixture(scope="module")
def judged():
    """Many logs of one world, each judged for three policies."""
    return [judge(decided.log(WORLD, EXPLORING, 300, seed), asked(*TRUTH), resamples=300) for seed in range(30)]


@pytest.fixture(scope="module")
def greedy_log():
    return decided.log(WORLD, Policy(), 240)


@pytest.mark.parametrize("estimate", ["snips", "dr"])
@pytest.mark.parametrize("name", TRUTH)
def test_intervals_cover_what_a_policy_would_have_earned(judged, name, estimate):
    found = [getattr(answer(each, name).earned, estimate) for each in judged]
    told = [each for each in found if each is not None]
    assert len(told) >= 0.9 * len(found)
    assert np.mean([each.low <= TRUTH[name] <= each.high for each in told]) >= 0.84
    assert np.mean([each.value for each in told]) == pytest.approx(TRUTH[name], abs=0.02)


def test_the_gain_over_similarity_is_told_as_surely_as_it_is_true(judged):
    gains = [gain for each in judged if (gain := answer(each, "greedy").gain).best]
    truth = TRUTH["greedy"] - TRUTH["similarity"]
    assert np.mean([gain.best.low <= truth <= gain.best.high for gain in gains]) >= 0.84
    assert np.mean([gain.above for gain in gains]) > 0.8
    assert all(answer(each, "similarity").gain is None for each in judged)


@pytest.mark.parametrize("estimate", ["snips", "dr"])
def test_the_worth_of_memory_is_that_of_what_was_shown_against_none(judged, estimate):
    found = [told for each in judged if (told := getattr(each.memory, estimate))]
    assert len(found) >= 0.95 * len(judged)
    assert np.mean([each.low <= MEMORY <= each.high for each in found]) >= 0.84
    assert np.mean([each.value for each in found]) == pytest.approx(MEMORY, abs=0.03)


def test_all_episodes_that_were_not_held_out_are_what_was_logged(judged):
    for each in judged[:3]:
        assert each.counts.shown + each.counts.held_out == 300
        assert each.logged.overlap.episodes == each.counts.shown
        assert each.holdout == pytest.approx(0.2)


def test_a_greedy_log_answers_for_itself_and_says_how_much_exploration_another_policy_takes(greedy_log):
    found = judge(greedy_log, asked("greedy", "similarity", "softmax:0.05"))
    rewards = [each.outcome.reward for each in greedy_log]
    assert answer(found, "greedy").earned.snips.value == pytest.approx(np.mean(rewards))
    other = answer(found, "similarity")
    assert other.earned.lack is Lack.CHANCE
    assert other.needed > 100
    assert found.counts.all_greedy
    near = answer(found, "softmax:0.05")
    assert 30 <= near.needed < other.needed


def test_without_hold_out_the_worth_of_memory_is_not_told(greedy_log):
    found = judge(greedy_log, asked("greedy"))
    assert found.memory.refusal
    assert found.holdout == 0


def test_too_few_tasks_are_refused():
    found = judge(decided.log(WORLD, EXPLORING, 20), asked("greedy", "similarity"))
    assert {each.earned.lack for each in found.answers} == {Lack.TASKS}
    assert found.memory.lack is Lack.TASKS


def test_an_empty_log_is_refused_and_not_an_error():
    found = judge([], asked("greedy", "softmax:1"))
    assert found.tasks == 0
    assert found.logged.refusal
    assert found.memory.refusal
    assert all(each.earned.refusal for each in found.answers)


def test_only_the_time_since_exploration_judges_where_it_is_long_enough(greedy_log):
    log = [*greedy_log, *decided.log(WORLD, replace(EXPLORING, holdout=0.0), 250, 5)]
    found = answer(judge(log, asked("softmax:0.5")), "softmax:0.5")
    assert found.exploring
    assert found.earned.overlap.episodes == 250
    assert found.earned.best.low <= TRUTH["softmax:0.5"] <= found.earned.best.high


def test_episodes_without_an_outcome_are_counted_and_left_out():
    log = decided.log(WORLD, EXPLORING, 100)
    sample = read([decided.without_outcome(each) if i < 40 else each for i, each in enumerate(log)], asked("greedy"))
    assert len(sample) == 60
    assert sample.counts.shown + sample.counts.held_out == 100
    assert sample.counts.recorded_shown + sample.counts.recorded_held_out == 60


def test_thompson_sampling_judges_memory_and_no_policy():
    found = judge(decided.log(WORLD, Policy(PolicyName.THOMPSON, holdout=0.3), 200), asked("greedy"))
    assert found.counts.untold == found.counts.shown
    assert answer(found, "greedy").earned.overlap.episodes == 0
    assert found.memory.best is not None


def test_episodes_whose_propensity_contradicts_their_settings_are_left_out():
    log = decided.log(WORLD, EXPLORING, 100)
    wrong = [replace(each, decision=replace(each.decision, log_propensity=-0.5)) for each in log[:30]]
    shown = sum(each.decision.arm is not Arm.HELD_OUT for each in wrong)
    sample = read([*wrong, *log[30:]], asked("greedy"))
    assert sample.counts.disagreeing == shown
    assert np.isnan(sample.chance[:30]).all()
    assert read(log, asked("greedy")).counts.disagreeing == 0


def test_the_order_of_the_examples_does_not_matter():
    pairs = [each.decision for each in decided.log(WORLD, EXPLORING, 100) if len(each.decision.drawn) == 2]
    for decision in pairs:
        turned = replace(decision, drawn=decision.drawn[::-1])
        assert chance_of_shown(turned) == pytest.approx(chance_of_shown(decision))
        assert log_chance(turned, Scores(decision.candidates.value, 0.2, 0.3)) == pytest.approx(
            log_chance(decision, Scores(decision.candidates.value, 0.2, 0.3))
        )


def test_forced_examples_are_shown_by_every_policy():
    rng = np.random.default_rng(0)
    decision = next(each.decision for each in decided.log(WORLD, EXPLORING, 100) if len(each.decision.drawn) == 2)
    forced = replace(decision, forced=1)
    for scores in (Scores(np.zeros(decided.CASES), 0.5), Scores(np.ones(decided.CASES), 0.5, 0.3)):
        assert {slate[0] for slate in slates(forced, scores, rng, 5)} == {decision.drawn[0]}
    assert best(forced, Scores(np.zeros(decided.CASES), 0.5)) == decision.drawn[:1]
    assert chance_of_shown(forced) >= chance_of_shown(decision)


def test_a_version_is_judged_since_it_was_made_and_by_what_was_logged_while_in_force():
    log = decided.log(WORLD, EXPLORING, 100)
    during = [replace(each, decision=replace(each.decision, version=3)) for each in log[:50]]
    layer = replace(LastLayer.fresh(np.zeros(5), np.full(5, 1e-6)), mean=np.array([0.1, 0.0, 0.3, 0.8, 9.0]))
    version = Version(3, "retired", layer, layer, created_at=50.0, schema=decided.SCHEMA)
    target = asked("version:3", versions={3: version})[0]
    assert target.scores(during[0]).values is during[0].decision.candidates.value
    assert target.scores(log[10]) is None
    after = target.scores(log[80])
    found = log[80].decision.candidates
    logit = 0.1 + found.pair[:, 1] * 0.3 + found.pair[:, 2] * 0.8
    assert after.values == pytest.approx(1 / (1 + np.exp(-logit)))
    assert after.void == pytest.approx(1 / (1 + np.exp(-0.1)))
    trained = replace(version, network=b"net")
    assert asked("version:3", versions={3: trained})[0].scores(log[80]) is None
    assert asked("version:0", versions={0: prior()})[0].scores(log[0]).values is log[0].decision.candidates.value


def test_episodes_with_older_features_still_count():
    log = decided.log(WORLD, EXPLORING, 250)
    narrow = []
    for each in log[:100]:
        found = each.decision.candidates
        less = replace(found, schema="bias here", pair=found.pair[:, :1], weights=found.weights[:2])
        narrow.append(replace(each, decision=replace(each.decision, candidates=less)))
    found = answer(judge([*narrow, *log[100:]], asked("greedy")), "greedy").earned
    assert found.overlap.episodes == sum(each.decision.arm is not Arm.HELD_OUT for each in log)
    assert found.snips == answer(judge(log, asked("greedy")), "greedy").earned.snips
    assert found.dr.low <= TRUTH["greedy"] <= found.dr.high


def test_the_same_log_gives_the_same_answer():
    log = decided.log(WORLD, EXPLORING, 80)
    assert judge(log, asked(*TRUTH)) == judge(log, asked(*TRUTH))


@pytest.mark.parametrize("name", ["best", "softmax", "softmax:0", "softmax:-1", "softmax:inf", "version:x", ""])
def test_what_is_no_policy_is_named_with_what_is(name):
    with pytest.raises(InputError, match="softmax:ALPHA or version:N"):
        named(name, lambda _: prior())
