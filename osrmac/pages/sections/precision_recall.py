"""The section of precision against recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from osrmac.evaluation.pr_curve import RECALLS
from osrmac.pages.charts import Line, LineChart
from osrmac.pages.components import Grid, Section

__all__ = ["precision_recall_section"]

_DESCRIBED = RECALLS.index(0.5)


def precision_recall_section(curves: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]) -> Section | None:
    """Return the section, or None if there are no curves.

    Args:
        curves: For each benchmark and query mode, the mean precision at `RECALLS` by label of the method, 0..1.
    """
    charts = [_chart(benchmark, mode, precisions) for (benchmark, mode), precisions in curves.items() if precisions]
    note = (
        "Interpolated precision at eleven levels of recall: the highest precision at this recall or a greater one. "
        "Mean over the queries, without junk images; images at the same distance are in the order of their ids. "
        "Shown are the best methods, and the steps of the paper."
    )
    return Section("Precision and recall", [Grid(charts)], note) if charts else None


def _chart(benchmark: str, mode: str, precisions: Mapping[str, Sequence[float]]) -> LineChart:
    lines = [Line(label, list(zip(RECALLS, values, strict=True))) for label, values in precisions.items()]
    highest = max(precisions, key=lambda label: precisions[label][_DESCRIBED])
    description = f"At a recall of 0.5 the highest is {highest}, {precisions[highest][_DESCRIBED]:.2f}."
    title = f"{benchmark}, queries: {mode}"
    return LineChart(title, "recall", "precision", lines, description, y_range=(0, 1), digits=3)
