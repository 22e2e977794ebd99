"""Distilling: lessons drawn from the cases of a bank, written down, kept up to date, and dropped when they fail."""

from memento_planner.distill.distill import Report, distill

__all__ = ["Report", "distill"]
