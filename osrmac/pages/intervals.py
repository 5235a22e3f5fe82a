"""Charts of differences with their intervals, as SVG files."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from osrmac.evaluation.comparison import Comparison
from osrmac.pages.charts import nice_ticks
from osrmac.pages.rendering import render

__all__ = ["IntervalChart", "interval_chart", "intervals_svg"]

WIDTH, LEFT, RIGHT = 900, 360, 890
"""Width of a chart, and the edges of its axis; the names are to the left of it."""

_TOP, _ROW, _BOTTOM = 44, 22, 52
_LONGEST_NAME = 46
_CHARACTER_WIDTH = 5.6


class Interval(NamedTuple):
    """A row of a chart.

    Attributes:
        name: Name of the method, with its run if there are several.
        value: Score, as text.
        mean: Difference to the baseline.
        low: Lower end of its interval.
        high: Upper end of its interval.
        verdict: `baseline`, `better`, `worse` or `within chance`.
    """

    name: str
    value: str
    mean: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class IntervalChart:
    """Differences to a baseline, one below the other.

    Attributes:
        title: Title of the chart.
        x: Label of the axis.
        rows: At least one row.
        notes: Text below the chart.
    """

    title: str
    x: str
    rows: Sequence[Interval]
    notes: str

    @property
    def ticks(self) -> list[float]:
        """Values to label; the first and last are the limits of the axis."""
        return nice_ticks(min(0.0, *(row.low for row in self.rows)), max(0.0, *(row.high for row in self.rows)))

    def left(self, x: float) -> float:
        """Return the distance of a difference from the left edge of the drawing."""
        low, *_, high = self.ticks
        return round(LEFT + (x - low) / (high - low) * (RIGHT - LEFT), 1)

    def top(self, number: int) -> float:
        """Return the distance of the middle of a row from the top edge of the chart."""
        return _TOP + _ROW * (number + 0.5)

    @property
    def bottom(self) -> float:
        """Distance of the axis from the top edge of the chart."""
        return _TOP + _ROW * len(self.rows)

    @property
    def lines(self) -> list[str]:
        """The notes, wrapped."""
        return textwrap.wrap(self.notes, int((WIDTH - 40) / _CHARACTER_WIDTH))

    @property
    def height(self) -> float:
        """Height of the chart with its notes."""
        return self.bottom + _BOTTOM + 16 * len(self.lines)


def interval_chart(comparison: Comparison) -> IntervalChart:
    """Return the chart of a comparison, a row for each score."""
    several = len({score.run for score in comparison.scores}) > 1
    rows = []
    for score in comparison.scores:
        name = f"{score.run}: {score.label}" if several else score.label
        difference = score.difference
        ends = (difference.mean, difference.low, difference.high) if difference else (0.0, 0.0, 0.0)
        rows.append(Interval(_shortened(name, score.dimension), f"{score.value:.2f}", *ends, score.verdict))
    baseline = comparison.baseline
    compared = f"{baseline.run}: {baseline.label}" if several else baseline.label
    return IntervalChart(
        f"{comparison.benchmark}, {comparison.mode}",
        f"difference of {comparison.measure} to {compared}",
        rows,
        "; ".join(comparison.table().notes),
    )


def _shortened(name: str, dimension: int | None) -> str:
    words = f", {dimension}" if dimension else ""
    length = _LONGEST_NAME - len(words)
    return (name if len(name) <= length else f"…{name[1 - length :]}") + words


def intervals_svg(charts: Sequence[IntervalChart]) -> str:
    """Return charts one below the other as a complete SVG file, light or dark as the reader's system is.

    Args:
        charts: At least one chart.
    """
    tops = list(accumulate((chart.height for chart in charts), initial=0.0))
    placed = list(zip(charts, tops, strict=False))
    return render("intervals.svg", placed=placed, width=WIDTH, height=tops[-1], left=LEFT, right=RIGHT)
