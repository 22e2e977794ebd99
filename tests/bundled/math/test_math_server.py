"""The math server through the protocol, in both eras, with work that takes too long and work that is called off."""

from __future__ import annotations

import os

import anyio
import psutil
import pytest

from bundled.math.asking import ask, math_client, refusal
from bundled.shared_loop import in_the_loop
from memento_toolhub.servers.kit.apart import run_apart
from memento_toolhub.servers.math.needs import needs

_TOOLS = {"calculate", "convert_units", "simplify", "differentiate", "integrate", "solve", "statistics", "read_more"}


@pytest.mark.parametrize("era", ["legacy", "auto"])
@in_the_loop
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


@in_the_loop
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


@in_the_loop
async def test_a_long_result_is_read_on() -> None:
    async with math_client() as client:
        first = await ask(client, "calculate", expression="7^60000")
        text = first["exact"]
        while first.get("rest"):
            first = await ask(client, "read_more", handle=first["rest"])
            text += first["text"]
    assert len(text) == 50706
    assert text.endswith(str(pow(7, 60000, 10**9)))


@in_the_loop
async def test_integrals_and_equations_fall_back_to_numbers() -> None:
    async with math_client() as client:
        integral = await ask(client, "integrate", expression="x^x", lower="0", upper="1")
        assert integral["numeric"]
        assert integral["decimal"].startswith("0.7834305107")
        assert "antiderivative" in await refusal(client, "integrate", expression="x^x")
        solved = await ask(client, "solve", equations=["cos(x) = x"], unknowns=["x"], real=True)
        assert solved["status"] == "numeric"
        assert not solved["complete"]


@in_the_loop
async def test_what_the_schema_forbids_is_refused() -> None:
    async with math_client() as client:
        for arguments in ({"numbers": []}, {"numbers": ["a"]}, {"numbers": [1, 2], "paired": [1]}):
            await refusal(client, "statistics", **arguments)
        await refusal(client, "calculate", expression="1", digits=100_000)
        await refusal(client, "differentiate", expression="x", order=1000)


@in_the_loop
async def test_a_call_that_is_called_off_leaves_nothing_running() -> None:
    endless = "sin(x)" + "".join(f"*cos({k}x + x^{k})" for k in range(2, 60))
    async with math_client() as client:
        await ask(client, "calculate", expression="1")
        worker = psutil.Process(await run_apart(os.getpid))  # the one used last is the next to be used
        with anyio.move_on_after(0.5):
            await client.call_tool("integrate", {"expression": endless})
        with anyio.fail_after(60):
            while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
                await anyio.sleep(0.05)
        assert (await ask(client, "calculate", expression="6*7"))["exact"] == "42"


def test_what_is_needed_is_there() -> None:
    assert all(need.ok for need in needs({}))
