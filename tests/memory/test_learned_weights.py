"""Which weights are told as learned: those that outcomes moved from what they were taken to be."""

from dataclasses import replace

from memento_memory.learning.report import weights
from memento_memory.selection.features import PAIR, TASK
from memento_memory.store.versions import prior


def test_only_what_outcomes_moved_is_told() -> None:
    version = prior()
    learned = replace(version, layer=replace(version.layer, updates=1))
    assert weights(learned) == ()
    mean = version.layer.mean.copy()
    mean[len(TASK)] += 0.2
    (told,) = weights(replace(learned, layer=replace(learned.layer, mean=mean)))
    assert (told.name, told.prior) == (PAIR[0].name, PAIR[0].prior_mean)
