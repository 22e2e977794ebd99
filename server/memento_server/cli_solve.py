"""`memento solve`: a task solved from here, with the models and tools that are configured."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memento_server.options import AsJson, Bank, Namespace, Tools

if TYPE_CHECKING:
    from anyio import CancelScope
    from anyio.abc import TaskStatus

    from memento_memory.case import Task
    from memento_planner.checks import Checks
    from memento_planner.run import Crew
    from memento_planner.solve import Solved, SolveOptions
    from memento_planner.tools import ToolCaller
    from memento_server.memory import Memory
    from memento_server.settings import Models, Settings
    from memento_server.solve_view import SolveView

_EXIT = {"solved": 0, "failed": 1, "gave_up": 3, "cancelled": 130}
_MOST_INTERRUPTS = 3


def solve(
    task: Annotated[str, typer.Argument(help="What is to be done; - reads it from standard input.")] = "",
    context: Annotated[str, typer.Option(help="The environment in a few words.")] = "",
    model: Annotated[
        str,
        typer.Option(help="anthropic:…, openai:…[@URL], local:FILE.gguf or local:smollm2. (Or MEMENTO_MODEL.)"),
    ] = "",
    max_cycles: Annotated[int, typer.Option(help="Most plans to try.", min=1, max=10)] = 3,
    budget: Annotated[str, typer.Option(help="Bounds, as in tokens=50000,dollars=0.5,seconds=600,calls=40.")] = "",
    k: Annotated[int, typer.Option("-k", help="Most cases to show the planner.", min=1, max=20)] = 4,
    check: Annotated[
        str, typer.Option(help="Command that reads the answer and exits 0 if the task is done.", metavar="COMMAND")
    ] = "",
    check_answer: Annotated[str | None, typer.Option(help="The right answer, compared up to form.")] = None,
    check_schema: Annotated[
        Path | None, typer.Option(help="JSON schema that the answer has to follow.", metavar="FILE")
    ] = None,
    resume: Annotated[str, typer.Option(help="Go on with a run that was cut short.", metavar="PLAN_ID")] = "",
    tools: Tools = None,
    bank: Bank = None,
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Solve a task: plan from cases, carry it out with the connected tools, judge it and remember it.

    Exit status: 0 solved, 1 failed, 3 the budget ran out, 130 cancelled.
    """
    import anyio

    from memento_memory.errors import InputError
    from memento_memory.limits import check_task
    from memento_planner.budget import parse_budget
    from memento_planner.solve import SolveOptions
    from memento_server import console, solve_view
    from memento_server.settings import Settings
    from memento_server.tools_file import tools_file

    if bool(task) == bool(resume):
        raise InputError("task", "is missing; say what is to be done, or --resume a run (not both)")
    state = check_task(sys.stdin.read() if task == "-" else task, context) if task else None
    found = Settings.of(bank=bank, namespace=namespace, model=model)
    settings = dataclasses.replace(found, tools=tools_file(tools))
    options = SolveOptions(
        max_cycles=max_cycles,
        budget=parse_budget(budget, parse_budget(settings.budget, field="MEMENTO_BUDGET")),
        k=k,
        namespaces=(settings.namespace,),
        prices=settings.prices,
    )
    checks = _checks(check, check_answer, check_schema)
    with solve_view.SolveView(console.stderr()) as view:
        result = anyio.run(_solved, settings, state, options, checks, resume, view)
    if result is None:
        console.stderr().print("memento: cancelled before anything was done")
        raise typer.Exit(_EXIT["cancelled"])
    if as_json:
        console.write_json(_as_json(result))
    else:
        solve_view.solved(console.stdout(), result)
    raise typer.Exit(_EXIT[result.status.value])


def _checks(command: str, answer: str | None, schema: Path | None) -> Checks | None:
    from memento_memory.errors import InputError
    from memento_planner.checks import Checks, check_schema

    if not command and answer is None and schema is None:
        return None
    wanted = None
    if schema is not None:
        try:
            wanted = json.loads(schema.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError("check-schema", f"{schema} cannot be read as JSON ({error})") from error
        check_schema(wanted)
    return Checks(command=command, schema=wanted, answer=answer)


async def _solved(
    settings: Settings,
    task: Task | None,
    options: SolveOptions,
    checks: Checks | None,
    resume: str,
    view: SolveView,
) -> Solved | None:
    """Solve, or go on; a signal ends it in order, and what was done stays. None where nothing was."""
    import anyio
    import anyio.to_thread

    from memento_planner.solve import solve
    from memento_server.memory import Memory

    models = _models(settings)
    opened = [resume]
    memory = Memory(settings)
    solved: Solved | None = None
    scope = anyio.CancelScope()
    async with anyio.create_task_group() as listening:
        await listening.start(_cancel_on_signals, scope, view)
        try:
            with scope:
                async with _workshop(settings, models, memory) as (crew, tools):
                    bank = await anyio.to_thread.run_sync(memory.bank)
                    solved = await solve(
                        bank,
                        task,
                        crew,
                        tools,
                        options,
                        checks=checks,
                        watch=view.watch,
                        resume=resume,
                        on_open=opened.append,
                    )
            if scope.cancelled_caught:
                solved = await anyio.to_thread.run_sync(_cut_short, memory, opened[-1])
        finally:
            await anyio.to_thread.run_sync(memory.close)
        listening.cancel_scope.cancel()
    return solved


def _cut_short(memory: Memory, plan_id: str) -> Solved | None:
    """What is written down of a run after a signal; None if there is none."""
    from memento_planner import run_state
    from memento_planner.run_state import Status
    from memento_planner.solve import Solved

    if not plan_id:
        return None
    state = run_state.load(memory.bank().database, plan_id)
    if not state.is_over:
        why = f"cancelled; go on with --resume {plan_id}"
        state = dataclasses.replace(state, status=Status.CANCELLED, why=why)
    return Solved.of(state)


async def _cancel_on_signals(scope: CancelScope, view: SolveView, *, task_status: TaskStatus[None]) -> None:
    """The first signal cancels. `timeout` and its like send each twice, so only a third interrupt ends it at once."""
    import anyio

    if os.name == "nt":  # asyncio has no signals there; an interrupt cancels all the same, but has the last word
        task_status.started()
        return
    interrupts = 0
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            scope.cancel()
            interrupts += number == signal.SIGINT
            if interrupts >= _MOST_INTERRUPTS:
                view.close()
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                signal.raise_signal(signal.SIGINT)


def _models(settings: Settings) -> Models:
    from memento_memory.errors import InputError

    models = settings.models
    if models is None:
        raise InputError(
            "model", "is not set; give --model, or set MEMENTO_MODEL (with no key at hand: --model local:smollm2)"
        )
    if "host" in (models.planner.kind, models.executor.kind, models.judge.kind if models.judge else ""):
        raise InputError("model", "'host' is the model of an MCP host; on the command line name another one")
    return models


@asynccontextmanager
async def _workshop(settings: Settings, models: Models, memory: Memory) -> AsyncIterator[tuple[Crew, ToolCaller]]:
    """The models, and the tools of the connected servers."""
    import anyio.to_thread
    from mcp.server.subscriptions import InMemorySubscriptionBus

    from memento_server.mailbox import Mailbox
    from memento_server.session import load_model
    from memento_server.solving import crew
    from memento_server.tool_caller import relayed_tools

    await anyio.to_thread.run_sync(load_model, settings)
    async with AsyncExitStack() as stack:
        relaying = None
        if settings.tools is not None:
            from memento_server.relaying import build

            relaying = build(settings.tools, memory, InMemorySubscriptionBus(), ())
            await stack.enter_async_context(relaying.relay.running())
        made = await stack.enter_async_context(crew(models, Mailbox(lambda: None, lambda: None), host_tools=False))
        yield made, await stack.enter_async_context(relayed_tools(relaying))


def _as_json(result: Solved) -> dict[str, Any]:
    plan = result.plan.to_json() if result.plan else []
    return {**dataclasses.asdict(result), "status": result.status.value, "plan": plan}
