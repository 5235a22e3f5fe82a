"""A second look at pairs of images that are near each other: the tasks that compare their pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from osrmac.runs.near_duplicates.vector_pieces import Positions, VectorPieces
from osrmac.storage.run import Run
from osrmac.types import Matrix

__all__ = ["Look", "LookTask", "second_look"]

_IMAGES = 64
"""Images on each side of the pairs that a task compares, so that it reads each image once."""

LookTask = tuple[list[tuple[Run, str]], NDArray[np.int64]]
Look = Callable[[Sequence[LookTask]], Sequence[Matrix]]
"""Returns the agreements of the pairs of each task."""


def second_look(sides: Sequence[VectorPieces], pairs: Positions, look: Look) -> Matrix:
    """Return how well the pixels of pairs of images agree, (m,); nan where an image cannot be read.

    Args:
        sides: The run, and the other run if there is one.
        pairs: Positions of two images each, (m, 2).
        look: Compares pixels.
    """
    positions, numbers = np.unique(pairs, return_inverse=True)
    located = [
        (side.run, uri)
        for side in sides
        for uri in side.rows_at(positions[(positions >= side.starts[0]) & (positions < side.starts[-1])])[
            "uri"
        ].to_pylist()
    ]
    numbers = numbers.reshape(-1, 2)
    chunks = list(_chunks(numbers))
    tasks = []
    for rows in chunks:
        used, local = np.unique(numbers[rows], return_inverse=True)
        tasks.append(([located[image] for image in used.tolist()], local.reshape(-1, 2)))
    found = np.empty(len(pairs), np.float32)
    for rows, agreements in zip(chunks, look(tasks), strict=True):
        found[rows] = agreements
    return found


def _chunks(pairs: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of pairs to compare together: those of connected images, in blocks of some images a side."""
    if not len(pairs):
        return
    images = int(pairs.max()) + 1
    graph = coo_array((np.ones(len(pairs), np.bool_), tuple(pairs.T)), shape=(images, images))
    rank = np.empty(images, np.int64)
    rank[np.argsort(connected_components(graph, directed=False)[1], kind="stable")] = np.arange(images)
    blocks = np.sort(rank[pairs] // _IMAGES)
    order = np.lexsort(blocks.T)
    yield from np.split(order, np.flatnonzero(np.diff(blocks[order], axis=0).any(1)) + 1)
