"""The three tools of the wire contract: plan_with_memory, record_outcome and retrieve_cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import Field, WithJsonSchema

from memento_memory import limits
from memento_memory.case import Evidence, Outcome, Result
from memento_memory.errors import InputError
from memento_memory.plan import parse_plan
from memento_memory.retention import Report
from memento_memory.text import check
from memento_server import render, replanning
from memento_server.memory import Memory
from memento_server.wire import CasesOut, OutcomeOut, PlanOut

if TYPE_CHECKING:
    from memento_server.relaying import Relaying

NAMES = ("plan_with_memory", "record_outcome", "retrieve_cases")
_ID_BYTES = 100


def _as(kind: str, description: str) -> WithJsonSchema:
    """Publish a plain type where a union would be: hosts stumble over anyOf."""
    return WithJsonSchema({"type": kind, "description": description})


_NAMESPACE = "where to look, default this server's own; several separated by commas"


def register(server: MCPServer[Memory], memory: Memory, relaying: Relaying | None = None) -> None:
    """Publish the tools; every name and default here is part of the wire contract."""
    _publish_plan(server, memory, relaying)
    _publish_record(server, memory, relaying)
    _publish_retrieve(server, memory, relaying)


def _publish_plan(server: MCPServer[Memory], memory: Memory, relaying: Relaying | None) -> None:
    @server.tool(
        title="Plan with memory",
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
        ),
    )
    async def plan_with_memory(
        ctx: Context[Memory, Any],
        task: Annotated[str, Field(description="what is to be done, at most 20 kB; not with plan_id")] = "",
        context: Annotated[str, Field(description="environment in a few words: project, database, site")] = "",
        k: Annotated[int, Field(description="most cases to show, 1-20")] = 4,
        namespace: Annotated[str, Field(description=_NAMESPACE)] = "",
        plan_id: Annotated[str, Field(description="to plan anew: the plan being carried out")] = "",
        progress: Annotated[str, Field(description="with plan_id: what is done, what failed and why")] = "",
    ) -> Annotated[CallToolResult, PlanOut]:
        """Plan a task from past cases: returns the most useful cases, a draft plan and how to plan from them.

        Call it before planning any task of several steps; afterwards call record_outcome with the plan_id."""
        asked = replanning.asked(task, context, plan_id, progress)
        limits.check_k(k)
        spaces = namespaces(namespace, memory)
        host, at_hand = client_name(ctx), relaying.tools_at_hand() if relaying else None

        def work() -> tuple[CallToolResult, str]:
            from memento_planner.planner import plan_from_cases  # brings NumPy, which start-up need not wait for

            bank = memory.bank()
            state, where = replanning.state_of(bank, asked, spaces if namespace else ())
            planned = plan_from_cases(
                bank, state, k=k, namespaces=where or spaces, host=host, tools=at_hand, previous=asked.plan_id
            )
            memory.upkeep_soon()
            result = render.plan_result(planned.episode, planned.draft, planned.adapted_from, planned.advice)
            return result, planned.episode.plan_id

        result, opened = await anyio.to_thread.run_sync(work)
        if relaying:
            relaying.planned(ctx.request_context, opened)
        return result


def _publish_record(server: MCPServer[Memory], memory: Memory, relaying: Relaying | None) -> None:
    @server.tool(
        title="Record outcome",
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )
    async def record_outcome(
        outcome: Annotated[
            Literal["success", "failure", "unknown"],
            Field(description="unknown: infrastructure failed or run cancelled"),
        ],
        ctx: Context[Memory, Any],
        plan_id: Annotated[str, Field(description="from plan_with_memory; else give task and plan")] = "",
        reward: Annotated[
            float | None, _as("number", "grade in [0, 1]; left out: 1 for success, 0 for failure")
        ] = None,
        evidence: Annotated[
            Literal["test_passed", "tool_result", "user_confirmed", "judge", "self_report"],
            Field(description="what the outcome rests on, strongest first"),
        ] = "self_report",
        task: Annotated[str, Field(description="only without plan_id")] = "",
        plan: Annotated[
            Any,
            _as(
                "string",
                "as executed: numbered lines or JSON of the plan's shape; default: the relayed calls, else the draft",
            ),
        ] = "",
        notes: Annotated[str, Field(description="why it failed, what to watch")] = "",
        used_cases: Annotated[str, Field(description="ids of the cases that helped, separated by commas")] = "",
        namespace: Annotated[str, Field(description="only without plan_id")] = "",
    ) -> Annotated[CallToolResult, OutcomeOut]:
        """Record how a plan went, so that the next plan is better. Safe to repeat: one plan_id counts once.

        Call it after every plan, successes and failures alike; call again when stronger evidence comes in."""
        report = Report(
            result=Result.graded(Outcome(outcome), reward, Evidence(evidence), limits.check_notes(notes)),
            plan_id=check("plan_id", plan_id, limit=_ID_BYTES),
            task=limits.check_task(task) if task else None,
            plan=None if plan == "" else parse_plan(plan),
            used=_ids(used_cases),
            namespace=single_namespace(namespace, memory),
            host=client_name(ctx),
        )

        def work() -> CallToolResult:
            from memento_planner import feedback  # brings NumPy

            if relaying:
                relaying.traces.flush()
            return render.outcome_result(feedback.record(memory.bank(), report))

        result = await anyio.to_thread.run_sync(work)
        if relaying:
            relaying.recorded(report.plan_id)
        return result


def _publish_retrieve(server: MCPServer[Memory], memory: Memory, relaying: Relaying | None) -> None:
    @server.tool(
        title="Retrieve cases",
        annotations=ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )
    async def retrieve_cases(
        query: Annotated[str, Field(description="a task, or words to look for")],
        k: Annotated[int, Field(description="most cases to return, 1-20")] = 4,
        outcome: Annotated[
            Literal["any", "success", "failure", "unknown"], Field(description="only this outcome")
        ] = "any",
        tags: Annotated[str, Field(description="only cases with all of these tags, separated by commas")] = "",
        namespace: Annotated[str, Field(description=_NAMESPACE)] = "",
    ) -> Annotated[CallToolResult, CasesOut]:
        """Look up past cases like a query, most similar first. Read only: nothing is planned or recorded."""
        state = limits.check_task(query, field="query")
        limits.check_k(k)
        spaces = namespaces(namespace, memory)
        wanted = None if outcome == "any" else Outcome(outcome)
        labels = limits.check_tags(_split(tags))
        at_hand = relaying.tools_at_hand() if relaying else None

        def work() -> CallToolResult:
            slate = memory.bank().retrieve(
                state, k=k, namespaces=spaces, outcome=wanted, tags=labels, browse=True, tools=at_hand
            )
            memory.upkeep_soon()
            return render.cases_result(slate, render.search_note(slate))

        return await anyio.to_thread.run_sync(work)


def namespaces(given: str, memory: Memory) -> tuple[str, ...]:
    """The namespaces a call names, or the server's own."""
    return tuple(dict.fromkeys(limits.check_namespace(name) for name in _split(given))) or (memory.settings.namespace,)


def single_namespace(given: str, memory: Memory) -> str:
    """The one namespace a call writes to."""
    found = namespaces(given, memory)
    if len(found) > 1:
        raise InputError("namespace", f"names {len(found)} namespaces; a case goes into one")
    return found[0]


def client_name(ctx: Context[Memory, Any]) -> str:
    """Name and version of the calling host, where it says so."""
    info = ctx.session.client_params.client_info if ctx.session.client_params else None
    return f"{info.name} {info.version}"[:100] if info else ""


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _ids(text: str) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(check("used_cases", part, limit=_ID_BYTES) for part in _split(text))) or None
