"""Alpha query expansion: a vector averaged with its nearest neighbours."""

from __future__ import annotations

import numpy as np

from osrmac.retrieval.distances import distances
from osrmac.types import Matrix

__all__ = ["average"]


def average(vectors: Matrix, neighbours: Matrix, alpha: float) -> Matrix:
    """Return the weighted mean of each vector and its nearest neighbours, float32, (m, d).

    A neighbour has the weight max(0, cosine) ** alpha, and the vector itself the weight one (Radenovic et al. 2019,
    section 3.4).

    Args:
        vectors: Vectors, (m, d).
        neighbours: k nearest neighbours of each vector, (m, k, d).
        alpha: Exponent, above zero; the larger it is, the less a distant neighbour counts.
    """
    cosines = 1 - np.stack(
        [distances(vector[None], near, "cosine")[0] for vector, near in zip(vectors, neighbours, strict=True)]
    )
    weights = cosines.clip(min=0) ** np.float32(alpha)
    total = vectors + np.einsum("mk,mkd->md", weights, neighbours)
    return np.asarray(total / (1 + weights.sum(axis=1, keepdims=True)), dtype=np.float32)
