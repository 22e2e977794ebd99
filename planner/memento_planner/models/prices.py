"""What models cost: a table of list prices, which the user's own may add to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memento_memory.errors import InputError
from memento_planner.models.chat import Usage

_BUILT_IN = Path(__file__).with_name("prices.json")
_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens.

    Attributes:
        cached: of input read from the provider's cache.
        cache_writes: of input written to it.
        long_over: input tokens above which a request is charged at `long` as a whole; 0 where there is no such rate.
    """

    input: float
    output: float
    cached: float
    cache_writes: float
    long_over: int = 0
    long: Price | None = None

    def cost(self, usage: Usage) -> float:
        """Dollars for the tokens of one reply; a sum over replies may be taken for one long request."""
        if self.long is not None and usage.input > self.long_over:
            return self.long.cost(usage)
        plain = usage.input - usage.cached - usage.cache_writes
        dollars = plain * self.input + usage.cached * self.cached + usage.cache_writes * self.cache_writes
        return (dollars + usage.output * self.output) / 1_000_000


class _Rate(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)
    cache_writes: float | None = Field(default=None, ge=0)

    def price(self, long_over: int = 0, long: Price | None = None) -> Price:
        cached = self.input if self.cached is None else self.cached
        writes = self.input if self.cache_writes is None else self.cache_writes
        return Price(self.input, self.output, cached, writes, long_over, long)


class _LongRate(_Rate):
    over: int = Field(gt=0)


class _Entry(_Rate):
    long: _LongRate | None = None


class _Table(BaseModel):
    as_of: str = ""
    source: str = ""
    models: dict[str, _Entry]


def price_of(name: str, extra: Path | None = None) -> Price | None:
    """The price of a model, None where it is not known.

    Args:
        name: provider and model as in `ChatModel.name`; a date at its end may be missing from the table. With an
            address behind it (`openai:model@http://…`) only an entry of exactly that name counts.
        extra: the user's own table in the form of `prices.json`; its entries add to ours or take their place.

    Raises:
        InputError: the user's table cannot be read; names the entry.
    """
    prices = _built_in() if extra is None else {**_built_in(), **_read(extra)}
    found = prices.get(name) or prices.get(_DATED.sub("", name))
    if found is None and name.startswith("local:"):
        return Price(0.0, 0.0, 0.0, 0.0)
    return found


@cache
def _built_in() -> dict[str, Price]:
    return _read(_BUILT_IN)


def _read(file: Path) -> dict[str, Price]:
    try:
        table = _Table.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError("prices", f"{file} cannot be read ({error.strerror}); name an existing file") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        entry = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError("prices", f"{file}: {entry}: {first['msg']}; correct it or take it out") from error
    return {name: _price(entry) for name, entry in table.models.items()}


def _price(entry: _Entry) -> Price:
    if entry.long is None:
        return entry.price()
    return entry.price(entry.long.over, entry.long.price())
