"""The math server through the protocol, in both eras, with work that takes too long and work that is called off."""

from __future__ import annotations

import sys

import anyio
import psutil
import pytest
from mcp import Client, StdioServerParameters

from bundled.math.asking import ask, in_an_event_loop, math_client, refusal
from memento_toolhub.servers.math.needs import needs

_TOOLS = {"calculate", "convert_units", "simplify", "differentiate", "integrate", "solve", "statistics", "read_more"}


@pytest.mark.parametrize("era", ["legacy", "auto"])
@in_an_event_loop
async def test_every_tool_answers_in_both_eras(era: str) -> None:
    async with math_client(era) as client:
        assert (await ask(client, "calculate", expression="1/3 + 1/6"))["exact"] == "1/2"
        assert (await ask(client, "convert_units", quantity="72 km/h", to="m/s"))["exact"] == "20"
        assert (await ask(client, "simplify", expression="sin(x)^2 + cos(x)^2"))["exact"] == "1"
        assert (await ask(client, "differentiate", expression="x^2"))["exact"] == "2*x"
        assert (await ask(client, "integrate", expression="2x"))["exact"] == "x**2"
        solved = await ask(client, "solve", equations=["x^2 = 4"], unknowns=["x"])
        assert {solution["exact"]["x"] for solution in solved["solutions"]} == {"-2", "2"}
        assert (await ask(client, "statistics", numbers=[1, 2, 3, 4]))["mean"] == "5/2"
        assert "at 4" in await refusal(client, "calculate", expression="1 + foo")


@in_an_event_loop
async def test_the_tools_say_that_they_change_nothing() -> None:
    async with math_client() as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == _TOOLS
    for tool in tools:
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        assert tool.annotations.open_world_hint is False
        assert "$ref" not in str(tool.input_schema)


@in_an_event_loop
async def test_a_long_result_is_read_on() -> None:
    async with math_client() as client:
        first = await ask(client, "calculate", expression="7^60000")
        text = first["exact"]
        while first.get("rest"):
            first = await ask(client, "read_more", handle=first["rest"])
            text += first["text"]
    assert len(text) == 50706
    assert text.endswith(str(pow(7, 60000, 10**9)))


@in_an_event_loop
async def test_integrals_and_equations_fall_back_to_numbers() -> None:
    async with math_client() as client:
        integral = await ask(client, "integrate", expression="x^x", lower="0", upper="1")
        assert integral["numeric"]
        assert integral["decimal"].startswith("0.7834305107")
        assert "antiderivative" in await refusal(client, "integrate", expression="x^x")
        solved = await ask(client, "solve", equations=["cos(x) = x"], unknowns=["x"], real=True)
        assert solved["status"] == "numeric"
        assert not solved["complete"]


@in_an_event_loop
async def test_what_the_schema_forbids_is_refused() -> None:
    async with math_client() as client:
        for arguments in ({"numbers": []}, {"numbers": ["a"]}, {"numbers": [1, 2], "paired": [1]}):
            await refusal(client, "statistics", **arguments)
        await refusal(client, "calculate", expression="1", digits=100_000)
        await refusal(client, "differentiate", expression="x", order=1000)


@in_an_event_loop
async def test_a_call_that_is_called_off_leaves_nothing_running() -> None:
    endless = "sin(x)" + "".join(f"*cos({k}x + x^{k})" for k in range(2, 60))
    async with math_client() as client:
        others = set(psutil.Process().children())
        await ask(client, "calculate", expression="1")
        before = set(psutil.Process().children()) - others
        assert before
        with anyio.move_on_after(1.0):
            await client.call_tool("integrate", {"expression": endless})
        for _ in range(200):
            if not any(child.is_running() and child.status() != "zombie" for child in before):
                break
            await anyio.sleep(0.05)
        assert not any(child.is_running() and child.status() != "zombie" for child in before)
        assert (await ask(client, "calculate", expression="6*7"))["exact"] == "42"


@in_an_event_loop
async def test_it_runs_by_itself_on_stdio() -> None:
    command = StdioServerParameters(command=sys.executable, args=["-m", "memento_server", "tool", "math"])
    async with Client(command) as client:
        assert (await ask(client, "calculate", expression="3 km / 20 min to m/s"))["exact"] == "5/2"
        assert "digits" in await refusal(client, "calculate", expression="9**9**9")


@in_an_event_loop
async def test_nothing_heavy_is_imported_where_the_server_runs() -> None:
    code = (
        "import sys; from memento_toolhub.servers.math import server; "
        "print(sorted({'sympy', 'pint', 'mpmath'} & set(sys.modules)))"
    )
    done = await anyio.run_process([sys.executable, "-c", code])
    assert done.stdout.decode().strip() == "[]"


def test_what_is_needed_is_there() -> None:
    assert all(need.ok for need in needs({}))
