"""Nearest images of each query in a collection that is compared block by block."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from osrmac.types import DistanceBlock, Match, Matrix

__all__ = ["nearest"]


def nearest(blocks: Iterable[DistanceBlock], queries: int, number: int) -> list[list[Match]]:
    """Return the nearest images of each query, nearest first, ties ordered by id.

    Args:
        blocks: The collection, block by block; only one block is held at a time.
        queries: Number of queries, m.
        number: Number of images to return for each query; a smaller collection gives fewer.
    """
    best: list[list[tuple[float, str, str]]] = [[] for _ in range(queries)]
    for shard, ids, distances in blocks:
        for kept, row in zip(best, distances, strict=True):
            bound = kept[-1][0] if len(kept) == number else np.inf
            candidates = [(float(row[position]), ids[position], shard) for position in _smallest(row, number, bound)]
            kept[:] = sorted([*kept, *candidates])[:number]
    return [
        [Match(image, rank, distance, shard=shard) for rank, (distance, image, shard) in enumerate(kept, start=1)]
        for kept in best
    ]


def _smallest(values: Matrix, number: int, bound: float) -> list[int]:
    """Positions of the `number` smallest values up to a bound, and of all values equal to the last of them."""
    positions = np.flatnonzero(values <= bound)
    if len(positions) > number:
        values = values[positions]
        positions = positions[values <= np.partition(values, number - 1)[number - 1]]
    listed: list[int] = positions.tolist()
    return listed
