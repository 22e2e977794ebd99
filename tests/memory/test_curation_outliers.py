"""When the neighbours of a case contradict it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.curation.outliers import contradiction


def judged(own, theirs, cosine=0.95, agreement=0.9):
    """A case with (successes, failures), and neighbours with theirs."""
    n = len(theirs)
    won, lost = np.array(theirs, np.float64).reshape(n, 2).T
    return contradiction(*own, np.full(n, cosine), np.full(n, agreement), won, lost)


def test_a_success_among_failures_of_much_the_same_is_an_outlier_and_so_is_the_reverse():
    assert judged((1, 0), [(0, 1)] * 12).neighbours == 12
    assert judged((0, 1), [(1, 0)] * 12).chance < 0.2


@pytest.mark.parametrize(
    ("own", "theirs", "cosine", "agreement"),
    [
        ((1, 0), [(1, 0)] * 12, 0.95, 0.9),  # they agree
        ((1, 0), [(0, 1)] * 6 + [(1, 0)] * 3, 0.95, 0.9),  # they disagree among themselves
        ((1, 0), [(0, 1)] * 12, 0.5, 0.9),  # other tasks
        ((1, 0), [(0, 1)] * 12, 0.95, 0.1),  # other plans
        ((1, 0), [(0, 20)] * 2, 0.95, 0.9),  # too few
        ((9, 0), [(0, 1)] * 12, 0.95, 0.9),  # it stands on as much as they do
        ((0, 0), [(0, 1)] * 12, 0.95, 0.9),  # it claims nothing
        ((1, 0), [(0, 0)] * 12, 0.95, 0.9),  # they claim nothing
    ],
)
def test_otherwise_it_is_none(own, theirs, cosine, agreement):
    assert judged(own, theirs, cosine, agreement) is None


@given(st.integers(0, 30), st.integers(0, 30), st.floats(0.1, 5))
def test_what_holds_for_success_holds_for_failure(won, lost, own):
    theirs, mirrored = [(1, 0)] * won + [(0, 1)] * lost, [(0, 1)] * won + [(1, 0)] * lost
    assert judged((own, 0), theirs) == judged((0, own), mirrored)
