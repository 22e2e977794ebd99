"""The tools of the conformance suite that ask the host for input: sampling, elicitation, roots, several rounds."""

from __future__ import annotations

from typing import Any

from fixture_questions import form, said, sample
from fixture_tools import Call, FixtureTool, Run, text, text_argument, tool
from mcp import types

NAME = form("What is your name?", {"name": {"type": "string"}}, ["name"])
CONFIRM = form("Please confirm", {"ok": {"type": "boolean"}}, ["ok"])
CONTACT = {
    "username": {"type": "string", "description": "User's response"},
    "email": {"type": "string", "description": "User's email address"},
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}


def _titled(word: str) -> list[dict[str, str]]:
    return [
        {"const": f"value{n}", "title": f"{which} {word}"} for n, which in enumerate(("First", "Second", "Third"), 1)
    ]


PLAIN_CHOICE = {"type": "string", "enum": ["option1", "option2", "option3"]}
CHOICES: dict[str, dict[str, Any]] = {
    "untitledSingle": PLAIN_CHOICE,
    "titledSingle": {"type": "string", "oneOf": _titled("Option")},
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {"type": "array", "items": PLAIN_CHOICE},
    "titledMulti": {"type": "array", "items": {"anyOf": _titled("Choice")}},
}


def _asks(key: str, question: types.InputRequest, before: str = "") -> Run:
    """A tool body that puts one question and returns the answer in words."""

    async def run(call: Call) -> types.CallToolResult:
        return text(before + said(await call.questions.ask(key, question)))

    return run


async def _samples(call: Call) -> types.CallToolResult:
    answer = await call.questions.ask("sampling", sample(str(call.arguments["prompt"]), 100))
    return text(f"LLM response: {said(answer)}")


async def _elicits(call: Call) -> types.CallToolResult:
    question = form(str(call.arguments["message"]), CONTACT, ["username", "email"])
    return text(f"User response: {said(await call.questions.ask('contact', question))}")


async def _greets(call: Call) -> types.CallToolResult:
    answer = await call.questions.ask("user_name", NAME)
    content = answer.content if isinstance(answer, types.ElicitResult) else None
    return text(f"Hello, {(content or {}).get('name', 'stranger')}!")


async def _asks_three_at_once(call: Call) -> types.CallToolResult:
    answers = await call.questions.ask_all(
        {"user_name": NAME, "greeting": sample("Generate a greeting", 50), "client_roots": types.ListRootsRequest()}
    )
    return text("; ".join(f"{key}: {said(answer)}" for key, answer in answers.items()))


async def _asks_twice(call: Call) -> types.CallToolResult:
    name = await call.questions.ask("step1", form("Step 1: What is your name?", {"name": {"type": "string"}}, ["name"]))
    color = {"color": {"type": "string"}}
    favourite = await call.questions.ask("step2", form("Step 2: What is your favorite color?", color, ["color"]))
    return text(f"{said(name)}; {said(favourite)}")


async def _asks_what_it_may(call: Call) -> types.CallToolResult:
    offered: dict[str, types.InputRequest] = {
        "user_name": NAME,
        "greeting": sample("Generate a greeting", 50),
        "client_roots": types.ListRootsRequest(),
    }
    allowed = {key: question for key, question in offered.items() if call.questions.can_ask(type(question))}
    answers = await call.questions.ask_all(allowed)
    return text(f"asked: {', '.join(answers) or 'nothing'}")


async def _needs_sampling(call: Call) -> types.CallToolResult:
    call.questions.require(types.CreateMessageRequest)
    return text("The client declared sampling.")


ELICITED = "Elicitation completed: "
PREFIX = "test_input_required_result_"
ASKING_TOOLS: tuple[FixtureTool, ...] = (
    tool("test_sampling", "Asks the host's model.", _samples, text_argument("prompt")),
    tool("test_elicitation", "Asks the user for a name and an address.", _elicits, text_argument("message")),
    tool(
        "test_elicitation_sep1034_defaults",
        "Asks with a default for every primitive type.",
        _asks("defaults", form("Please review the defaults", DEFAULTS, []), ELICITED),
    ),
    tool(
        "test_elicitation_sep1330_enums",
        "Asks with every kind of enumeration.",
        _asks("choices", form("Please choose", CHOICES, []), ELICITED),
    ),
    tool("test_streaming_elicitation", "Asks the user while its stream is open.", _asks("confirm", CONFIRM)),
    tool("test_missing_capability", "Refuses a client that did not declare sampling.", _needs_sampling),
    tool(f"{PREFIX}elicitation", "Asks for a name and greets.", _greets),
    tool(
        f"{PREFIX}sampling",
        "Asks the host's model for a capital.",
        _asks("capital_question", sample("What is the capital of France?", 100)),
    ),
    tool(f"{PREFIX}list_roots", "Asks for the roots.", _asks("client_roots", types.ListRootsRequest(), "roots: ")),
    tool(f"{PREFIX}request_state", "Checks the state it gave out.", _asks("confirm", CONFIRM, "state-ok: ")),
    tool(f"{PREFIX}tampered_state", "Refuses a state it did not give out.", _asks("confirm", CONFIRM, "state-ok: ")),
    tool(f"{PREFIX}multiple_inputs", "Asks three questions at once.", _asks_three_at_once),
    tool(f"{PREFIX}multi_round", "Asks one question after the other.", _asks_twice),
    tool(f"{PREFIX}capabilities", "Asks only what the client can answer.", _asks_what_it_may),
)
