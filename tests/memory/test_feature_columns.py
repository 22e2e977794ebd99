"""What single features say: nearness, use, the pull of a plan, rare words, and how a bank passes on what it knows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from memento_memory.bank import CaseBank
from memento_memory.case import Case, Task
from memento_memory.selection.expected_plan import Expectation
from memento_memory.selection.features import PAIR, TASK, pair_features, task_features
from memento_memory.selection.fusion import USEFUL_FROM, USEFUL_FROM_BY_WORDS
from memory.making import FAILURE, case, report
from memory.seeing import sight

NAMES = [feature.name for feature in PAIR]
ASKED = Task("count every line of the ledger")


def column(name: str, cases: list[Case], similarity=0.8, **known) -> list[float]:
    found: list[float] = pair_features(sight(ASKED, cases, similarity, **known))[:, NAMES.index(name)].tolist()
    return found


def seen_by(bank: CaseBank, name: str, **how) -> dict[str, float]:
    """A feature of every candidate as a bank sees it, by task."""
    decision = bank.retrieve(ASKED, k=20, **how).decision
    assert decision is not None
    tasks = [bank.case(case_id).task.text for case_id in decision.candidates.case_ids]
    return dict(zip(tasks, decision.candidates.pair[:, NAMES.index(name)].tolist(), strict=True))


def test_whether_tasks_near_this_one_were_solved_depends_on_the_nearest_most() -> None:
    near_won = [case("a", "one"), case("b", "two", result=FAILURE)]
    place = [feature.name for feature in TASK].index("solved")
    won, lost = (task_features(sight(ASKED, near_won, similarity))[place] for similarity in ([0.9, 0.3], [0.3, 0.9]))
    assert -0.5 < won < 0
    assert -1 < lost < -0.5
    assert task_features(sight(ASKED, near_won[:1], 0.8))[place] == 0


def test_a_case_that_was_used_when_shown_stands_out_against_one_that_was_not() -> None:
    cases = [Case(**{**known_fields(case(id, id)), "shown": shown, "used": used}) for id, shown, used in USED]
    often, never, untold = column("used", cases)
    assert often > untold == 0 > never


USED = (("often", 4, 4), ("never", 4, 0), ("untold", 0, 0))


def known_fields(one: Case) -> dict:
    return {name: getattr(one, name) for name in Case.__slots__}


def test_a_plan_near_this_task_is_told_from_one_near_its_own_task_only() -> None:
    here, there = np.eye(2, dtype=np.float32)
    known = {"vector": here, "vectors": np.stack([there, there]), "plan_vectors": np.stack([here, there])}
    moved = column("moved", [case("a", "one"), case("b", "two")], **known)
    assert moved == pytest.approx([(1.0 + 0.1) / 0.1, (-1.0 + 0.1) / 0.1])


def test_what_suits_this_task_is_seen_from_the_plans_at_hand_and_what_is_expected_from_all_plans() -> None:
    plans = np.eye(3, dtype=np.float32)[:2]
    usual = np.array([0.9, 0.0, 0.0])
    known = {"vector": plans[0], "vectors": plans, "plan_vectors": plans}
    expected = Expectation(plans[0].astype(float), usual, 1.0)
    apart = column("apart", [case("a", "one"), case("b", "two")], **known, expected=expected)
    assert apart == pytest.approx([1 / 0.3, -1 / 0.3])  # one lies where the expected one is, the other opposite
    half = Expectation(expected.plan, usual, 0.875)
    assert column("apart", [case("a", "one"), case("b", "two")], **known, expected=half) == pytest.approx(
        [0.5 / 0.3, -0.5 / 0.3]
    )


def test_a_rare_word_that_a_case_lacks_weighs_more_than_a_common_one() -> None:
    cases = [case("lacks ledger", "count every line"), case("lacks count", "every line of the ledger")]
    rare = column("unshared", cases, rarity=lambda word: 5.0 if word.startswith("ledger") else 0.1)
    assert rare[0] > rare[1]


def test_a_bank_weighs_words_by_how_rare_they_are_in_it(words_bank: CaseBank) -> None:
    for thing in ("poem", "novel", "letter", "diary", "song", "log"):
        words_bank.retain(report(f"count every line of the {thing}", f"wc -l {thing}"))
    words_bank.retain(report("count the ledger", "wc -l ledger.txt"))
    unshared = seen_by(words_bank, "unshared")
    assert unshared["count every line of the poem"] > unshared["count the ledger"]


def test_a_task_in_other_letters_is_found_however_far_it_looks(words_bank: CaseBank) -> None:
    words_bank.retain(report("数える 行 一 二 三", "wc -l"))
    far = words_bank.retrieve(Task("数える 頁 本 巻 四 五 六 七 八"), k=4).decision
    assert far is not None
    assert len(far.candidates.case_ids) == 1
    assert far.candidates.similarity[0] < far.threshold - 0.1


def test_a_case_is_as_good_as_none_at_another_similarity_by_words_alone(
    words_bank: CaseBank, bank_of: Callable[[str], CaseBank]
) -> None:
    words_bank.retain(report("count every line of the poem", "wc -l poem"))
    by_words, by_both = (bank.retrieve(ASKED).decision for bank in (words_bank, bank_of("both")))
    assert by_words is not None
    assert by_both is not None
    assert (by_words.threshold, by_both.threshold) == (USEFUL_FROM_BY_WORDS, USEFUL_FROM)
    assert USEFUL_FROM_BY_WORDS != USEFUL_FROM
