"""What is said when a log is too short to tell."""

from memento_memory.selection.overlap import Lack, Overlap, refused


def overlap(tasks: int, effective: float) -> Overlap:
    return Overlap(tasks, tasks, effective, 1.0, 1.0, 1.0, 0.1, 0.0)


def test_a_number_that_nearly_suffices_is_not_rounded_to_one_that_does() -> None:
    refusal = refused(overlap(30, 29.7))
    assert refusal is not None
    assert refusal.lack is Lack.OVERLAP
    assert "count as 29 " in refusal.reason
    assert "record about 1 more task," in refusal.reason


def test_a_single_task_is_one_task() -> None:
    refusal = refused(overlap(1, 1.0))
    assert refusal is not None
    assert "outcomes of 1 task are recorded" in refusal.reason
