"""The section of the score against the number of features kept."""

from __future__ import annotations

from collections.abc import Sequence

from osrmac.evaluation.sweep import WHOLE_DESCRIPTOR, Sweep
from osrmac.pages.charts import Line, LineChart
from osrmac.pages.components import Grid, Section

__all__ = ["sweep_charts", "sweeps_section"]

_LABELS = {
    "leverage": "leverage",
    "pfa": "PFA",
    "variance": "top variance",
    "whitening": "PCA-whitening",
    "random": "random choice (mean and spread)",
}


def sweeps_section(sweeps: Sequence[Sweep]) -> Section | None:
    """Return the section, or None if there are no sweeps."""
    charts = [chart for sweep in sweeps for chart in sweep_charts(sweep)]
    conditions = dict.fromkeys(f"{name} {value}" for sweep in sweeps for name, value in sweep.conditions.items())
    note = (
        "The score as a function of how many numbers are kept of each image, by several ways to choose them. "
        f"Conditions: {', '.join(conditions)}."
    )
    return Section("How many numbers", [Grid(charts)], note, technical="number of features") if charts else None


def sweep_charts(sweep: Sweep) -> list[LineChart]:
    """Return a chart for each query mode of a sweep."""
    return [_chart(sweep, mode) for mode in dict.fromkeys(point.mode for point in sweep.points)]


def _chart(sweep: Sweep, mode: str) -> LineChart:
    lines = []
    for method, label in _LABELS.items():
        if curve := sweep.curve(method, mode):
            spreads = [spread for _, _, spread in curve]
            points = [(float(features), mean) for features, mean, _ in curve]
            lines.append(Line(label, points, spreads if any(spreads) else ()))
    score, size, best = max((y, x, line.name) for line in lines for x, y in line.points)
    sizes = sorted({x for line in lines for x, _ in line.points})
    if whole := sweep.curve(WHOLE_DESCRIPTOR, mode):
        features, value, _ = whole[0]
        lines.append(Line(f"whole descriptor, {features}", [(sizes[0], value), (sizes[-1], value)], dashed=True))
    title = f"{sweep.benchmark}, {sweep.recipe}, queries: {mode}"
    description = f"The highest is {score:.1f}, with {size:g} features by {best}."
    return LineChart(title, "features kept", sweep.measure, lines, description, logarithmic=True, ticks=sizes)
