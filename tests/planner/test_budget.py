"""What may be spent, and that nothing beyond it is."""

from __future__ import annotations

import json

import anyio
import pytest

from memento_memory.errors import InputError
from memento_planner.budget import Budget, BudgetSpentError, Metered, MeteredTools, Purse, parse_budget
from memento_planner.events import Spent
from memento_planner.models.chat import Message, Reply, Request, Role, ToolUse, Usage
from memento_planner.models.prices import Price
from memento_planner.tools import CallResult, NoTools
from planner.scripted import ScriptedModel

ASKED = Request("", (Message(Role.USER, "hello"),), max_tokens=1_000)


def free(name: str) -> Price | None:
    return Price(0, 0, 0, 0)


def unknown(name: str) -> Price | None:
    return None


def dear(name: str) -> Price | None:
    return Price(1_000_000, 1_000_000, 1_000_000, 1_000_000)  # a dollar a token


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(purse: Purse, *, keep: float = 0.0, model: ScriptedModel | None = None) -> Reply:
    metered = Metered(model or ScriptedModel("hello"), purse, lambda _: None, keep=keep)
    return anyio.run(metered.complete, ASKED)


def test_a_budget_is_read_from_words() -> None:
    assert parse_budget("tokens=5000, seconds=2.5") == Budget(tokens=5_000, seconds=2.5)
    assert parse_budget("dollars=0.5,calls=3", Budget(tokens=7)) == Budget(tokens=7, dollars=0.5, calls=3)
    assert parse_budget("") == Budget()


@pytest.mark.parametrize(
    "text", ["5000", "tokens=", "tokens=many", "token=5", "tokens=0", "calls=1.5", "seconds=1.2.3"]
)
def test_what_is_no_budget_is_refused_with_the_form_that_is_wanted(text: str) -> None:
    with pytest.raises(InputError, match=r"budget: .*tokens=50000"):
        parse_budget(text)


def test_tokens_are_counted_and_end_it() -> None:
    purse = Purse(Budget(tokens=250), free)
    ask(purse)
    assert purse.spent.tokens == 120
    ask(purse)
    with pytest.raises(BudgetSpentError) as spent:
        ask(purse)
    assert spent.value.what == "tokens"


def test_a_reply_is_never_allowed_to_be_longer_than_what_is_left() -> None:
    model = ScriptedModel("hello")
    ask(Purse(Budget(tokens=300), free), model=model)
    assert model.asked[0].max_tokens == 300


def test_a_share_is_left_for_what_comes_last() -> None:
    purse = Purse(Budget(tokens=1_000), free, before=Spent(870, 0.0, 0.0, 0))
    with pytest.raises(BudgetSpentError):
        ask(purse, keep=0.1)
    ask(purse)
    purse = Purse(Budget(tokens=None, dollars=1_000.0), dear, before=Spent(0, 950.0, 0.0, 0))
    with pytest.raises(BudgetSpentError):
        ask(purse, keep=0.1)
    ask(purse)


def test_more_comes_on_top_of_what_was_spent() -> None:
    more = Budget(tokens=1, dollars=2.0, seconds=3.0, calls=4).beyond(Spent(10, 0.5, 5.0, 2))
    assert more == Budget(tokens=11, dollars=2.5, seconds=8.0, calls=6)
    assert Budget(dollars=2.0).beyond(Spent(10, None, 5.0, 2)).dollars == 2.0


def test_what_was_spent_is_told_after_each_reply() -> None:
    heard: list[Spent] = []
    metered = Metered(ScriptedModel("hello"), Purse(Budget(), free), heard.append)
    for _ in range(2):
        anyio.run(metered.complete, ASKED)
    assert [spent.tokens for spent in heard] == [120, 240]


def test_money_is_counted_by_the_models_price() -> None:
    purse = Purse(Budget(tokens=None, dollars=100.0), dear)
    ask(purse)
    assert purse.spent.dollars == pytest.approx(120)
    with pytest.raises(BudgetSpentError) as spent:
        ask(purse)
    assert spent.value.what == "dollars"


def test_money_cannot_be_bounded_where_a_price_is_not_known() -> None:
    with pytest.raises(InputError, match="price of scripted is not known"):
        ask(Purse(Budget(dollars=1.0), unknown))
    purse = Purse(Budget(), unknown)
    ask(purse)
    assert purse.spent.dollars is None


def test_time_runs_on_and_what_was_spent_before_counts() -> None:
    clock = Clock()
    purse = Purse(Budget(seconds=10), free, before=Spent(5, 0.0, 6.0, 2), clock=clock)
    clock.now += 3
    assert purse.seconds_left() == pytest.approx(1)
    assert purse.seconds_left(keep=0.1) == 0
    assert purse.spent.calls == 2
    clock.now += 3
    with pytest.raises(BudgetSpentError) as spent:
        ask(purse)
    assert spent.value.what == "seconds"


def test_calls_are_counted_before_they_are_made() -> None:
    async def twice() -> None:
        tools = MeteredTools(NoTools(), Purse(Budget(calls=1), free))
        await tools.call("a", {}, plan_id="p", subtask=1)
        await tools.call("a", {}, plan_id="p", subtask=1)

    with pytest.raises(BudgetSpentError) as spent:
        anyio.run(twice)
    assert spent.value.what == "calls"


def test_a_run_that_gave_up_gets_the_same_again() -> None:
    more = Budget(tokens=100, dollars=1.0, seconds=None, calls=5).beyond(Spent(90, 0.9, 50.0, 5))
    assert more == Budget(tokens=190, dollars=1.9, seconds=None, calls=10)


def test_usage_of_a_reply_that_failed_is_not_counted() -> None:
    purse = Purse(Budget(), free)
    with pytest.raises(RuntimeError):
        ask(purse, model=ScriptedModel(RuntimeError("broke")))
    assert purse.spent.tokens == 0


def test_usage_adds_up() -> None:
    assert Usage(1, 2, 3, 4) + Usage(10, 20, 30, 40) == Usage(11, 22, 33, 44)


def test_tokens_are_estimated_where_nobody_counts_them() -> None:
    purse = Purse(Budget(tokens=1_000), free)
    ask(purse, model=ScriptedModel(Reply("x" * 400)))
    assert 100 < purse.spent.tokens < 120


def test_half_a_character_from_a_model_or_a_tool_goes_no_further() -> None:
    use = ToolUse("u", "t", {"a": "x\ud83d"}, '{"a": "x\ud83d"}')
    reply = ask(Purse(Budget(), free), model=ScriptedModel(Reply("hello \ud83d", (use,))))
    said = json.dumps(
        [reply.text, reply.tool_uses[0].raw, dict(reply.tool_uses[0].arguments or {})], ensure_ascii=False
    )
    assert said.encode()

    class Broken(NoTools):
        async def call(self, name: str, arguments: object, *, plan_id: str, subtask: int) -> CallResult:
            return CallResult("half a \ud83d")

    async def called() -> CallResult:
        return await MeteredTools(Broken(), Purse(Budget(), free)).call("a", {}, plan_id="p", subtask=1)

    assert anyio.run(called).text.encode()


def test_a_budget_is_cut_down_to_what_is_allowed() -> None:
    asked = Budget(tokens=500, dollars=None, seconds=10.0, calls=None)
    assert asked.within(Budget(tokens=100, dollars=1.0, seconds=60.0, calls=None)) == Budget(100, 1.0, 10.0, None)
