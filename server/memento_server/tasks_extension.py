"""The official Tasks extension for solve_task: hosts that declare it get a task where others are told to ask again.

See io.modelcontextprotocol/tasks (SEP-2663). A task's id is the plan_id of its run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mcp import types
from mcp.server import ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field, ValidationError

from memento_memory.errors import MementoError
from memento_server.host_model import to_reply, to_sampling
from memento_server.jobs import Job
from memento_server.solve_tool import SolveTool, result

IDENTIFIER = "io.modelcontextprotocol/tasks"
_ERAS = frozenset(MODERN_PROTOCOL_VERSIONS)
_POLL_MS = 1_000

Context = ServerRequestContext[Any, Any]


class TaskParams(types.RequestParams):
    """Names a task."""

    task_id: str


class UpdateParams(TaskParams):
    """Brings a task the answers to its questions."""

    input_responses: dict[str, Any] = Field(default_factory=dict)


class Tasks(Extension):
    """Serves the jobs of solve_task as tasks."""

    identifier = IDENTIFIER

    def __init__(self, solving: SolveTool) -> None:
        self._solving = solving

    def methods(self) -> Sequence[MethodBinding]:
        """What hosts ask of tasks."""
        return (
            MethodBinding("tasks/get", TaskParams, self._get, _ERAS),
            MethodBinding("tasks/update", UpdateParams, self._update, _ERAS),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, _ERAS),
        )

    async def intercept_tool_call(
        self, params: types.CallToolRequestParams, ctx: Context, call_next: CallNext
    ) -> HandlerResult:
        """Give a task to a host that knows what to do with one, where its call would have to be made again."""
        answer = await call_next(ctx)
        if not isinstance(answer, types.CallToolResult) or not _declared(ctx):
            return answer
        said = answer.structured_content or {}
        job = self._solving.jobs.named(said["plan_id"]) if said.get("status") == "running" else None
        return {"resultType": "task", **_wire(job), "status": "working"} if job is not None else answer

    async def _get(self, ctx: Context, params: TaskParams) -> dict[str, Any]:
        job = self._job(ctx, params)
        told = _wire(job)
        if job.solved is not None:
            ended = result(self._solving.told(job)).model_dump(mode="json", by_alias=True, exclude_none=True)
            return told | {"status": "completed", "result": ended}
        if job.failure is not None:
            why = str(job.failure) if isinstance(job.failure, MementoError) else "solving broke off unexpectedly"
            return told | {"status": "failed", "error": {"code": types.INTERNAL_ERROR, "message": why}}
        if job.cancelled:
            return told | {"status": "cancelled"}
        asked = {
            question.key: to_sampling(question.request).model_dump(mode="json", by_alias=True, exclude_none=True)
            for question in job.mailbox.questions()
        }
        return told | ({"status": "input_required", "inputRequests": asked} if asked else {"status": "working"})

    async def _update(self, ctx: Context, params: UpdateParams) -> dict[str, Any]:
        job = self._job(ctx, params)
        for key, given in params.input_responses.items():
            try:
                job.mailbox.answer(key, to_reply(types.CreateMessageResultWithTools.model_validate(given)))
            except ValidationError as error:
                raise MCPError(types.INVALID_PARAMS, f"{key}: is no answer to a sampling request") from error
        return {"resultType": "complete"}

    async def _cancel(self, ctx: Context, params: TaskParams) -> dict[str, Any]:
        job = self._job(ctx, params)
        if not job.over:
            job.cancel()
        return {"resultType": "complete"}

    def _job(self, ctx: Context, params: TaskParams) -> Job:
        require_client_extension(ctx, IDENTIFIER)
        job = self._solving.jobs.named(params.task_id)
        if job is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown task: {params.task_id}; solve_task goes on with a plan_id")
        return job


def _declared(ctx: Context) -> bool:
    capabilities = ctx.session.client_capabilities
    return ctx.protocol_version in _ERAS and capabilities is not None and IDENTIFIER in (capabilities.extensions or {})


def _wire(job: Job) -> dict[str, Any]:
    return {
        "taskId": job.plan_id,
        "statusMessage": job.word,
        "createdAt": _when(job.began_at),
        "lastUpdatedAt": _when(job.changed_at),
        "ttlMs": None,
        "pollIntervalMs": _POLL_MS,
    }


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
