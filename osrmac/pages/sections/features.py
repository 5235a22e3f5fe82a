"""What Principal Feature Analysis has kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

from osrmac.pages.charts import Chart, Line, nice_ticks
from osrmac.pages.components import Beside, Block, Cell, Part, Table
from osrmac.reduction.base import Selection
from osrmac.reduction.stability import overlap_by_chance

__all__ = ["features"]

_POINTS = 64


def features(found: Sequence[Selection], parts: Mapping[str, Sequence[int]], layers: Sequence[str]) -> Part | None:
    """The section of the selected features, or None if there are none.

    Args:
        found: Selections of any method; those of PFA are shown.
        parts: For each recipe the lengths of what each layer adds to its descriptor.
        layers: Names of the layers, in the same order.
    """
    chosen = [selection for selection in found if selection.method == "pfa"]
    if not chosen:
        return None
    blocks: list[Block] = [_overview(chosen)]
    curves = {each.recipe: each for each in chosen if each.variances}
    split = [_layers(each, parts[each.recipe], layers) for each in chosen if len(parts.get(each.recipe, ())) > 1]
    beside: list[Chart | Table] = [*(_variance(each) for each in curves.values()), *split]
    if beside:
        blocks.append(Beside(beside))
    note = (
        "Principal Feature Analysis keeps one feature of each group of features that load alike on the principal "
        "axes of the descriptors."
    )
    return Part("Selected features", blocks, note)


def _overview(chosen: Sequence[Selection]) -> Table:
    columns = ("selection", "kept", "of", "axes", "variance on them", "in common with other seeds", "by chance")
    rows = [
        (
            each.name,
            f"{each.dimension:,}",
            f"{each.features_in:,}",
            str(each.components or ""),
            "" if each.explained_variance is None else f"{100 * each.explained_variance:.2f}%",
            "" if each.stability is None else Cell(f"{100 * each.stability:.0f}%", each.stability),
            f"{100 * overlap_by_chance(each.dimension, each.features_in):.0f}%",
        )
        for each in chosen
    ]
    fitted = "; ".join(dict.fromkeys(f"{each.samples:,} descriptors of {each.fitted_on}" for each in chosen))
    note = (
        f"Fitted on {fitted}. In common: the features that two selections share among those that either has (Jaccard "
        "index), mean over pairs of four seeds of the clustering; by chance: what two random choices of this size "
        "share."
    )
    return Table("Selections", columns, rows, note)


def _variance(selection: Selection) -> Chart:
    shares = selection.variances or ()
    totals = [100 * total for total in accumulate(shares)]
    shown = min(len(totals), max(2, 2 * (selection.components or len(totals))))
    axes = sorted({1 + round(place * (shown - 1) / (_POINTS - 1)) for place in range(_POINTS)})
    lines = [Line(selection.recipe, [(float(axis), totals[axis - 1]) for axis in axes])]
    ticks = [tick for tick in nice_ticks(1, shown) if 1 <= tick <= shown and tick == int(tick)]
    half = bisect_left(totals, 50) + 1
    said = f"{half} axes hold half of the variance."
    if selection.retained_variance and selection.components:
        kept = 100 * selection.retained_variance
        lines.append(Line(f"{kept:g}%, on {selection.components}", [(1, kept), (shown, kept)], dashed=True))
        said += f" {selection.components} hold {kept:g}%."
    title = f"Variance of {selection.recipe}"
    return Chart(title, "principal axes", "variance, %", lines, said, ticks=ticks, y_range=(0, 100))


def _layers(selection: Selection, parts: Sequence[int], layers: Sequence[str]) -> Table:
    rows = []
    start = 0
    for name, length in zip(layers, parts, strict=False):
        kept = sum(start <= index < start + length for index in selection.indices)
        start += length
        share = kept / selection.dimension
        rows.append(
            (name, f"{length:,}", f"{kept:,}", f"{100 * kept / length:.0f}%", Cell(f"{100 * share:.0f}%", share))
        )
    columns = ("layer", "features", "kept", "of the layer", "of what is kept")
    return Table(f"Layers that {selection.name} comes from", columns, rows)
