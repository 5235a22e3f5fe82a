"""What hangs together, from pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["Groups"]

_HELD = 2_000_000


class Groups:
    """Joins things into groups. What is held grows with their number and not with that of the pairs.

    Args:
        number: Of the things, which are counted from 0.
    """

    def __init__(self, number: int) -> None:
        self._group = np.arange(number)
        self._pairs: list[NDArray[np.int64]] = []
        self._held = 0

    def join(self, pairs: NDArray[np.int64]) -> None:
        """Let the two of each pair be in one group, (m, 2)."""
        self._pairs.append(pairs)
        self._held += len(pairs)
        if self._held > _HELD:
            self._merge()

    def _merge(self) -> None:
        left, right = self._group[np.concatenate(self._pairs)].T
        number = len(self._group)
        linked = coo_array((np.ones(len(left), np.bool_), (left, right)), shape=(number, number))
        self._group = connected_components(linked, directed=False)[1][self._group]
        self._pairs, self._held = [], 0

    def members(self) -> list[NDArray[np.int64]]:
        """The members of each group of two or more, increasing; of the groups, the one with the lowest first."""
        if self._pairs:
            self._merge()
        order = np.argsort(self._group, kind="stable")
        starts = np.flatnonzero(np.diff(self._group[order])) + 1
        found = [group for group in np.split(order, starts) if len(group) > 1]
        return sorted(found, key=lambda group: int(group[0]))
