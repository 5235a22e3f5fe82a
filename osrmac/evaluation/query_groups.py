"""Groups of queries that look for the same thing, such as the five queries for each landmark of Oxford5k."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

__all__ = ["query_groups"]

_SHARED = 0.5
"""Part of the smaller of two sets that both must have. Landmarks of Oxford5k share single images; the queries for one
landmark of ROxford5k have sets that overlap, but differ."""


def query_groups(images: Sequence[Collection[str]]) -> list[int]:
    """Return the number of the group of each query, from 0.

    Two queries are of one group if at least half of the images of either are those of the other, too, or if a chain of
    such queries connects them.

    Args:
        images: The query image and the relevant images of each query.

    >>> query_groups([["a", "b", "c"], ["b", "a", "c"], ["c", "d", "e"]])
    [0, 0, 1]
    """
    sets = list(dict.fromkeys(map(frozenset, images)))
    if not sets:
        return []
    column = {image: number for number, image in enumerate(dict.fromkeys(image for each in sets for image in each))}
    columns = [column[image] for each in sets for image in each]
    sizes = np.array([len(each) for each in sets])
    rows = np.repeat(np.arange(len(sets)), sizes)
    membership = csr_array((np.ones(len(columns), np.int64), (rows, columns)), shape=(len(sets), len(column)))
    shared = coo_array(membership @ membership.T)
    linked = shared.data >= _SHARED * np.minimum(sizes[shared.row], sizes[shared.col])
    links = coo_array((linked[linked], (shared.row[linked], shared.col[linked])), shape=shared.shape)
    _, labels = connected_components(links, directed=False)
    group = dict(zip(sets, labels.tolist(), strict=True))
    return [group[frozenset(each)] for each in images]
