"""Near-duplicates: a threshold suggested by nearest-neighbour distances, and groups of the pairs below it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from osrmac.config import Distance
from osrmac.types import Matrix

__all__ = ["ConnectedComponents", "suggest_threshold"]

_SEARCHED = (1 / 6, 1 / 3)
"""Range of thresholds, relative to the median distance: recompressed or scaled copies are below, other photos above."""

_MAX_PENDING = 2_000_000
"""Pairs that are held before they are merged."""


def suggest_threshold(nearest: Matrix, typical: float, distance: Distance) -> float:
    """Return the middle, on a log scale, of the widest gap in the distances around a quarter of the median.

    This is the valley between copies and merely similar images in the histogram of nearest-neighbour distances, or
    the middle of the searched range if it contains no distance.

    Args:
        nearest: Distance of each sampled image to its nearest neighbour, (n,).
        typical: Median distance of two images.
        distance: Distance function. Cosine distances grow with the squared angle, so their roots are used.
    """
    if distance == "cosine":
        return suggest_threshold(np.sqrt(nearest), float(np.sqrt(typical)), "l2") ** 2
    if typical <= 0:
        return 0.0
    low, high = (share * typical for share in _SEARCHED)
    marks = np.log(np.sort([low, *nearest[(nearest > low) & (nearest < high)], high]))
    widest = np.argmax(np.diff(marks))
    return float(np.exp(marks[widest : widest + 2].mean()))


class ConnectedComponents:
    """Connected components of a graph whose edges arrive in batches; memory grows with the nodes, not the edges.

    Args:
        nodes: Number of nodes, which are numbered from 0.
    """

    def __init__(self, nodes: int) -> None:
        self._label = np.arange(nodes)
        self._pending: list[NDArray[np.int64]] = []

    def add(self, edges: NDArray[np.int64]) -> None:
        """Add edges between pairs of nodes, (m, 2)."""
        self._pending.append(edges)
        if sum(map(len, self._pending)) > _MAX_PENDING:
            self._merge()

    def _merge(self) -> None:
        left, right = self._label[np.concatenate(self._pending)].T
        nodes = len(self._label)
        graph = coo_array((np.ones(len(left), np.bool_), (left, right)), shape=(nodes, nodes))
        self._label = connected_components(graph, directed=False)[1][self._label]
        self._pending = []

    def groups(self) -> list[NDArray[np.int64]]:
        """Return the ascending nodes of each component of two or more nodes, by lowest node."""
        if self._pending:
            self._merge()
        order = np.argsort(self._label, kind="stable")
        starts = np.flatnonzero(np.diff(self._label[order])) + 1
        groups = [group for group in np.split(order, starts) if len(group) > 1]
        return sorted(groups, key=lambda group: int(group[0]))
