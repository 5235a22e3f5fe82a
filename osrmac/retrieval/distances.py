"""Exact comparison of descriptors."""

from __future__ import annotations

from typing import Literal

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from osrmac.config import Distance

__all__ = ["distances", "ranking"]

_PIECE = 2048
"""Rows of a database that stay in the processor's cache while all queries pass by. With less of them, the threads of
FAISS would wait for each other more often."""

_METRICS = {"l1": faiss.METRIC_L1, "l2": faiss.METRIC_L2}


def distances(
    queries: NDArray[np.float32], database: NDArray[np.float32], distance: Distance, device: str = "cpu"
) -> NDArray[np.float32]:
    """Distance of every query to every database vector.

    Args:
        queries: (m, d).
        database: (n, d).
        distance: `l1` (the paper's), `l2`, or `cosine` (one minus the cosine: half the squared
            Euclidean distance of the normalised vectors).
        device: A torch device, where they are computed.

    Returns:
        (m, n).

    Raises:
        ValueError: They are not of equal length.
    """
    if queries.shape[1] != database.shape[1]:
        raise ValueError(f"queries of {queries.shape[1]} numbers and a database of {database.shape[1]}")
    if distance == "cosine":
        apart = distances(_unit(queries), _unit(database), "l2", device)
        apart *= apart / 2
        return apart
    if torch.device(device).type == "cpu":
        return _by_faiss(queries, database, distance)
    left, right = torch.from_numpy(queries).to(device), torch.from_numpy(database).to(device)
    # Matrix products would lose the digits that tell near duplicates apart, and might part equal vectors.
    found = torch.cdist(left, right, p=1 if distance == "l1" else 2, compute_mode="donot_use_mm_for_euclid_dist")
    return found.cpu().numpy()


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return functional.normalize(torch.from_numpy(vectors), dim=-1).numpy()


def _by_faiss(
    queries: NDArray[np.float32], database: NDArray[np.float32], distance: Literal["l1", "l2"]
) -> NDArray[np.float32]:
    """The same on a CPU: by the C++ under `faiss.pairwise_distances`, which itself takes L2 from a matrix product."""
    asked = np.ascontiguousarray(queries, np.float32)
    (number, length), metric = asked.shape, _METRICS[distance]
    apart = np.empty((number, len(database)), np.float32)
    for start in range(0, len(database), _PIECE):
        rows = np.ascontiguousarray(database[start : start + _PIECE], np.float32)
        found = np.empty((number, len(rows)), np.float32)
        one, other, out = map(faiss.swig_ptr, (asked, rows, found))
        faiss.pairwise_extra_distances(length, number, one, len(rows), other, metric, 0, out)
        apart[:, start : start + _PIECE] = found
    return np.sqrt(apart) if distance == "l2" else apart


def ranking(to_database: NDArray[np.float32]) -> NDArray[np.int64]:
    """Database positions from nearest to farthest, (..., n); of equal distances the first position leads.

    With a database sorted by id, ties are therefore broken by id.
    """
    return np.argsort(to_database, axis=-1, kind="stable")
