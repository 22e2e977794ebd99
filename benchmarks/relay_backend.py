"""A backend that does next to nothing, so that next to nothing but the way to it is measured."""

from __future__ import annotations

from mcp.server import MCPServer
from pydantic import BaseModel

server = MCPServer("backend")


class Line(BaseModel):
    """One line of an order."""

    article: str
    amount: int
    price: float


class Order(BaseModel):
    """A result with some structure."""

    number: str
    customer: str
    paid: bool
    lines: list[Line]


@server.tool(structured_output=False)
def echo(text: str) -> str:
    """Say the same."""
    return text


@server.tool()
def order(number: str) -> Order:
    """Look an order up."""
    lines = [Line(article=f"pump {i}", amount=i, price=i * 9.5) for i in range(10)]
    return Order(number=number, customer="Ida", paid=True, lines=lines)


@server.tool(structured_output=False)
def manual(pages: int) -> str:
    """Pages of a manual, a thousand characters each."""
    return ("Open the valve. " * 63)[:1_000] * pages


if __name__ == "__main__":
    server.run("stdio")
