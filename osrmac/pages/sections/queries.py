"""The queries that a system answers best and worst, each as a strip of what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from osrmac.pages.components import Part, Strips
from osrmac.pages.contact_sheet import Picture

__all__ = ["Answered", "Extremes", "queries"]


@dataclass(frozen=True)
class Answered:
    """What a query has found.

    Attributes:
        query: Its name.
        value: By the benchmark's main measure.
        positives: Number of images that should be found.
        pictures: The image asked with, then those that it found, each with its mark.
    """

    query: str
    value: float
    positives: int
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Extremes:
    """The best and worst queries of one system under one benchmark.

    Attributes:
        title: Names the benchmark, query mode and system.
        measure: What the values are.
        best: The best first.
        worst: The worst first.
    """

    title: str
    measure: str
    best: Sequence[Answered]
    worst: Sequence[Answered]


def queries(found: Sequence[Extremes]) -> Part | None:
    """The section of the best and worst queries, or None if there are none."""
    blocks = [
        Strips(f"{which}: {each.title}", [_strip(answered, each.measure) for answered in some])
        for each in found
        for which, some in (("Best", each.best), ("Worst", each.worst))
        if some
    ]
    note = (
        "What was asked with, and the ten images found first. ✓ and a green frame: it should be found. ✗ and a red "
        "frame: it should not. ○ and a dashed frame: junk, which is not counted."
    )
    return Part("Best and worst queries", blocks, note) if blocks else None


def _strip(answered: Answered, measure: str) -> tuple[str, str, Sequence[Picture]]:
    of_one = measure.removeprefix("m")
    images = "image" if answered.positives == 1 else "images"
    return answered.query, f"{of_one} {answered.value:.2f} · {answered.positives} {images} to find", answered.pictures
