"""The images nearest to each query, from one block of a collection after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from osrmac.types import Match

__all__ = ["nearest"]


def nearest(
    blocks: Iterable[tuple[str, Sequence[str], NDArray[np.float32]]], queries: int, number: int
) -> list[list[Match]]:
    """The nearest images of each query, the nearest first.

    Args:
        blocks: For each its name, the ids of its n images, and the queries' distances to them, (m, n). One
            at a time is looked at.
        queries: How many queries there are, m.
        number: How many images to find; fewer if there are fewer.
    """
    found: list[list[tuple[float, str, str]]] = [[] for _ in range(queries)]
    for name, ids, distances in blocks:
        for old, row in zip(found, distances, strict=True):
            most = old[-1][0] if len(old) == number else np.inf
            new = [(float(row[place]), ids[place], name) for place in _smallest(row, number, most)]
            old[:] = sorted([*old, *new])[:number]
    return [
        [Match(image, rank, distance, shard=shard) for rank, (distance, image, shard) in enumerate(of_query, 1)]
        for of_query in found
    ]


def _smallest(values: NDArray[np.float32], number: int, most: float) -> list[int]:
    """Places of so many of the smallest values up to a largest one, and of those that equal the last of them."""
    places = np.flatnonzero(values <= most)
    if len(places) > number:
        values = values[places]
        places = places[values <= np.partition(values, number - 1)[number - 1]]
    small: list[int] = places.tolist()
    return small
