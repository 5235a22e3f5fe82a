"""Where the parts of a chart stand, for a template to draw them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

__all__ = ["Bars", "Chart", "Line", "nice_ticks"]

WIDTH, HEIGHT = 460, 290
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 12, 44
"""Of a drawing, in its own units: close to pixels on a phone, somewhat more on a desktop."""

_BARS_HEIGHT = 200

_TICKS = 5


def nice_ticks(low: float, high: float) -> list[float]:
    """About five round numbers that enclose a range.

    >>> nice_ticks(23.8, 78.1)
    [20, 40, 60, 80]
    """
    rough = (high - low or abs(high) or 1) / (_TICKS - 1)
    power = 10 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: What it stands for.
        points: x and y, by x.
        spreads: How far y varies at each point, either way; none: not at all.
        dashed: Whether it is a reference, and has no points of its own.
    """

    name: str
    points: Sequence[tuple[float, float]]
    spreads: Sequence[float] = ()
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """Lines over one axis, with the same numbers as a table.

    Attributes:
        title: What is shown.
        x: What the axis counts.
        y: Likewise.
        lines: At least one, with at least one point.
        description: What a person who does not see it should know.
        logarithmic: Whether x grows by factors.
        ticks: Values of x that are named; none: round ones.
        y_range: Lowest and highest y; none: what the points need.
        digits: Decimals of y in the table.
    """

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    description: str
    logarithmic: bool = False
    ticks: Sequence[float] = ()
    y_range: tuple[float, float] | None = None
    digits: int = 1

    kind = "chart"

    @property
    def x_ticks(self) -> Sequence[float]:
        """Values of x that are named."""
        xs = [x for x, _ in self._points]
        return self.ticks or [tick for tick in nice_ticks(min(xs), max(xs)) if min(xs) <= tick <= max(xs)]

    @property
    def named_ticks(self) -> list[tuple[float, str]]:
        """Where on the drawing, and what is written there; names that would touch the next one are left out."""
        named: list[tuple[float, str]] = []
        for tick in reversed(self.x_ticks):
            text = f"{tick:g}" if tick < 1e6 else f"{tick:.3g}"
            if not named or named[-1][0] - self.left(tick) >= 4 * (len(text) + len(named[-1][1])) + 5:
                named.append((self.left(tick), text))
        return named[::-1]

    @property
    def y_ticks(self) -> list[float]:
        """Values of y that are named; the first and last bound the drawing."""
        if self.y_range is not None:
            return nice_ticks(*self.y_range)
        ys = [y for _, y in self._points]
        edges = [y + sign * spread for line in self.lines for (_, y), spread in _spread(line) for sign in (-1, 1)]
        return nice_ticks(min(ys + edges), max(ys + edges))

    def left(self, x: float) -> float:
        """Distance from the left of the drawing."""
        xs = [x for x, _ in self._points]
        low, high, at = (self._scaled(value) for value in (min(xs), max(xs), x))
        return round(LEFT + (at - low) / (high - low or 1) * (WIDTH - LEFT - RIGHT), 1)

    def top(self, y: float) -> float:
        """Distance from the top of the drawing."""
        ticks = self.y_ticks
        return round(HEIGHT - BOTTOM - (y - ticks[0]) / (ticks[-1] - ticks[0]) * (HEIGHT - TOP - BOTTOM), 1)

    def path(self, line: Line) -> str:
        """The line, for a polyline."""
        return " ".join(f"{self.left(x)},{self.top(y)}" for x, y in line.points)

    def band(self, line: Line) -> str:
        """What lies within the spread of the line, for a polygon; empty if there is none."""
        upper = [f"{self.left(x)},{self.top(y + spread)}" for (x, y), spread in _spread(line)]
        lower = [f"{self.left(x)},{self.top(y - spread)}" for (x, y), spread in _spread(line)]
        return " ".join(upper + lower[::-1])

    @property
    def header(self) -> list[str]:
        """Of the table of the same numbers."""
        return [self.x, *(line.name for line in self.lines)]

    @property
    def rows(self) -> list[list[str]]:
        """The same numbers as text, a row for each x at which a line has a point."""
        values = [dict(line.points) for line in self.lines]
        at = sorted({x for x, _ in chain.from_iterable(line.points for line in self.lines)})
        return [[f"{x:g}", *(f"{of[x]:.{self.digits}f}" if x in of else "" for of in values)] for x in at]

    @property
    def _points(self) -> list[tuple[float, float]]:
        return list(chain.from_iterable(line.points for line in self.lines))

    def _scaled(self, x: float) -> float:
        return math.log2(x) if self.logarithmic else x


def _spread(line: Line) -> list[tuple[tuple[float, float], float]]:
    return list(zip(line.points, line.spreads, strict=True)) if line.spreads else []


@dataclass(frozen=True)
class Bars:
    """How many there are of each of some neighbouring kinds.

    Attributes:
        title: What is counted.
        x: What tells the kinds apart.
        values: Name and number of each kind.
        description: What a person who does not see it should know.
    """

    title: str
    x: str
    values: Sequence[tuple[str, int]]
    description: str

    kind = "bars"

    @property
    def drawn(self) -> list[tuple[float, float, float, float, str, int]]:
        """Left, top, width and height of each bar, its name and number."""
        most = max(number for _, number in self.values) or 1
        room = (WIDTH - 2 * RIGHT) / len(self.values)
        floor = _BARS_HEIGHT - BOTTOM
        high = floor - TOP - 16
        return [
            (
                round(RIGHT + room * place + room * 0.08, 1),
                round(floor - high * number / most, 1),
                round(min(room * 0.84, 80), 1),
                round(high * number / most, 1),
                name,
                number,
            )
            for place, (name, number) in enumerate(self.values)
        ]

    @property
    def header(self) -> list[str]:
        """Of the table of the same numbers."""
        return [self.x, "images"]

    @property
    def rows(self) -> list[list[str]]:
        """The same numbers as text."""
        return [[name, f"{number:,}"] for name, number in self.values]
