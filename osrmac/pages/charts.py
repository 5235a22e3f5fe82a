"""Charts as data, with the coordinates that a template draws them at, and as SVG files."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from osrmac.pages.rendering import render
from osrmac.tables import Table, numeric, text

__all__ = ["Bar", "Histogram", "Line", "LineChart", "nice_ticks", "svg"]

WIDTH, HEIGHT = 460, 290
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 12, 44
"""Size and margins of a chart in units of the drawing: about a pixel on a phone, somewhat more on a desktop."""

_HISTOGRAM_HEIGHT = 200

_TICKS = 5

_PADDING = 12
"""Space at either side of a chart in a file of its own."""

_CHARACTER_WIDTH = 5.6
"""Mean width of a character of the notes in such a file."""


def nice_ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers that enclose a range.

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
        name: Name of the line in the legend.
        points: Points (x, y), by increasing x.
        spreads: Half height of the band around each point, such as a standard deviation; empty for no band.
        dashed: Whether the line is a reference, drawn dashed and without markers.
        strong: Whether the line is drawn wider than the others.
    """

    name: str
    points: Sequence[tuple[float, float]]
    spreads: Sequence[float] = ()
    dashed: bool = False
    strong: bool = False

    @property
    def band(self) -> list[tuple[float, float]]:
        """Corners of the band, from left to right along its top and back along its bottom."""
        if not self.spreads:
            return []
        edges = list(zip(self.points, self.spreads, strict=True))
        return [(x, y + spread) for (x, y), spread in edges] + [(x, y - spread) for (x, y), spread in edges[::-1]]


@dataclass(frozen=True)
class LineChart:
    """Lines over a common axis, with the same numbers as a table.

    Attributes:
        title: Title of the chart, unique on its page.
        x: Label of the horizontal axis.
        y: Label of the vertical axis.
        lines: At least one line, with at least one point.
        description: What the chart shows, for readers who do not see it.
        logarithmic: Whether the horizontal axis has a logarithmic scale.
        ticks: Values of x to label; empty for round numbers.
        y_range: Lowest and highest y; None for the range of the points.
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

    @property
    def x_ticks(self) -> Sequence[float]:
        """Values of x to label."""
        low, high = self._x_range
        return self.ticks or [tick for tick in nice_ticks(low, high) if low <= tick <= high]

    @property
    def x_labels(self) -> list[tuple[float, str]]:
        """Position and text of the labels of x, without those that would overlap the next one."""
        labels: list[tuple[float, str]] = []
        for tick in reversed(self.x_ticks):
            label = f"{tick:g}" if tick < 1e6 else f"{tick:.3g}"
            if not labels or labels[-1][0] - self.left(tick) >= 4 * (len(label) + len(labels[-1][1])) + 5:
                labels.append((self.left(tick), label))
        return labels[::-1]

    @property
    def y_ticks(self) -> list[float]:
        """Values of y to label; the first and last are the limits of the axis."""
        ys = [y for line in self.lines for _, y in [*line.points, *line.band]]
        return nice_ticks(*(self.y_range or (min(ys), max(ys))))

    def left(self, x: float) -> float:
        """Return the distance of a value of x from the left edge of the drawing."""
        low, high, value = (math.log2(x) if self.logarithmic else x for x in (*self._x_range, x))
        return round(LEFT + (value - low) / (high - low or 1) * (WIDTH - LEFT - RIGHT), 1)

    def top(self, y: float) -> float:
        """Return the distance of a value of y from the top edge of the drawing."""
        low, *_, high = self.y_ticks
        return round(HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        """Return points as the `points` of an SVG polyline or polygon."""
        return " ".join(f"{self.left(x)},{self.top(y)}" for x, y in points)

    @property
    def table(self) -> Table:
        """The numbers of the chart: a row for each x at which any line has a point."""
        values = [dict(line.points) for line in self.lines]
        xs = sorted({x for points in values for x in points})
        rows = [[f"{x:g}", *(f"{ys[x]:.{self.digits}f}" if x in ys else "" for ys in values)] for x in xs]
        return Table(self.title, text(self.x) + numeric(*(line.name for line in self.lines)), rows)

    @property
    def _x_range(self) -> tuple[float, float]:
        xs = [x for x, _ in chain.from_iterable(line.points for line in self.lines)]
        return min(xs), max(xs)


class Bar(NamedTuple):
    """A drawn bar: its rectangle in units of the drawing, its label and the number of images."""

    left: float
    top: float
    width: float
    height: float
    label: str
    images: int


@dataclass(frozen=True)
class Histogram:
    """Numbers of images in adjacent bins.

    Attributes:
        title: Title of the chart, unique on its page.
        x: Label of the horizontal axis.
        bins: Label and count of each bin.
        description: What the chart shows, for readers who do not see it.
    """

    title: str
    x: str
    bins: Sequence[tuple[str, int]]
    description: str

    @property
    def bars(self) -> list[Bar]:
        """The bars to draw."""
        highest = max(count for _, count in self.bins) or 1
        pitch = (WIDTH - 2 * RIGHT) / len(self.bins)
        floor = _HISTOGRAM_HEIGHT - BOTTOM
        full = floor - TOP - 16
        return [
            Bar(
                left=round(RIGHT + pitch * number + pitch * 0.08, 1),
                top=round(floor - full * count / highest, 1),
                width=round(min(pitch * 0.84, 80), 1),
                height=round(full * count / highest, 1),
                label=label,
                images=count,
            )
            for number, (label, count) in enumerate(self.bins)
        ]

    @property
    def table(self) -> Table:
        """The counts as a table."""
        return Table(
            self.title, text(self.x) + numeric("images"), [[label, f"{count:,}"] for label, count in self.bins]
        )


def svg(charts: Sequence[LineChart], notes: str = "") -> str:
    """Return charts side by side as a complete SVG file, light or dark as the reader's system is.

    Args:
        charts: At least one chart.
        notes: Text below the charts, such as the conditions of a measurement.
    """
    panel_width = WIDTH + 2 * _PADDING
    width = panel_width * len(charts)
    return render(
        "figure.svg",
        charts=charts,
        width=width,
        panel_width=panel_width,
        padding=_PADDING,
        legend_rows=max(len(chart.lines) for chart in charts),
        notes=textwrap.wrap(notes, int((width - 4 * _PADDING) / _CHARACTER_WIDTH)),
    )
