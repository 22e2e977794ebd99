"""What can keep the slow learner from learning."""

from __future__ import annotations

from memento_memory.errors import MementoError


class LearnError(MementoError):
    """Nothing was learned; the version in force stays."""


class NotEnoughError(LearnError):
    """The log does not hold enough episodes yet."""


class LearnerBusyError(LearnError):
    """Another learner is at work on the bank."""
