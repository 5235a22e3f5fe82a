"""The images nearest to each query, from one block of a collection after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Neighbour", "nearest"]


@dataclass(frozen=True, order=True)
class Neighbour:
    """An image near a query; of equally near ones the lower id comes first.

    Attributes:
        distance: To the query.
        id: Of the image.
        block: What the caller calls the block it stands in.
    """

    distance: float
    id: str
    block: str = field(compare=False)


def nearest(
    blocks: Iterable[tuple[str, Sequence[str], NDArray[np.float32]]], queries: int, number: int
) -> list[list[Neighbour]]:
    """The nearest images of each query, the nearest first.

    Args:
        blocks: For each its name, the ids of its n images, and the queries' distances to them, (m, n). One
            at a time is looked at.
        queries: How many queries there are, m.
        number: How many images to find; fewer if there are fewer.
    """
    found: list[list[Neighbour]] = [[] for _ in range(queries)]
    for name, ids, distances in blocks:
        for old, row in zip(found, distances, strict=True):
            most = old[-1].distance if len(old) == number else np.inf
            new = [Neighbour(float(row[place]), ids[place], name) for place in _smallest(row, number, most)]
            old[:] = sorted([*old, *new])[:number]
    return found


def _smallest(values: NDArray[np.float32], number: int, most: float) -> list[int]:
    """Places of so many of the smallest values up to a largest one, and of those that equal the last of them."""
    places = np.flatnonzero(values <= most)
    if len(places) > number:
        values = values[places]
        places = places[values <= np.partition(values, number - 1)[number - 1]]
    small: list[int] = places.tolist()
    return small
