"""The section of the collection: the sizes of its images, and those that could not be described."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from osrmac.pages.charts import Histogram, nice_ticks
from osrmac.pages.components import Block, DefinitionList, Galleries, Gallery, Grid, Picture, Section
from osrmac.pages.thumbnails import Thumbnail
from osrmac.runs.failures import Failures
from osrmac.runs.image_stats import Sizes
from osrmac.tables import Cell, Table, numeric, text

__all__ = ["collection_section", "format_bytes"]

_LINEAR = 8
"""Ratio of the largest to the smallest image above which the bins of the sizes are powers of two."""


def collection_section(
    sizes: Sizes, file_bytes: int | None, failures: Sequence[Failures], thumbnails: Mapping[str, Thumbnail]
) -> Section | None:
    """Return the section, or None if no image has been described or has failed.

    Args:
        sizes: Sizes of the described images.
        file_bytes: Size of all files, or None if it is not known.
        failures: Groups of failed images, the largest first.
        thumbnails: Thumbnails of damaged files by id, as far as they can be decoded.
    """
    blocks = [*_sizes(sizes, file_bytes), *_failures(failures, thumbnails)]
    return Section("Collection", blocks) if blocks else None


def _sizes(sizes: Sizes, file_bytes: int | None) -> list[Block]:
    if not sizes.longest:
        return []
    low, high = min(sizes.longest), max(sizes.longest)
    facts = {
        "longest side": f"{low:,} to {high:,} pixels" if low < high else f"{low:,} pixels",
        "median": f"{sizes.median:,} pixels",
        "mean area": f"{sizes.pixels / 1e6 / sizes.longest.total():.2f} megapixels",
        "shape": ", ".join(f"{number:,} {shape}" for shape, number in sizes.shapes.most_common()),
    }
    if file_bytes is not None:
        facts["files"] = format_bytes(file_bytes)
    if low == high:
        return [Grid([DefinitionList(facts)])]
    description = f"From {low} to {high} pixels; the median is {sizes.median}."
    axis = "longest side in pixels, from this number up to the next"
    return [Grid([DefinitionList(facts), Histogram("Image sizes", axis, _bins(sizes.longest), description)])]


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


def _failures(failures: Sequence[Failures], thumbnails: Mapping[str, Thumbnail]) -> list[Block]:
    if not failures:
        return []
    rows = [
        (
            Cell(kind.reason, detail=f"for example {kind.example}" if kind.example else ""),
            kind.stage,
            f"{kind.count:,}",
            ", ".join(kind.first),
        )
        for kind in failures
    ]
    columns = text("reason", "stage") + numeric("images") + text("examples")
    galleries = []
    for kind in failures:
        shown = {image: thumbnails[image] for image in kind.first if image in thumbnails and thumbnails[image].source}
        pictures = [Picture(image, "", thumbnail) for image, thumbnail in shown.items()]
        if pictures:
            galleries.append(Gallery(kind.reason, pictures, f"{kind.count:,} at {kind.stage}"))
    blocks: list[Block] = [Table("Images that could not be described", columns, rows)]
    if galleries:
        note = "As much of each file as can be decoded."
        blocks.append(Galleries("Damaged files", galleries, note))
    return blocks


def format_bytes(number: float) -> str:
    """Return a size in decimal units.

    >>> format_bytes(1_234_000_000)
    '1.2 GB'
    """
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:.1f} {unit}"
