"""Exact comparison of descriptors."""

from __future__ import annotations

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from osrmac.config import Distance

__all__ = ["distances", "ranking"]

_PIECE = 256
"""Rows of a database that stay in the processor's cache, with what is computed of them, while all queries pass by."""

_PIECE_OF_FAISS = 2048
"""The same for FAISS, which looks at one vector at a time; larger, as its threads wait for each other after each."""


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
    """
    on_cpu = torch.device(device).type == "cpu"
    if on_cpu and distance == "l1":
        return _manhattan(queries, database)
    left, right = torch.from_numpy(queries).to(device), torch.from_numpy(database).to(device)
    if distance == "cosine":
        left, right = functional.normalize(left, dim=-1), functional.normalize(right, dim=-1)
    apart = _euclidean(left, right) if on_cpu else _norms(left, right, 1 if distance == "l1" else 2)
    return (apart.square() / 2 if distance == "cosine" else apart).cpu().numpy()


def _manhattan(queries: NDArray[np.float32], database: NDArray[np.float32]) -> NDArray[np.float32]:
    """By FAISS, which takes a third of the time when what it looks at stays in the cache."""
    apart = np.empty((len(queries), len(database)), np.float32)
    for start in range(0, len(database), _PIECE_OF_FAISS):
        piece = slice(start, start + _PIECE_OF_FAISS)
        apart[:, piece] = faiss.pairwise_distances(queries, database[piece], metric=faiss.METRIC_L1)
    return apart


def _euclidean(left: Tensor, right: Tensor) -> Tensor:
    """By differences: the matrix product of FAISS loses the digits that tell near duplicates apart."""
    apart = torch.empty(len(left), len(right))
    for start in range(0, len(right), _PIECE):
        rows, columns = right[start : start + _PIECE], apart[:, start : start + _PIECE]
        difference = torch.empty_like(rows)
        for query, out in zip(left, columns, strict=True):
            torch.linalg.vector_norm(torch.sub(rows, query, out=difference), dim=-1, out=out)
    return apart


def _norms(left: Tensor, right: Tensor, order: int) -> Tensor:
    """Norms of all differences, (m, n), on a GPU; without a matrix product, for the same reason."""
    return torch.cdist(left, right, p=float(order), compute_mode="donot_use_mm_for_euclid_dist")


def ranking(to_database: NDArray[np.float32]) -> NDArray[np.int64]:
    """Database positions from nearest to farthest, (..., n); of equal distances the first position leads.

    With a database sorted by id, ties are therefore broken by id.
    """
    return np.argsort(to_database, axis=-1, kind="stable")
