"""The section of the features that leverage selection and Principal Feature Analysis have kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

from osrmac.pages.charts import Line, LineChart, nice_ticks
from osrmac.pages.components import Block, Grid, Section
from osrmac.reduction.base import Selection
from osrmac.reduction.fitting import STABILITY_SEEDS
from osrmac.reduction.sample_size import shortage
from osrmac.reduction.stability import overlap_by_chance
from osrmac.tables import Cell, Table, numeric, text

__all__ = ["features_section"]

_CONTROLS = ("random", "variance")

_POINTS = 64
"""Largest number of points of the curve of the variance."""


def features_section(
    selections: Sequence[Selection], parts: Mapping[str, Sequence[int]], layers: Sequence[str]
) -> Section | None:
    """Return the section, or None if there are only controls.

    Args:
        selections: Selections of any method; the controls are not shown.
        parts: For each recipe, the number of features from each layer.
        layers: Names of the layers, in the same order.
    """
    chosen = [selection for selection in selections if selection.method not in _CONTROLS]
    if not chosen:
        return None
    blocks: list[Block] = [_overview(chosen)]
    with_variances = {selection.recipe: selection for selection in chosen if selection.variances}
    layered = [selection for selection in chosen if len(parts.get(selection.recipe, ())) > 1]
    details: list[LineChart | Table] = [
        *(_variance(selection) for selection in with_variances.values()),
        *(_layers(selection, parts[selection.recipe], layers) for selection in layered),
    ]
    if details:
        blocks.append(Grid(details))
    note = (
        "Of the numbers that describe an image (features), some are kept. Leverage selection keeps those that weigh "
        "most on the principal axes of the descriptors. Principal Feature Analysis clusters them by their loadings on "
        "these axes, and keeps one of each cluster."
    )
    return Section("Numbers kept", blocks, note, technical="selected features")


def _overview(selections: Sequence[Selection]) -> Table:
    columns = text("selection") + numeric(
        "kept", "of", "principal axes", "variance retained", "overlap between seeds", "overlap by chance"
    )
    rows = [
        (
            selection.name,
            f"{selection.dimension:,}",
            f"{selection.features_in:,}",
            str(selection.components or ""),
            "" if selection.explained_variance is None else f"{100 * selection.explained_variance:.2f}%",
            "" if selection.stability is None else Cell(f"{100 * selection.stability:.0f}%", share=selection.stability),
            f"{100 * overlap_by_chance(selection.dimension, selection.features_in):.0f}%",
        )
        for selection in selections
    ]
    fitted = dict.fromkeys(f"{selection.samples:,} descriptors of {selection.fitted_on}" for selection in selections)
    warnings = [
        f"{selection.name} was {why}: do not rely on it." for selection in selections if (why := shortage(selection))
    ]
    notes = [
        *warnings,
        f"Fitted on {'; '.join(fitted)}.",
        "Overlap between seeds: the features that two selections share, as a fraction of those in either (Jaccard "
        f"index), averaged over the pairs of {STABILITY_SEEDS} seeds of PFA's clustering. "
        "Overlap by chance: the same for two random selections of this size.",
    ]
    return Table("Selections", columns, rows, [" ".join(notes)])


def _variance(selection: Selection) -> LineChart:
    totals = [100 * total for total in accumulate(selection.variances or ())]
    shown = min(len(totals), max(2, 2 * (selection.components or len(totals))))
    axes = sorted({1 + round(place * (shown - 1) / (_POINTS - 1)) for place in range(_POINTS)})
    lines = [Line(selection.recipe, [(float(axis), totals[axis - 1]) for axis in axes])]
    ticks = [tick for tick in nice_ticks(1, shown) if 1 <= tick <= shown and tick == int(tick)]
    description = f"{bisect_left(totals, 50) + 1} axes hold half of the variance."
    if selection.retained_variance and selection.components:
        kept = 100 * selection.retained_variance
        lines.append(Line(f"{kept:g}%, on {selection.components} axes", [(1, kept), (shown, kept)], dashed=True))
        description += f" {selection.components} hold {kept:g}%."
    title = f"Variance of {selection.recipe}"
    return LineChart(title, "principal axes", "variance, %", lines, description, ticks=ticks, y_range=(0, 100))


def _layers(selection: Selection, parts: Sequence[int], layers: Sequence[str]) -> Table:
    rows = []
    ends = list(accumulate(parts))
    for name, length, end in zip(layers, parts, ends, strict=False):
        kept = sum(end - length <= index < end for index in selection.indices)
        share = kept / selection.dimension
        cells = (name, f"{length:,}", f"{kept:,}", f"{100 * kept / length:.0f}%")
        rows.append((*cells, Cell(f"{100 * share:.0f}%", share=share)))
    columns = text("layer") + numeric("features", "kept", "share of layer", "share of selection")
    return Table(f"Layers of {selection.name}", columns, rows)
