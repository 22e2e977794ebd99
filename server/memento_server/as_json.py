"""Cases, episodes and calls as JSON, for whoever reads them: made harmless, and none of the SDK needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memento_memory.case import Case, Episode
from memento_memory.plan import Plan
from memento_memory.text import harmless, shown
from memento_memory.trace import ToolCall
from memento_planner.brief import DATA_NOTICE

_MOST_CALLS = 100  # of an episode: the first and the last fifty
_CALLS_CHARS = 80_000  # of the arguments and the results of all calls together


def case_json(case: Case) -> dict[str, Any]:
    """A whole case, made harmless."""
    return {
        "notice": DATA_NOTICE,
        "case_id": case.id,
        "namespace": case.namespace,
        "task": harmless(case.task.text),
        "context": harmless(case.task.context),
        "plan": _steps(case.plan),
        "outcome": case.result.outcome.value,
        "reward": case.result.reward,
        "evidence": case.result.evidence.value,
        "notes": harmless(case.result.notes),
        "tags": [harmless(tag) for tag in case.tags],
        "host": harmless(case.host),
        "model": harmless(case.model),
        "successes": case.successes,
        "failures": case.failures,
        "shown": case.shown,
        "used": case.used,
        "created_at": case.created_at,
        "updated_at": case.updated_at,
        "forgotten_at": case.forgotten_at,
    }


def episode_json(episode: Episode, calls: Sequence[ToolCall] = ()) -> dict[str, Any]:
    """A whole episode with its trace, made harmless; of a long trace the first and the last calls, with texts cut."""
    result = episode.result
    half = _MOST_CALLS // 2
    told = calls if len(calls) <= _MOST_CALLS else (*calls[:half], *calls[-half:])
    limit = min(_CALLS_CHARS // (2 * max(len(told), 1)), 4_000)
    return {
        "notice": DATA_NOTICE,
        "plan_id": episode.plan_id,
        "namespace": episode.namespace,
        "task": harmless(episode.task.text),
        "context": harmless(episode.task.context),
        "verdict": episode.slate.verdict.value,
        "policy": episode.slate.policy,
        "ranking": episode.slate.ranking,
        "void_probability": episode.slate.void_probability,
        "slate": [
            {
                "case_id": entry.case.id,
                "similarity": entry.similarity,
                "value": entry.value,
                "repeat": entry.repeat,
                "used": entry.used,
            }
            for entry in episode.slate.shown
        ],
        "draft": _steps(episode.draft) if episode.draft else None,
        "plan": _steps(episode.plan) if episode.plan else None,
        "plan_drawn_from_trace": episode.plan_drawn,
        "trace": [call_json(call, limit) for call in told],
        "calls_left_out": max(episode.calls, len(calls)) - len(told),
        "outcome": result.outcome.value if result else None,
        "reward": result.reward if result else None,
        "evidence": result.evidence.value if result else None,
        "notes": harmless(result.notes) if result else "",
        "case_id": episode.case_id,
        "host": harmless(episode.host),
        "model": harmless(episode.model),
        "created_at": episode.created_at,
        "recorded_at": episode.recorded_at,
    }


def call_json(call: ToolCall, limit: int) -> dict[str, Any]:
    """One relayed call, made harmless, its arguments and its result cut to this many characters each."""
    return {
        "subtask": call.subtask,
        "server": shown(call.server, 100),
        "tool": shown(call.tool, 100),
        "arguments": shown(call.arguments, limit),
        "result": shown(call.result, limit),
        "is_error": call.is_error,
        "infrastructure": call.infrastructure,
        "duration_ms": call.duration_ms,
        "tokens": call.tokens,
        "at": call.at,
    }


def _steps(plan: Plan) -> list[dict[str, Any]]:
    return [
        {**step, "description": harmless(step["description"]), "tool": harmless(step["tool"])}
        for step in plan.to_json()
    ]
