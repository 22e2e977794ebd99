"""What a host may have spent on a task."""

from __future__ import annotations

import pytest

from memento_memory.errors import InputError
from memento_planner.budget import Budget
from memento_server.solving import allowed


def test_without_a_setting_a_host_gets_what_it_asks_for() -> None:
    assert allowed("tokens=900000", "").tokens == 900_000
    assert allowed("", "") == Budget()


def test_with_a_setting_a_host_gets_no_more_than_that() -> None:
    assert allowed("tokens=900000, seconds=5", "tokens=1000, seconds=60") == Budget(tokens=1_000, seconds=5.0)
    assert allowed("", "calls=7").calls == 7


def test_a_setting_that_cannot_be_read_is_named() -> None:
    with pytest.raises(InputError, match="MEMENTO_BUDGET"):
        allowed("", "lots")
