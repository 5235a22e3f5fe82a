"""The section of the sizes of the images."""

from __future__ import annotations

import math
from collections.abc import Mapping

from osrmac.pages.charts import Histogram, nice_ticks
from osrmac.pages.components import DefinitionList, Grid, Section
from osrmac.runs.summary.image_stats import Sizes

__all__ = ["sizes_section"]

_LINEAR = 8
"""Ratio of the largest to the smallest image above which the bins of the sizes are powers of two."""


def sizes_section(sizes: Sizes) -> Section | None:
    """Return the section, or None if no image has been described.

    Args:
        sizes: Sizes of the described images.
    """
    if not sizes.longest:
        return None
    low, high = min(sizes.longest), max(sizes.longest)
    facts = {
        "longest side": f"{low:,} to {high:,} pixels" if low < high else f"{low:,} pixels",
        "median": f"{sizes.median:,} pixels",
        "mean area": f"{sizes.pixels / 1e6 / sizes.longest.total():.2f} megapixels",
        "shape": ", ".join(f"{number:,} {shape}" for shape, number in sizes.shapes.most_common()),
    }
    blocks: list[DefinitionList | Histogram] = [DefinitionList(facts)]
    if low < high:
        description = f"From {low} to {high} pixels; the median is {sizes.median}."
        axis = "longest side in pixels, from this number up to the next"
        blocks.append(Histogram("Longest sides", axis, _bins(sizes.longest), description))
    return Section("Image sizes", [Grid(blocks)])


def _bins(longest: Mapping[int, int]) -> list[tuple[str, int]]:
    """Count sides in bins of a round width, or of powers of two if they differ widely; labelled by lower edge."""
    low, high = min(longest), max(longest)
    if high > _LINEAR * low:
        edges = [2**power for power in range(int(math.log2(low)), int(math.log2(high)) + 1)]
    else:
        ticks = nice_ticks(low, max(high, low + 4))
        step = max(1, ticks[1] - ticks[0])
        if step % 10 == 0:
            step /= 2
        first, last = math.floor(low / step), math.floor(high / step)
        edges = [round(number * step) for number in range(first, last + 1)]
    counts = [0] * len(edges)
    for side, number in longest.items():
        counts[max(place for place, edge in enumerate(edges) if edge <= side or place == 0)] += number
    return [(str(edge), number) for edge, number in zip(edges, counts, strict=True)]
