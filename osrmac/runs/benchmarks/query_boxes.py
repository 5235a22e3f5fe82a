"""Boxes of queries, checked against the sizes of the images before these are described."""

from __future__ import annotations

import math
from collections.abc import Mapping

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query
from osrmac.progress import note
from osrmac.runs.shard_reader import find_rows, list_shards
from osrmac.storage.run import Run
from osrmac.types import Box

__all__ = ["check_boxes"]

_TOLERANCE = 0.05
"""Share of an image's width or height by which a box may reach beyond it: published boxes do by a few pixels."""


def check_boxes(run: Run, benchmark: Benchmark, ids: Mapping[str, str]) -> None:
    """Check that the boxes of all queries lie in their images; those that reach a little beyond are clipped later.

    Args:
        run: Run with the query images.
        benchmark: Benchmark, reduced to the images that the run has.
        ids: Ids of the described images, by their names in the ground truth.

    Raises:
        BenchmarkError: A box is empty, or far outside of its image, as if the ground truth were of another image size.
    """
    queries = {query.name: query for mode in benchmark.modes.values() for query in mode if query.box is not None}
    if not queries:
        return
    rows = find_rows((ids[query.image] for query in queries.values()), list_shards(run))
    clipped = 0
    for query in queries.values():
        row = rows[ids[query.image]]
        clipped += _beyond(benchmark.name, query, (row["width"], row["height"])) > 0
    if clipped:
        note(f"{clipped} of {len(queries)} boxes of {benchmark.name} reach a little beyond their images: clipped")


def _beyond(benchmark: str, query: Query, size: tuple[int, int]) -> float:
    """Return how far a box reaches beyond its image, as a share of the image's width or height."""
    box = query.box or (0, 0, *size)
    left, top, right, bottom = box
    if not all(map(math.isfinite, box)) or round(right) <= round(left) or round(bottom) <= round(top):
        raise BenchmarkError(f"the box of query {query.name!r} of {benchmark}, {_words(box)}, is empty")
    beyond = max(-left / size[0], right / size[0] - 1, -top / size[1], bottom / size[1] - 1)
    if beyond > _TOLERANCE:
        raise BenchmarkError(
            f"the box of query {query.name!r} of {benchmark}, {_words(box)}, does not fit its image of "
            f"{size[0]}x{size[1]} pixels: the ground truth is of images of another size, scale its boxes or describe "
            "the original images"
        )
    return beyond


def _words(box: Box) -> str:
    return " ".join(f"{edge:g}" for edge in box)
