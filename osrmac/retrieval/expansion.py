"""Query expansion and database-side augmentation: a vector is averaged with its neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.retrieval.distances import distances, ranking

__all__ = ["average", "expand"]

_BLOCK = 256


def expand(
    vectors: NDArray[np.float32], database: NDArray[np.float32], neighbours: int, alpha: float, distance: Distance
) -> NDArray[np.float32]:
    """Alpha query expansion (Radenovic et al. 2019): each vector averaged with its nearest neighbours.

    A neighbour weighs its cosine to the vector, if positive, to the power of alpha; the vector itself weighs one.
    Of a database with itself this is database-side augmentation (Arandjelovic and Zisserman 2012); each vector is
    then its own nearest neighbour and counts twice.

    Args:
        vectors: (m, d).
        database: (n, d).
        neighbours: How many of the nearest to average with, at most n.
        alpha: Above zero; the larger, the less a distant neighbour counts.
        distance: What nearest means.

    Returns:
        (m, d).
    """
    blocks = [
        _expanded(vectors[start : start + _BLOCK], database, neighbours, alpha, distance)
        for start in range(0, len(vectors), _BLOCK)
    ]
    return np.concatenate(blocks) if blocks else vectors


def _expanded(
    vectors: NDArray[np.float32], database: NDArray[np.float32], neighbours: int, alpha: float, distance: Distance
) -> NDArray[np.float32]:
    nearest = ranking(distances(vectors, database, distance))[:, :neighbours]
    return average(vectors, database[nearest], alpha)


def average(vectors: NDArray[np.float32], found: NDArray[np.float32], alpha: float) -> NDArray[np.float32]:
    """The weighted mean of each vector, (m, d), and its own neighbours, (m, k, d); see `expand`."""
    cosines = 1 - np.stack([distances(v[None], f, "cosine")[0] for v, f in zip(vectors, found, strict=True)])
    weights = cosines.clip(min=0) ** np.float32(alpha)
    total = vectors + np.einsum("mk,mkd->md", weights, found)
    return np.asarray(total / (1 + weights.sum(axis=1, keepdims=True)), dtype=np.float32)
