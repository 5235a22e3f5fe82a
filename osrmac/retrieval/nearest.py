"""The images nearest to each query, from one block of a collection after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from osrmac.retrieval import search

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
        blocks: For each its name, the ids of its n images, sorted, and the queries' distances to them, (m, n). One
            at a time is looked at.
        queries: How many queries there are, m.
        number: How many images to find; fewer if there are fewer.
    """
    found: list[list[Neighbour]] = [[] for _ in range(queries)]
    for name, ids, distances in blocks:
        first = search.ranking(distances)[:, :number]
        for old, places, row in zip(found, first.tolist(), distances, strict=True):
            new = [Neighbour(float(row[place]), ids[place], name) for place in places]
            old[:] = sorted([*old, *new])[:number]
    return found
