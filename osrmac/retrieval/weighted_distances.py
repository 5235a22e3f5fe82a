"""Distances of weighted, concatenated parts as a function of the weights, from one comparison of each part."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.retrieval.distances import distances
from osrmac.types import Matrix

__all__ = ["weighted_distances"]

Weights = Sequence[float]


def weighted_distances(
    queries: Matrix, database: Matrix, parts: Sequence[int], distance: Distance
) -> Callable[[Weights], Matrix]:
    """Compare each part once, and return a function from one weight per part to the distances, (m, n).

    Manhattan distances of the parts add up by weight, squared Euclidean distances and dot products by squared weight.
    Weights must not be negative, nor all zero.

    Args:
        queries: Query vectors, (m, d).
        database: Database vectors, (n, d).
        parts: Lengths of the parts; their sum is d.
        distance: Distance function; see `osrmac.retrieval.distances.distances`.
    """
    cuts = np.cumsum(parts)[:-1]
    pairs = list(zip(np.split(queries, cuts, axis=1), np.split(database, cuts, axis=1), strict=True))
    if distance == "cosine":
        return _cosine([(q.astype(np.float64), x.astype(np.float64)) for q, x in pairs])
    by_part = np.stack([distances(q, x, distance) for q, x in pairs])
    if distance == "l1":
        return lambda weights: _weighted_sum(weights, by_part)
    squares = np.square(by_part)
    return lambda weights: np.sqrt(_weighted_sum(np.square(weights), squares))


def _cosine(pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Callable[[Weights], Matrix]:
    """Use float64: for near-duplicates, one minus a dot product cancels most digits."""
    products = np.stack([q @ x.T for q, x in pairs])
    query_norms, database_norms = (
        np.stack([np.square(vectors).sum(axis=1) for vectors in side]) for side in zip(*pairs, strict=True)
    )

    def cosine_distances(weights: Weights) -> Matrix:
        squared = np.square(weights)
        norms = np.sqrt(np.outer(squared @ query_norms, squared @ database_norms))
        return np.asarray(1 - np.tensordot(squared, products, 1) / np.where(norms > 0, norms, 1), np.float32)

    return cosine_distances


def _weighted_sum(weights: Weights | NDArray[np.float64], terms: Matrix) -> Matrix:
    return np.asarray(np.tensordot(np.asarray(weights, np.float32), terms, 1), np.float32)
