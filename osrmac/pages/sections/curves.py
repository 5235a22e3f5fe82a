"""Precision against recall, and the score against the number of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from osrmac.evaluation.paper_tables import paper_steps
from osrmac.evaluation.pr_curve import RECALLS
from osrmac.evaluation.sweep import METHODS, Sweep
from osrmac.pages.charts import Chart, Line
from osrmac.pages.components import Beside, Part
from osrmac.pages.sections.scores import is_control, value_of

__all__ = ["drawn", "precision_recall", "sweeps"]

_LINES = 7


def drawn(evaluation: Mapping[str, Any]) -> list[str]:
    """Names of the systems whose curves are drawn: the best, the paper's steps, and others as far as there is room."""
    mode = evaluation["scores"][0]["mode"]
    values = {score["system"]: value_of(score, evaluation) for score in evaluation["scores"] if score["mode"] == mode}
    best: dict[str, str] = {}
    for name, label in paper_steps(values).items():
        if label not in best or values[name] > values[best[label]]:
            best[label] = name
    steps = sorted(best.values(), key=lambda name: -values[name])
    others = sorted(values, key=lambda name: (is_control(name), -values[name]))
    kept = list(dict.fromkeys([others[0], *steps, *others]))[:_LINES]
    return sorted(kept, key=lambda name: -values[name])


def precision_recall(curves: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]) -> Part | None:
    """The section of precision against recall, or None if there is nothing to draw.

    Args:
        curves: For each benchmark and query mode, for each label the mean precision at `RECALLS`, 0..1.
    """
    charts = []
    for (benchmark, mode), lines in curves.items():
        title = f"{benchmark}, queries: {mode}"
        points = [Line(label, list(zip(RECALLS, values, strict=True))) for label, values in lines.items()]
        said = f"At a recall of 0.5 the highest is {points[0].name}, {points[0].points[5][1]:.2f}." if points else ""
        charts.append(Chart(title, "recall", "precision", points, said, y_range=(0, 1), digits=3))
    note = (
        "The precision at eleven levels of recall, interpolated: the highest that is reached there or further down "
        "the ranking. Mean over the queries, junk left out. The best systems, and the paper's steps."
    )
    return Part("Precision and recall", [Beside(charts)], note) if charts else None


def sweeps(found: Sequence[Sweep]) -> Part | None:
    """The section of the score against the number of features, or None if no sweep was made."""
    charts = [_sweep(sweep, mode) for sweep in found for mode in dict.fromkeys(point.mode for point in sweep.points)]
    conditions = dict.fromkeys(f"{name} {value}" for sweep in found for name, value in sweep.conditions.items())
    note = f"The score when only so many features are kept, chosen in several ways. With {', '.join(conditions)}."
    return Part("Number of features", [Beside(charts)], note) if charts else None


def _sweep(sweep: Sweep, mode: str) -> Chart:
    lines = []
    for method, label in METHODS.items():
        if curve := sweep.curve(method, mode):
            points = [(float(features), mean) for features, mean, _ in curve]
            spreads = [spread for _, _, spread in curve]
            lines.append(Line(label, points, spreads if any(spreads) else ()))
    sizes = sorted({x for line in lines for x, _ in line.points})
    whole = sweep.curve("whole descriptor", mode)
    if whole:
        features, value, _ = whole[0]
        lines.append(Line(f"whole descriptor, {features}", [(sizes[0], value), (sizes[-1], value)], dashed=True))
    title = f"{sweep.benchmark}, {sweep.recipe}, queries: {mode}"
    best = max(((y, x, line.name) for line in lines if not line.dashed for x, y in line.points), default=None)
    said = f"The highest is {best[0]:.1f}, with {best[1]:g} features by {best[2]}." if best else ""
    return Chart(title, "features kept", sweep.measure, lines, said, logarithmic=True, ticks=sizes)
