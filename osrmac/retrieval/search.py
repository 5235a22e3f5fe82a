"""Exact comparison of descriptors."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from osrmac.config import Distance

__all__ = ["distances", "ranking"]


def distances(queries: NDArray[np.float32], database: NDArray[np.float32], distance: Distance) -> NDArray[np.float32]:
    """Distance of every query to every database vector.

    Args:
        queries: (m, d).
        database: (n, d).
        distance: `l1` (the paper's), `l2`, or `cosine` (one minus the cosine: half the squared
            Euclidean distance of the normalised vectors).

    Returns:
        (m, n).
    """
    left, right = torch.from_numpy(queries), torch.from_numpy(database)
    if distance == "cosine":
        left, right = functional.normalize(left, dim=-1), functional.normalize(right, dim=-1)
    p = 1.0 if distance == "l1" else 2.0
    # The GEMM shortcuts lose the digits that tell near duplicates apart, and may part equal vectors.
    apart = torch.cdist(left, right, p=p, compute_mode="donot_use_mm_for_euclid_dist")
    return (apart.square() / 2 if distance == "cosine" else apart).numpy()


def ranking(to_database: NDArray[np.float32]) -> NDArray[np.int64]:
    """Database positions from nearest to farthest, (..., n); of equal distances the first position leads.

    With a database sorted by id, ties are therefore broken by id.
    """
    return np.argsort(to_database, axis=-1, kind="stable")
