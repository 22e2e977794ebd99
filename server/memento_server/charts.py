"""Charts as inline SVG: estimates with their intervals, drawn with the page's own colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from memento_memory.selection.evaluation import Estimate

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 300, 44, 16, 14, 34


@dataclass(frozen=True, slots=True)
class Mark:
    """One estimate at a place.

    Attributes:
        at: on the horizontal axis.
        said: what is shown when it is pointed at.
    """

    at: float
    estimate: Estimate
    said: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a forest chart; without an estimate it says why there is none."""

    label: str
    estimate: Estimate | None
    said: str


def curve(title: str, series: Sequence[tuple[str, Sequence[Mark]]], last: float) -> str:
    """Means in [0, 1] over places from 0 to `last`: the first series with its band, others with bars."""
    parts = [_grid(last)]
    for number, (_, marks) in enumerate(series, start=1):
        if number == 1 and marks:
            upper = [_point(mark.at, mark.estimate.high, last) for mark in marks]
            lower = [_point(mark.at, mark.estimate.low, last) for mark in reversed(marks)]
            parts.append(f'<polygon class="band s{number}" points="{" ".join(upper + lower)}"/>')
            line = " ".join(_point(mark.at, mark.estimate.value, last) for mark in marks)
            parts.append(f'<polyline class="line s{number}" points="{line}"/>')
        parts.extend(_mark(mark, last, number, bars=number > 1) for mark in marks)
    return _legend(series) + _svg(title, _WIDTH, _HEIGHT, "".join(parts))


def reliability(title: str, marks: Sequence[Mark]) -> str:
    """What was found against what was foretold, both in [0, 1]; on the diagonal, values keep their word."""
    ideal = f'<line class="ideal" x1="{_x(0, 1)}" y1="{_y(0)}" x2="{_x(1, 1)}" y2="{_y(1)}"/>'
    return _svg(title, _WIDTH, _HEIGHT, _grid(1) + ideal + "".join(_mark(mark, 1, 1, bars=True) for mark in marks))


def forest(title: str, rows: Sequence[Row], low: float, high: float, *, zero: float | None = None) -> str:
    """One line an estimate, all on one scale from `low` to `high`."""
    label, step = 330, 26
    height = step * len(rows) + 40

    def x(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return round(label + share * (_WIDTH - label - 24), 1)

    ticks = [low + (high - low) * i / 4 for i in range(5)]
    parts = [
        f'<line class="grid" x1="{x(t)}" y1="6" x2="{x(t)}" y2="{height - 28}"/>'
        f'<text class="tick" x="{x(t)}" y="{height - 10}" text-anchor="middle">{_number(t, high - low)}</text>'
        for t in ticks
    ]
    if zero is not None:
        parts.append(f'<line class="zero" x1="{x(zero)}" y1="6" x2="{x(zero)}" y2="{height - 28}"/>')
    for i, row in enumerate(rows):
        y = 22 + i * step
        parts.append(f'<text class="label" x="{label - 12}" y="{y + 4}" text-anchor="end">{escape(row.label)}</text>')
        if row.estimate is None:
            parts.append(f'<text class="tick" x="{label + 6}" y="{y + 4}">{escape(row.said)}</text>')
            continue
        at = row.estimate
        parts.append(
            f'<g><title>{escape(row.said)}</title><line class="bar s1" x1="{x(at.low)}" y1="{y}" x2="{x(at.high)}"'
            f' y2="{y}"/><circle class="dot s1" cx="{x(at.value)}" cy="{y}" r="5"/></g>'
        )
    return _svg(title, _WIDTH, height, "".join(parts))


def _svg(title: str, width: int, height: int, body: str) -> str:
    name = escape(title, quote=True)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{name}"><title>{name}</title>{body}</svg>'


def _legend(series: Sequence[tuple[str, Sequence[Mark]]]) -> str:
    named = [(number, name) for number, (name, marks) in enumerate(series, start=1) if marks]
    keys = "".join(f'<span class="key s{number}">{escape(name)}</span>' for number, name in named)
    return f'<p class="legend">{keys}</p>'


def _grid(last: float) -> str:
    parts = []
    for i in range(5):
        share = i / 4
        parts.append(
            f'<line class="grid" x1="{_LEFT}" y1="{_y(share)}" x2="{_WIDTH - _RIGHT}" y2="{_y(share)}"/>'
            f'<text class="tick" x="{_LEFT - 8}" y="{_y(share) + 4}" text-anchor="end">{_number(share, 1)}</text>'
            f'<text class="tick" x="{_x(share * last, last)}" y="{_HEIGHT - 10}" text-anchor="middle">'
            f"{_number(share * last, last)}</text>"
        )
    return "".join(parts)


def _mark(mark: Mark, last: float, number: int, *, bars: bool) -> str:
    x, at = _x(mark.at, last), mark.estimate
    bar = f'<line class="bar s{number}" x1="{x}" y1="{_y(at.low)}" x2="{x}" y2="{_y(at.high)}"/>' if bars else ""
    dot = f'<circle class="dot s{number}" cx="{x}" cy="{_y(at.value)}" r="4.5"/>'
    return f"<g><title>{escape(mark.said)}</title>{bar}{dot}</g>"


def _point(at: float, value: float, last: float) -> str:
    return f"{_x(at, last)},{_y(value)}"


def _x(at: float, last: float) -> float:
    return round(_LEFT + at / last * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(value: float) -> float:
    return round(_TOP + (1 - value) * (_HEIGHT - _TOP - _BOTTOM), 1)


def _number(value: float, span: float) -> str:
    """A tick of an axis that spans so much."""
    return f"{value:,.0f}" if span >= 10 else f"{value:.2f}".replace("-", "−")
