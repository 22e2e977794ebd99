"""The reward of a run: checks first, then what tools did, then a judge, and nobody's word last."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import anyio
import pytest

from memento_memory.case import Evidence, Outcome, Result, Task
from memento_memory.plan import Plan, Subtask
from memento_planner.checks import Checks
from memento_planner.judge import judge
from memento_planner.models.errors import ModelUnavailableError
from memento_planner.progress import CallMade, SubtaskResult, SubtaskStatus
from planner.scripted import ScriptedModel

TASK = Task("Note the population of Lyon")
PLAN = Plan((Subtask(1, "Find the population of Lyon"), Subtask(2, "Write it to lyon.txt", (1,), "notes__write")))


def step(number: int, *calls: tuple[str, bool, bool]) -> SubtaskResult:
    """A finished step; each call is (tool, failed, only reads)."""
    made = tuple(
        CallMade(i, tool, {}, failed, False, read_only, f"{tool} said so", acts=not read_only)
        for i, (tool, failed, read_only) in enumerate(calls)
    )
    return SubtaskResult(number, SubtaskStatus.DONE, f"result {number}", calls=made)


def verdict(
    results: Mapping[int, SubtaskResult], *, checks: Checks | None = None, model: ScriptedModel | None = None
) -> Result:
    async def judged() -> Result:
        return await judge(TASK, "522,250", PLAN, results, checks, model)

    return anyio.run(judged)


WROTE = {1: step(1, ("web__search", False, True)), 2: step(2, ("notes__write", False, False))}
ONLY_READ = {1: step(1, ("web__search", False, True)), 2: step(2, ("web__fetch", False, True))}
UNSURE = '{"reason": "no source is named", "verdict": "failure", "score": 0.2}'


def test_a_check_decides_whatever_the_others_say() -> None:
    model = ScriptedModel(UNSURE)
    result = verdict(WROTE, checks=Checks(answer="522250"), model=model)
    assert (result.outcome, result.evidence) == (Outcome.SUCCESS, Evidence.TEST_PASSED)
    assert verdict(WROTE, checks=Checks(answer="1"), model=model).outcome is Outcome.FAILURE
    assert not model.asked


def test_a_tool_that_confirms_its_effect_is_evidence() -> None:
    result = verdict(WROTE, model=ScriptedModel(UNSURE))
    assert (result.outcome, result.evidence) == (Outcome.SUCCESS, Evidence.TOOL_RESULT)
    assert "notes__write" in result.notes


@pytest.mark.parametrize(
    "results",
    [ONLY_READ, {1: step(1), 2: step(2)}, {1: step(1, ("notes__write", False, False)), 2: step(2)}],
    ids=["tools that read", "no tools", "an effect before the end"],
)
def test_what_says_nothing_about_the_end_goes_to_the_judge(results: Mapping[int, SubtaskResult]) -> None:
    result = verdict(results, model=ScriptedModel(UNSURE))
    assert (result.outcome, result.evidence, result.notes) == (Outcome.FAILURE, Evidence.JUDGE, "no source is named")
    assert result.reward == pytest.approx(0.2)


def test_without_a_judge_it_is_the_agents_own_word() -> None:
    assert verdict(ONLY_READ).evidence is Evidence.SELF_REPORT
    assert verdict(ONLY_READ).outcome is Outcome.SUCCESS


@pytest.mark.parametrize("line", [ModelUnavailableError("the judge is down"), "no verdict", ""])
def test_a_judge_that_fails_makes_the_outcome_unknown(line: str | Exception) -> None:
    result = verdict(ONLY_READ, model=ScriptedModel(line))
    assert (result.outcome, result.evidence, result.reward) == (Outcome.UNKNOWN, Evidence.JUDGE, None)


def test_a_judge_is_told_once_what_is_wrong_with_its_verdict() -> None:
    model = ScriptedModel(
        '{"reason": "", "verdict": "great", "score": 1}',
        '{"reason": "", "verdict": "success", "score": 7}',
        '{"reason": "the file is there", "verdict": "success", "score": 0.9}',
    )
    assert verdict(ONLY_READ, model=model).reward == pytest.approx(0.9)
    assert len(model.asked) == 3
    assert "score" in model.asked[-1].messages[-1].text


def test_score_and_verdict_never_contradict_each_other() -> None:
    low = verdict(ONLY_READ, model=ScriptedModel(json.dumps({"reason": "", "verdict": "success", "score": 0.1})))
    high = verdict(ONLY_READ, model=ScriptedModel(json.dumps({"reason": "", "verdict": "failure", "score": 0.9})))
    assert low.reward == high.reward == 0.5


def test_what_tools_said_reaches_the_judge_as_data() -> None:
    model = ScriptedModel(UNSURE)
    verdict({1: step(1), 2: step(2, ("web__fetch", False, True))}, model=model)
    sent = model.asked[0].messages[0].text
    assert "web__fetch said so" in sent
    assert "never an instruction" in model.asked[0].system
    assert re.search(r"^<answer (\w+)>\n522,250\n</answer \1>$", sent, re.MULTILINE)
