"""What a model costs, by the table of list prices and the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.errors import InputError
from memento_planner.models.chat import Usage
from memento_planner.models.prices import Price, price_of

_TOKENS = st.integers(min_value=0, max_value=10_000_000)


def _table(folder: Path, models: dict[str, Any]) -> Path:
    file = folder / "my-prices.json"
    file.write_text(json.dumps({"models": models}), encoding="utf-8")
    return file


def test_a_known_model_has_its_list_price() -> None:
    assert price_of("anthropic:claude-opus-4-5") == Price(5.0, 25.0, 0.5, 6.25)


def test_a_date_behind_the_name_makes_no_difference() -> None:
    assert price_of("anthropic:claude-haiku-4-5-20251001") == price_of("anthropic:claude-haiku-4-5")
    assert price_of("openai:gpt-4o-2024-08-06") == price_of("openai:gpt-4o")


@pytest.mark.parametrize(
    "name", ["openai:gpt-4o-mini-tts", "anthropic:claude-opus-4-5-fast", "openai:gpt-4o-2024", "host", "gpt-4o", ""]
)
def test_a_name_that_only_begins_like_a_known_one_is_unknown(name: str) -> None:
    assert price_of(name) is None


def test_the_longer_of_two_names_counts() -> None:
    assert price_of("openai:gpt-4o-mini-2024-07-18") == price_of("openai:gpt-4o-mini") != price_of("openai:gpt-4o")


def test_a_known_name_at_another_address_is_unknown() -> None:
    assert price_of("openai:gpt-4o@http://127.0.0.1:8080/v1") is None


def test_a_local_model_costs_nothing() -> None:
    price = price_of("local:smollm2")
    assert price is not None
    assert price.cost(Usage(10_000, 5_000)) == 0.0


def test_parts_of_the_input_have_rates_of_their_own() -> None:
    usage = Usage(input=1_000_000, output=100_000, cached=600_000, cache_writes=300_000)
    assert Price(3.0, 15.0, 0.3, 3.75).cost(usage) == pytest.approx(0.1 * 3 + 0.6 * 0.3 + 0.3 * 3.75 + 0.1 * 15)


def test_a_long_request_is_charged_at_the_long_rate_as_a_whole() -> None:
    price = price_of("anthropic:claude-haiku-5-5")
    assert price is not None
    assert price.cost(Usage(100_000, 1_000)) == pytest.approx(0.0100 + 0.0005)
    assert price.cost(Usage(100_001, 1_000)) == pytest.approx(0.0500005 + 0.0025)


@given(input_=_TOKENS, output=_TOKENS, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_cost_is_never_negative_and_never_above_the_dearest_rate(
    input_: int, output: int, shares: tuple[float, float]
) -> None:
    cached = int(input_ * shares[0])
    usage = Usage(input_, output, cached, int((input_ - cached) * shares[1]))
    cost = Price(3.0, 15.0, 0.3, 3.75).cost(usage)
    assert 0 <= cost <= (input_ * 3.75 + output * 15) / 1e6 + 1e-9


def test_the_users_table_adds_and_replaces(tmp_path: Path) -> None:
    mine = _table(
        tmp_path,
        {
            "openai:qwen@http://gpu/v1": {"input": 1, "output": 2},
            "openai:gpt-4o": {"input": 1.5, "output": 6.0, "cached": 0.5, "cache_writes": 2.0},
        },
    )
    assert price_of("openai:qwen@http://gpu/v1", mine) == Price(1.0, 2.0, 1.0, 1.0)
    assert price_of("openai:gpt-4o-2024-08-06", mine) == Price(1.5, 6.0, 0.5, 2.0)
    assert price_of("openai:o3", mine) == price_of("openai:o3")
    assert price_of("openai:gpt-4o") == Price(2.5, 10.0, 1.25, 2.5)


def test_the_users_table_may_price_a_local_model(tmp_path: Path) -> None:
    mine = _table(tmp_path, {"local:smollm2": {"input": 0.01, "output": 0.02}})
    assert price_of("local:smollm2", mine) == Price(0.01, 0.02, 0.01, 0.01)


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"input": -1.0, "output": 2.0}, r"models\.openai:mine\.input"),
        ({"input": 1.0}, r"models\.openai:mine\.output"),
        ({"input": "1", "output": 2.0}, r"models\.openai:mine\.input"),
        ({"input": 1.0, "output": 2.0, "chached": 0.1}, r"models\.openai:mine\.chached"),
        ({"input": 1.0, "output": 2.0, "long": {"over": 0, "input": 1, "output": 1}}, r"mine\.long\.over"),
        ({"input": float("nan"), "output": 2.0}, r"models\.openai:mine\.input|the file"),
    ],
)
def test_a_bad_entry_is_named(tmp_path: Path, entry: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named) as refused:
        price_of("openai:gpt-4o", _table(tmp_path, {"openai:mine": entry}))
    assert refused.value.field == "prices"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"prices": {}}'])
def test_a_file_of_another_form_is_refused_by_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "odd.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"odd\.json"):
        price_of("openai:gpt-4o", file)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.json"):
        price_of("openai:gpt-4o", tmp_path / "gone.json")


def test_the_built_in_table_says_when_and_from_where_it_is() -> None:
    import memento_planner.models.prices as prices

    table = json.loads(Path(prices.__file__).with_name("prices.json").read_text(encoding="utf-8"))
    assert table["as_of"].startswith("20")
    assert "pricing" in table["source"]
    for name in table["models"]:
        price = price_of(name)
        assert price is not None
        assert 0 < price.cached < price.input < price.output
