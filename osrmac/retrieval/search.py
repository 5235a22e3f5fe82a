"""Exact comparison of descriptors."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from osrmac.config import Distance

__all__ = ["distances", "nearest", "ranking"]

_PIECE = 256
"""Rows of a database that stay in the processor's cache, with what is computed of them, while all queries pass by."""

_CHUNK = 8192
"""Rows of a database after which what is not among the nearest is forgotten."""


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
    left, right = torch.from_numpy(queries).to(device), torch.from_numpy(database).to(device)
    if distance == "cosine":
        left, right = functional.normalize(left, dim=-1), functional.normalize(right, dim=-1)
    apart = _norms(left, right, 1 if distance == "l1" else 2)
    return (apart.square() / 2 if distance == "cosine" else apart).cpu().numpy()


def _norms(left: Tensor, right: Tensor, order: int) -> Tensor:
    """Norms of all differences, (m, n). On a CPU `torch.cdist` takes three times as long."""
    if left.device.type != "cpu":
        # The GEMM shortcuts lose the digits that tell near duplicates apart, and may part equal vectors.
        return torch.cdist(left, right, p=float(order), compute_mode="donot_use_mm_for_euclid_dist")
    apart = torch.empty(len(left), len(right))
    for start in range(0, len(right), _PIECE):
        rows, columns = right[start : start + _PIECE], apart[:, start : start + _PIECE]
        difference = torch.empty_like(rows)
        for query, out in zip(left, columns, strict=True):
            torch.sub(rows, query, out=difference)
            if order == 1:
                torch.sum(difference.abs_(), dim=-1, out=out)
            else:
                torch.linalg.vector_norm(difference, dim=-1, out=out)
    return apart


def nearest(
    queries: NDArray[np.float32],
    database: Iterable[NDArray[np.float32]],
    number: int,
    distance: Distance,
    device: str = "cpu",
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest database vectors of every query, exactly, from nearest to farthest.

    Of equal distances the first position leads, as in `ranking`. Beside the database, no more than
    8192 distances a query are held.

    Args:
        queries: (m, d).
        database: Blocks of rows, (n_i, d), of which one at a time is looked at.
        number: How many to find, k; fewer if the database has fewer.
        distance: See `distances`.
        device: Likewise.

    Returns:
        Positions in the whole database, (m, k), and the distances there, (m, k).
    """
    places = np.empty((len(queries), 0), np.int64)
    apart = np.empty((len(queries), 0), np.float32)
    seen = 0
    for chunk in (block[start : start + _CHUNK] for block in database for start in range(0, len(block), _CHUNK)):
        here = np.broadcast_to(np.arange(seen, seen + len(chunk)), (len(queries), len(chunk)))
        seen += len(chunk)
        places = np.hstack([places, here])
        apart = np.hstack([apart, distances(queries, chunk, distance, device)])
        kept = np.array([_smallest(row, number) for row in apart], np.int64).reshape(len(queries), -1)
        places, apart = np.take_along_axis(places, kept, axis=1), np.take_along_axis(apart, kept, axis=1)
    return places, apart


def _smallest(values: NDArray[np.float32], number: int) -> NDArray[np.int64]:
    """Positions of the smallest values in increasing order, of equal ones the first."""
    if number >= len(values):
        return ranking(values)
    candidates = np.flatnonzero(values <= np.partition(values, number)[number])
    return candidates[ranking(values[candidates])[:number]]


def ranking(to_database: NDArray[np.float32]) -> NDArray[np.int64]:
    """Database positions from nearest to farthest, (..., n); of equal distances the first position leads.

    With a database sorted by id, ties are therefore broken by id.
    """
    return np.argsort(to_database, axis=-1, kind="stable")
