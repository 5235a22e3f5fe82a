"""What the collection is: how large its pictures are, and which could not be described."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from osrmac.pages.charts import Bars, nice_ticks
from osrmac.pages.components import Beside, Block, Facts, Part, Strips, Table
from osrmac.pages.contact_sheet import Picture
from osrmac.runs.image_stats import Sizes

__all__ = ["Failed", "collection", "in_bytes"]

_LINEAR = 8
"""Sizes that differ by more than this factor are counted by powers of two."""


@dataclass(frozen=True)
class Failed:
    """Images that failed in the same way: how many, at which stage, why, and some of them."""

    count: int
    stage: str
    reason: str
    examples: Sequence[Picture]


def collection(sizes: Sizes, file_bytes: int | None, failures: Sequence[Failed]) -> Part:
    """The section of the collection.

    Args:
        sizes: Of the images that were described.
        file_bytes: Of all files, if that is known.
        failures: The most frequent first.
    """
    blocks: list[Block] = []
    if sizes.longest:
        low, high = min(sizes.longest), max(sizes.longest)
        values = {
            "longest side": f"{low:,} to {high:,} pixels" if low < high else f"{low:,} pixels",
            "median": f"{sizes.median:,} pixels",
            "mean area": f"{sizes.pixels / 1e6 / sizes.longest.total():.2f} megapixels",
            "shape": ", ".join(f"{number:,} {shape}" for shape, number in sizes.shapes.most_common()),
        }
        if file_bytes is not None:
            values["files"] = in_bytes(file_bytes)
        said = f"From {low} to {high} pixels, the median is {sizes.median}."
        axis = "longest side in pixels, up to the next number"
        chart = [Bars("Sizes of the pictures", axis, _bins(sizes.longest), said)] if low < high else []
        blocks = [Beside([Facts(values), *chart])]
    if failures:
        blocks += _failures(failures)
    return Part("Collection", blocks)


def _bins(longest: Mapping[int, int]) -> list[tuple[str, int]]:
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
    counted = [0] * len(edges)
    for side, number in longest.items():
        counted[max(place for place, edge in enumerate(edges) if edge <= side or place == 0)] += number
    return [(str(edge), number) for edge, number in zip(edges, counted, strict=True)]


def _failures(failures: Sequence[Failed]) -> list[Block]:
    rows = [
        (kind.reason, kind.stage, f"{kind.count:,}", ", ".join(example.name for example in kind.examples))
        for kind in failures
    ]
    strips = [
        (kind.reason, f"{kind.count:,} at {kind.stage}", [example for example in kind.examples if example.source])
        for kind in failures
    ]
    shown = [strip for strip in strips if strip[2]]
    note = "As much of them as can be decoded."
    return [
        Table("What could not be described", ("reason", "stage", "images", "for example"), rows, texts=_FAILED_TEXTS),
        *([Strips("What can be seen of them", shown, note)] if shown else []),
    ]


_FAILED_TEXTS = ("stage", "for example")


def in_bytes(number: float) -> str:
    """A size as people write it: 1.2 GB.

    >>> in_bytes(1_234_000_000)
    '1.2 GB'
    """
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:.1f} {unit}"
