"""The section of precision against recall."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from osrmac.evaluation.pr_curve import RECALLS
from osrmac.pages.charts import Line, LineChart
from osrmac.pages.components import Grid, Section

__all__ = ["Curves", "precision_recall_section"]

_DESCRIBED = RECALLS.index(0.5)


@dataclass(frozen=True)
class Curves:
    """Curves of several methods in one query mode of a benchmark.

    Attributes:
        benchmark: Name of the benchmark.
        mode: Query mode.
        precisions: Mean precision at `RECALLS` by label of the method, 0..1.
        searched: Label of the method that searches use, if there is a curve of it.
    """

    benchmark: str
    mode: str
    precisions: Mapping[str, Sequence[float]]
    searched: str | None


def precision_recall_section(curves: Iterable[Curves]) -> Section | None:
    """Return the section, or None if there are no curves."""
    charts = [_chart(each) for each in curves if each.precisions]
    note = (
        "How many of the images found are right (precision), once a part of all right ones is found (recall): the "
        "higher a line, the better. Interpolated at eleven levels of recall, as the highest precision there or beyond; "
        "mean over the queries, without junk images; images at the same distance are in the order of their ids. "
        "Shown are the method that searches use, the best ones, and the steps of the paper."
    )
    return Section("Right and complete", [Grid(charts)], note, technical="precision and recall") if charts else None


def _chart(curves: Curves) -> LineChart:
    precisions = curves.precisions
    lines = [
        Line(
            f"{label}, used by searches" if label == curves.searched else label,
            list(zip(RECALLS, precisions[label], strict=True)),
            strong=label == curves.searched,
        )
        for label in sorted(precisions, key=lambda label: label != curves.searched)
    ]
    highest = max(precisions, key=lambda label: precisions[label][_DESCRIBED])
    description = f"At a recall of 0.5 the highest is {highest}, {precisions[highest][_DESCRIBED]:.2f}."
    title = f"{curves.benchmark}, queries: {curves.mode}"
    return LineChart(title, "recall", "precision", lines, description, y_range=(0, 1), digits=3)
