"""The results of the tools as they go over the wire: names and shapes that hosts and scripts depend on."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

NullableNumber = Annotated[float | None, WithJsonSchema({"type": ["number", "null"]})]


class Out(BaseModel):
    """Base of everything that is sent: no surprises in it."""

    model_config = ConfigDict(extra="forbid")


class StepOut(Out):
    id: int
    description: str
    depends_on: list[int]
    tool: str


class CaseOut(Out):
    case_id: str
    task: str
    context: str
    plan: list[StepOut]
    outcome: str
    reward: NullableNumber
    evidence: str
    similarity: float
    value: float = Field(description="estimated probability of success when this case is shown")
    why: str
    notes: str


class DraftOut(Out):
    plan: list[StepOut]
    adapted_from: str
    replacements: list[str] = Field(description='"old → new"')
    unplaced: list[str] = Field(description="words of the new task that the plan does not cover")


class PlanOut(Out):
    plan_id: str
    verdict: str = Field(description="cases or no_useful_case")
    brief: str
    draft_plan: Annotated[DraftOut | None, Field(description="object or null")]
    draft_reason: str = Field(description="why there is no draft")
    cases: list[CaseOut]
    lessons: list[str] = Field(description="what several cases teach")
    notes: list[str] = Field(description="what people noted about the domain")
    source: str = Field(description="who plans: host, or adapted when there is a draft")


class OutcomeOut(Out):
    case_id: str
    status: str = Field(description="retained, merged, updated or unchanged")
    plan_id: str
    changes: list[str]


class CasesOut(Out):
    cases: list[CaseOut]
    note: str


class SolveOut(Out):
    plan_id: str
    status: str = Field(description="running, solved, failed, gave_up or cancelled")
    why: str
    progress: str = ""
    answer: str = ""
    plan: list[str] = Field(default=[], description="as carried out")
    outcome: str = ""
    evidence: str = ""
    case_id: str = ""
    cycles: int = 0
    tokens: int = 0
    calls: int = 0
    seconds: float = 0.0
    dollars: NullableNumber = None
