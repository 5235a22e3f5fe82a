"""Distances of descriptors that are made of parts, for any weights of the parts, from one comparison of each part."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.retrieval.distances import distances
from osrmac.types import Matrix

__all__ = ["by_weights"]

Weights = Sequence[float]


def by_weights(
    queries: Matrix, database: Matrix, parts: Sequence[int], distance: Distance
) -> Callable[[Weights], Matrix]:
    """Compare each part once; the distances of whole vectors whose parts are scaled by weights follow from that.

    Manhattan distances add up by weight, squared Euclidean ones and dot products by its square.

    Args:
        queries: (m, d).
        database: (n, d).
        parts: Lengths of the parts, which add up to d.
        distance: As for `osrmac.retrieval.distances.distances`.

    Returns:
        From one weight a part, none negative and not all zero, the distances, (m, n).
    """
    cuts = np.cumsum(parts)[:-1]
    pairs = list(zip(np.split(queries, cuts, axis=1), np.split(database, cuts, axis=1), strict=True))
    if distance == "cosine":
        return _cosines([(q.astype(np.float64), x.astype(np.float64)) for q, x in pairs])
    found = np.stack([distances(q, x, distance) for q, x in pairs])
    if distance == "l1":
        return lambda weights: _weighted(weights, found)
    squares = np.square(found)
    return lambda weights: np.sqrt(_weighted(np.square(weights), squares))


def _cosines(pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Callable[[Weights], Matrix]:
    """In double precision: the difference of a product to one tells near duplicates apart."""
    products = np.stack([q @ x.T for q, x in pairs])
    left, right = (np.stack([np.square(pair[side]).sum(axis=1) for pair in pairs]) for side in (0, 1))

    def distances(weights: Weights) -> Matrix:
        squared = np.square(weights)
        norms = np.sqrt(np.outer(squared @ left, squared @ right))
        return np.asarray(1 - np.tensordot(squared, products, 1) / np.where(norms > 0, norms, 1), np.float32)

    return distances


def _weighted(weights: Weights | NDArray[np.float64], terms: Matrix) -> Matrix:
    return np.asarray(np.tensordot(np.asarray(weights, np.float32), terms, 1), np.float32)
