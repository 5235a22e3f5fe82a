"""Nearest images of each query in a collection that is compared block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from osrmac.types import DistanceBlock, Match, Matrix

__all__ = ["nearest"]


def nearest(blocks: Iterable[DistanceBlock], queries: int, number: int) -> list[list[Match]]:
    """Return the nearest images of each query, nearest first; ties are ordered by id and marked.

    Args:
        blocks: The collection, block by block; only one block is held at a time.
        queries: Number of queries, m.
        number: Number of images to return for each query; a smaller collection gives fewer.
    """
    best: list[list[tuple[float, str, str]]] = [[] for _ in range(queries)]
    wanted = number + 1  # one more, which may be tied with the last
    for shard, ids, distances in blocks:
        for kept, row in zip(best, distances, strict=True):
            bound = kept[-1][0] if len(kept) == wanted else np.inf
            candidates = [(float(row[position]), ids[position], shard) for position in _smallest(row, wanted, bound)]
            kept[:] = sorted([*kept, *candidates])[:wanted]
    return [_matches(kept)[:number] for kept in best]


def _matches(ranked: Sequence[tuple[float, str, str]]) -> list[Match]:
    """Return matches of ranked images, each with its distance, id and shard."""
    shared = Counter(distance for distance, _, _ in ranked)
    return [
        Match(image, rank, distance, shard=shard, tied=shared[distance] > 1)
        for rank, (distance, image, shard) in enumerate(ranked, start=1)
    ]


def _smallest(values: Matrix, number: int, bound: float) -> list[int]:
    """Positions of the `number` smallest values up to a bound, and of all values equal to the last of them."""
    positions = np.flatnonzero(values <= bound)
    if len(positions) > number:
        values = values[positions]
        positions = positions[values <= np.partition(values, number - 1)[number - 1]]
    listed: list[int] = positions.tolist()
    return listed
