"""Query expansion: queries are averaged with their nearest images, a bounded number of queries at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from osrmac.retrieval.expansion import average
from osrmac.runs.searcher import Searcher
from osrmac.types import Matrix

__all__ = ["at_once", "expanded"]

_GATHERED = 250_000_000
"""Bytes of the vectors of neighbours that are looked up at once; a copy of them is made for the computation."""


def at_once(neighbours: int, dimension: int) -> int:
    """Return the number of queries whose neighbours are looked up at once, so that their vectors stay within 250 MB.

    Args:
        neighbours: Number of neighbours of each query.
        dimension: Length of their vectors, of all recipes together.
    """
    return max(1, _GATHERED // (4 * neighbours * dimension))


def expanded(images: Searcher, queries: Sequence[Matrix], neighbours: int, alpha: float) -> list[Matrix]:
    """Return the queries averaged with their nearest neighbours, each recipe by its own distances.

    This is alpha query expansion (Radenovic et al. 2019). Applied to the images of the collection themselves, it is
    database-side augmentation (Arandjelovic and Zisserman 2012), where each image is its own nearest neighbour and
    counts twice. See `osrmac.retrieval.expansion.average` for the weights.

    The collection is searched and read once for every 250 MB of neighbours' vectors.

    Args:
        images: Images among which the neighbours are.
        queries: For each recipe the vectors of m queries, (m, k).
        neighbours: Number of neighbours of each query.
        alpha: Exponent of a neighbour's weight.
    """
    return [_expanded(images.of_recipe(index), vectors, neighbours, alpha) for index, vectors in enumerate(queries)]


def _expanded(images: Searcher, queries: Matrix, neighbours: int, alpha: float) -> Matrix:
    step = at_once(neighbours, queries.shape[1])
    parts = [queries[start : start + step] for start in range(0, len(queries), step)]
    return np.concatenate([_averaged(images, part, neighbours, alpha) for part in parts])


def _averaged(images: Searcher, queries: Matrix, neighbours: int, alpha: float) -> Matrix:
    ids = [[match.id for match in matches] for matches in images.nearest([queries], neighbours)]
    (vectors,) = images.vectors({image for near in ids for image in near})
    return average(queries, np.stack([np.stack([vectors[image] for image in near]) for near in ids]), alpha)
