"""The log as training data: grouped by task, in time order, with credit, and without what nobody knows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.dataset import SEEN, gather, rows_of, split
from memento_memory.selection.value import SCHEMA
from memory.logs import SIMILARITY, D, M, entry, simulated


def gathered(*entries, most=1000, **options):
    return gather(entries, SCHEMA, most, **options)


def test_episodes_of_one_task_are_one_group_whatever_its_case_and_spacing():
    episodes = gathered(entry(1, "Sort the list", 1.0), entry(2, "count words", 0.0), entry(3, "sort  the list.", 0.0))
    assert episodes.group.tolist() == [0, 1, 0]
    assert episodes.fold(4)[0] == episodes.fold(4)[2]


def test_unknown_outcomes_carry_no_weight_but_stay_as_what_followed():
    episodes = gathered(entry(1, "a", 0.0), entry(2, "a", None, previous=1))
    assert episodes.known.tolist() == [True, False]
    assert episodes.following.tolist() == [1, -1]


def test_the_steps_of_a_trajectory_are_one_group_though_their_states_differ():
    later = entry(3, "a\n\n— Known so far —\nthe first step is done", 1.0, previous=1)
    episodes = gathered(entry(1, "a", 0.0), entry(2, "b", 0.0), later, entry(4, "a", 1.0))
    assert episodes.group.tolist() == [0, 1, 0, 0]
    assert episodes.following.tolist() == [2, -1, -1, -1]


def test_evidence_weighs_what_it_is_worth():
    episodes = gathered(entry(1, "a", 1.0, evidence="self_report"), entry(2, "b", 1.0, evidence="tool_result"))
    assert episodes.evidence.tolist() == [0.4, 1.0]


def test_credit_goes_to_the_cases_that_were_used():
    episodes = gathered(entry(1, "a", 1.0, shown=(2, 0), used=(True, False)))
    assert episodes.credit.tolist() == [1.0, 0.0, 0.0]
    assert [episodes.case_ids[i] for i in episodes.case] == ["case-2", "case-0", "case-1"]


def test_the_row_of_a_slate_is_the_credited_mean_of_its_cases():
    episodes = gathered(entry(1, "a", 1.0, shown=(0, 1), similarity=(0.9, 0.8, 0.7)))
    row = episodes.design()[0]
    assert row.shape == (M + D,)
    assert row[M + SIMILARITY] == pytest.approx(1.5)


def test_an_empty_slate_tells_of_the_task_alone():
    episodes = gathered(entry(1, "a", 1.0, shown=()))
    assert np.all(episodes.design()[0, M:] == 0)


def test_the_feature_of_an_earlier_network_is_not_learned_from():
    pair = np.ones((3, D))
    episodes = gathered(entry(1, "a", 1.0, pair=pair))
    assert episodes.design()[0, -1] == 0
    assert episodes.design(np.full(3, 2.0), D - 1)[0, -1] == 2


def test_episodes_logged_with_other_features_are_left_out():
    assert gathered(entry(1, "a", 1.0, schema="bias similarity"), entry(2, "b", 1.0)).keys.tolist() == [2]


def test_of_a_long_log_the_newest_part_is_read():
    assert gathered(*(entry(i, f"task {i}", 1.0) for i in range(1, 8)), most=3).keys.tolist() == [5, 6, 7]


def test_what_happened_after_a_time_is_not_looked_at():
    episodes = gathered(entry(1, "a", 1.0), entry(5, "b", 1.0), entry(6, "c", 1.0), until=5.5)
    assert episodes.keys.tolist() == [1, 5]
    assert episodes.known.tolist() == [True, False]


def test_of_many_candidates_those_shown_and_the_most_similar_are_kept():
    similarity = np.linspace(0.1, 0.9, 40)
    episodes = gathered(entry(1, "a", 1.0, shown=(0,), similarity=similarity.tolist()))
    assert len(episodes.case) == SEEN
    assert episodes.case_ids[0] == "case-0"
    assert set(episodes.case_ids[1:]) == {f"case-{i}" for i in range(40 - SEEN + 1, 40)}


def test_rows_of_episodes_are_their_candidates():
    episodes = gathered(entry(1, "a", 1.0), entry(2, "b", 1.0, similarity=(0.8,)), entry(3, "c", 1.0))
    assert rows_of(episodes, np.array([2, 1])).tolist() == [4, 5, 6, 3]


@given(
    tasks=st.lists(st.integers(0, 9), min_size=2, max_size=60),
    known=st.lists(st.booleans(), min_size=60, max_size=60),
    share=st.floats(0.1, 0.5),
)
def test_no_task_is_on_both_sides_and_held_out_ones_are_newer(tasks, known, share):
    log = [entry(i + 1, f"t{task}", 1.0 if known[i] else None) for i, task in enumerate(tasks)]
    episodes = gathered(*log)
    parts = split(episodes, share)
    train, held = set(episodes.group[parts.train]), set(episodes.group[parts.holdout])
    assert not train & held
    assert np.array_equal(parts.train | parts.holdout, episodes.known)
    first = {group: int(np.flatnonzero(episodes.group == group)[0]) for group in train | held}
    if train and held:
        assert max(first[group] for group in train) < min(first[group] for group in held)
        assert len(held) == round(share * len(train | held))


def test_equal_data_have_equal_fingerprints_and_others_have_not():
    log = simulated(60, 1.0)
    assert log.episodes.fingerprint == log.episodes.fingerprint
    changed = simulated(60, 1.0, seed=1)
    assert log.episodes.fingerprint != changed.episodes.fingerprint
