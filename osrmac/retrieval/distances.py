"""Exact pairwise distances, and rankings by them."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.reduction.base import l2_normalize
from osrmac.types import Matrix

__all__ = ["distances", "nearest_region", "ranking"]

_BLOCK_ROWS = 2048
"""Database vectors compared at once: few enough for the processor's cache, enough to keep the threads of FAISS busy."""

_METRICS = {"l1": faiss.METRIC_L1, "l2": faiss.METRIC_L2}


def distances(queries: Matrix, database: Matrix, distance: Distance, device: str = "cpu") -> Matrix:
    """Return the distance of every query to every database vector, float32, (m, n).

    Equal vectors have distance 0 and are equally far from any query.

    Args:
        queries: Query vectors, (m, d).
        database: Database vectors, (n, d).
        distance: `l1` (Manhattan, the paper's), `l2` (Euclidean), or `cosine` (one minus the cosine similarity).
        device: Torch device to compute on; the CPU is used without torch.

    Raises:
        ValueError: The vectors differ in length.
    """
    if queries.shape[1] != database.shape[1]:
        raise ValueError(f"queries have {queries.shape[1]} dimensions, but the database has {database.shape[1]}")
    if distance == "cosine":
        # Half the squared Euclidean distance of unit vectors: unlike 1 - q.x, it is exact for near-duplicates.
        euclidean = distances(l2_normalize(queries), l2_normalize(database), "l2", device)
        euclidean *= euclidean / 2
        return euclidean
    if device == "cpu":
        return _on_cpu(queries, database, distance)
    import torch

    # Euclidean distances from matrix products lose precision for near-duplicates, and may separate equal vectors.
    pairwise = torch.cdist(
        torch.tensor(queries, device=device),  # a copy, as torch takes no array that is read-only, such as Arrow's
        torch.tensor(database, device=device),
        p=1 if distance == "l1" else 2,
        compute_mode="donot_use_mm_for_euclid_dist",
    )
    return pairwise.cpu().numpy()


def _on_cpu(queries: Matrix, database: Matrix, distance: str) -> Matrix:
    """Call the C++ function behind `faiss.pairwise_distances`, which itself takes L2 from a matrix product."""
    queries = np.ascontiguousarray(queries, np.float32)
    count, dimension = queries.shape
    result = np.empty((count, len(database)), np.float32)
    for start in range(0, len(database), _BLOCK_ROWS):
        rows = np.ascontiguousarray(database[start : start + _BLOCK_ROWS], np.float32)
        block = np.empty((count, len(rows)), np.float32)
        query_ptr, row_ptr, block_ptr = map(faiss.swig_ptr, (queries, rows, block))
        faiss.pairwise_extra_distances(  # type: ignore[attr-defined]  # of the C++ interface
            dimension, count, query_ptr, len(rows), row_ptr, _METRICS[distance], 0, block_ptr
        )
        result[:, start : start + _BLOCK_ROWS] = block
    return np.sqrt(result) if distance == "l2" else result


def nearest_region(region_distances: Matrix, regions: NDArray[np.int64]) -> Matrix:
    """Return the distance of every query to the nearest region of each image, (m, n).

    Args:
        region_distances: Distances to the regions of n images, one image after the other, (m, sum of regions).
        regions: Number of regions of each image, at least one, (n,).
    """
    smallest: Matrix = np.minimum.reduceat(region_distances, np.cumsum(regions) - regions, axis=1)
    return smallest


def ranking(query_distances: Matrix) -> NDArray[np.int64]:
    """Return the database positions from nearest to farthest, (..., n); ties keep the order of the database.

    With a database sorted by id, ties are therefore broken by id.
    """
    return np.argsort(query_distances, axis=-1, kind="stable")
