"""How cases are chosen: every setting of the environment arrives where it is used, and nonsense is refused."""

from __future__ import annotations

import pytest

from memento_memory.curation.bounds import Bounds
from memento_memory.errors import InputError
from memento_memory.selection.policy import Policy, PolicyName
from memento_server.settings import Choosing, Settings


def choosing(**given: str) -> Choosing:
    return Settings.of(environment={f"MEMENTO_{name.upper()}": value for name, value in given.items()}).choosing


def test_without_a_word_the_policy_is_the_librarys_own_the_bank_has_no_bound_and_it_learns() -> None:
    assert choosing().as_policy() == Policy()
    assert choosing().as_bounds() is None
    assert choosing().learning


def test_every_setting_of_the_policy_comes_from_its_own_variable() -> None:
    given = choosing(policy="Softmax", alpha="0.3", explore="0.2", holdout="0.1", caution="1.5")
    assert given.as_policy() == Policy(PolicyName.SOFTMAX, alpha=0.3, explore=0.2, holdout=0.1, caution=1.5)


def test_a_bank_is_bounded_by_cases_by_bytes_or_by_both() -> None:
    assert choosing(max_cases="100").as_bounds() == Bounds(100, None)
    assert choosing(max_bytes="4096").as_bounds() == Bounds(None, 4096)
    assert choosing(max_cases="100", max_bytes="4096").as_bounds() == Bounds(100, 4096)


def test_learning_can_be_switched_off() -> None:
    assert not choosing(learning="off").learning


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("policy", "best"),
        ("alpha", "0"),
        ("explore", "1.1"),
        ("holdout", "1"),
        ("caution", "-1"),
        ("learning", "perhaps"),
        ("max_cases", "many"),
        ("max_bytes", "-1"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"MEMENTO_{name.upper()}"):
        choosing(**{name: value})


@pytest.mark.parametrize("name", ["max_cases", "max_bytes"])
@pytest.mark.parametrize("value", ["1.5", "0.5"])
def test_a_bound_is_a_whole_number(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"MEMENTO_{name.upper()}.*'{value}'; give a whole number"):
        choosing(**{name: value})
