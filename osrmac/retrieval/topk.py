"""Nearest images of each query in a collection that is compared block by block, or part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from osrmac.types import DistanceBlock, Match, Matrix

__all__ = ["Candidate", "candidates", "merge_nearest", "nearest"]

Candidate = tuple[float, str, str]
"""An image near a query: its distance, its id, and the name of its shard. Candidates are ordered as in results."""


def nearest(blocks: Iterable[DistanceBlock], queries: int, number: int) -> list[list[Match]]:
    """Return the nearest images of each query, nearest first; ties are ordered by id and marked.

    Args:
        blocks: The collection, block by block; only one block is held at a time.
        queries: Number of queries, m.
        number: Number of images to return for each query; a smaller collection gives fewer.
    """
    return merge_nearest([candidates(blocks, queries, number)], queries, number)


def candidates(blocks: Iterable[DistanceBlock], queries: int, number: int) -> list[list[Candidate]]:
    """Return the nearest images of each query in a part of a collection, and one more, which may be tied with the last.

    Args:
        blocks: The part, block by block.
        queries: Number of queries, m.
        number: Number of images to find for each query.
    """
    best: list[list[Candidate]] = [[] for _ in range(queries)]
    wanted = number + 1
    for shard, ids, distances in blocks:
        for kept, row in zip(best, distances, strict=True):
            bound = kept[-1][0] if len(kept) == wanted else np.inf
            found = [(float(row[position]), ids[position], shard) for position in _smallest(row, wanted, bound)]
            kept[:] = sorted([*kept, *found])[:wanted]
    return best


def merge_nearest(parts: Iterable[Sequence[Sequence[Candidate]]], queries: int, number: int) -> list[list[Match]]:
    """Return the nearest images of each query in a collection from its `candidates` in each part.

    The result does not depend on how the collection is divided.

    Args:
        parts: Candidates in each part; two parts are held at a time.
        queries: Number of queries, m.
        number: Number of images to return for each query.
    """
    best: list[list[Candidate]] = [[] for _ in range(queries)]
    for part in parts:
        for kept, found in zip(best, part, strict=True):
            kept[:] = sorted([*kept, *found])[: number + 1]
    return [_matches(kept)[:number] for kept in best]


def _matches(ranked: Sequence[Candidate]) -> list[Match]:
    """Return matches of ranked images."""
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
