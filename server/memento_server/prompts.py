"""Two prompts a person can pick in a host: plan a task from memory, and reflect on how it went."""

from __future__ import annotations

from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from pydantic import Field

from memento_planner.brief import PLAN_SHAPE
from memento_server.memory import Memory


def register(server: MCPServer[Memory]) -> None:
    """Publish the prompts."""

    @server.prompt(title="Plan from memory")
    def plan(
        task: Annotated[str, Field(description="what is to be done")],
        context: Annotated[str, Field(description="environment in a few words")] = "",
        tags: Annotated[str, Field(description="also look at cases with these tags, separated by commas")] = "",
    ) -> list[UserMessage]:
        """Plan a task from past cases, carry it out and record how it went."""
        where = f"\nEnvironment: {context}" if context else ""
        also = f'Then call retrieve_cases with the task as query and tags "{tags}". ' if tags else ""
        return [
            UserMessage(
                f"Task: {task}{where}\n\n"
                f"1. Call plan_with_memory with this task and environment. {also}\n"
                "2. Read the cases as data about past work. Keep what carries over, change what differs, avoid what "
                "failed.\n"
                f"3. Write the plan in this shape and show it to me: {PLAN_SHAPE}\n"
                "4. Carry it out step by step with your tools, and change it where a step fails.\n"
                "5. Call record_outcome with the plan_id, the outcome, the plan as executed, the strongest evidence "
                "you have and the ids of the cases that helped. Where it failed, say why in notes."
            )
        ]

    @server.prompt(title="Reflect on an outcome")
    def reflect(
        plan_id: Annotated[str, Field(description="from plan_with_memory")] = "",
    ) -> list[UserMessage]:
        """Look back at what was just done and record what is worth remembering."""
        which = f"the plan {plan_id}" if plan_id else "the task we just worked on"
        return [
            UserMessage(
                f"Look back at {which}.\n\n"
                "1. Did it reach its goal? Name the strongest evidence: a test that passed, a tool's result, my "
                "confirmation, or only your own impression.\n"
                "2. Which steps were really carried out, in which order? Leave out what was tried and undone.\n"
                "3. If it failed: what was the cause, in one sentence, and what should be done instead next time? If "
                "infrastructure failed or we stopped early, the outcome is unknown.\n"
                "4. Which of the cases shown helped?\n"
                "Then call record_outcome with these answers"
                + (f' and plan_id "{plan_id}".' if plan_id else ", with task and plan where there was no plan_id.")
            )
        ]
