"""The overview of a collection in numbers: groups, positions on a map and isolation of its images.

A sample is compared with itself, and every further image with the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.retrieval.average_linkage import Labels, average_groups, distances_within, mean_distances
from osrmac.retrieval.distances import distances
from osrmac.retrieval.near_duplicate_thresholds import DistanceHistogram
from osrmac.retrieval.similarity_map import map_neighbours, place, similarity_map
from osrmac.types import Matrix

__all__ = ["Placed", "SampleOverview", "numbered"]

_NEAREST = 10
"""Rank of the neighbour whose distance is the isolation of an image."""

_PLACED_BY = 5
"""Number of nearest sampled images among which a further image is placed."""

_TYPICAL = 500
"""Number of images whose median distance is the typical one."""

_BLOCK_BYTES = 100_000_000
"""Bytes of distances that are computed at once."""


@dataclass(frozen=True, eq=False)
class Placed:
    """What is known of n images.

    Attributes:
        labels: Group of each, which may have no other image; -1 for a further image that joins none, int64, (n,).
        group_distances: Mean distance to the sampled images of the group, float32, (n,); 0 where there is no other.
        positions: Positions on the map, float32, (n, 2).
        isolation: Distance to the tenth-nearest sampled image, or to the farthest if there are fewer, float32, (n,).
    """

    labels: Labels
    group_distances: Matrix
    positions: Matrix
    isolation: Matrix

    @classmethod
    def joined(cls, parts: Sequence[Placed]) -> Placed:
        """Return what is known of the images of all parts."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


@dataclass(frozen=True, eq=False)
class SampleOverview:
    """The overview of a sample, to which further images can be assigned.

    Attributes:
        vectors: Vectors of the n sampled images, (n, d).
        distance: Distance between two vectors.
        device: Torch device that computes the distances.
        threshold: Largest mean distance between two parts of a group.
        placed: What is known of the sampled images.
    """

    vectors: Matrix
    distance: Distance
    device: str
    threshold: float
    placed: Placed

    @classmethod
    def of(
        cls, vectors: Matrix, distance: Distance, device: str = "cpu", update: Callable[[int], None] = lambda _: None
    ) -> SampleOverview:
        """Compare all pairs of the sampled images, and group and map these.

        Images are grouped by average linkage, up to the mean distance at which two images are as likely to show the
        same scene as different ones: see `DistanceHistogram.even_threshold`.

        Args:
            vectors: Vectors of n images, at least one, (n, d).
            distance: Distance between two vectors.
            device: Torch device that computes the distances.
            update: Is told the number of images that have been compared with all.
        """
        count = len(vectors)
        histogram = DistanceHistogram(_typical(vectors, distance, device))
        pairs, stop = np.empty(count * (count - 1) // 2), 0
        near = np.empty((count, map_neighbours(count)), np.int64)
        apart = np.empty(near.shape, np.float32)
        for start, block in _blocks(vectors, vectors, distance, device):
            for row, others in enumerate(block, start):
                pairs[stop : stop + count - row - 1] = others[row + 1 :]
                stop += count - row - 1
                histogram.add(others[row + 1 :])
            rows = slice(start, start + len(block))
            near[rows], apart[rows] = _nearest(block, near.shape[1])
            update(rows.stop)
        threshold = histogram.even_threshold(count)
        labels = average_groups(pairs, threshold)
        within = distances_within(pairs, labels)
        del pairs
        positions = similarity_map(vectors, near, apart)
        isolation = apart[:, min(_NEAREST, count - 1)]
        return cls(vectors, distance, device, threshold, Placed(labels, within, positions, isolation))

    def assign(self, vectors: Matrix) -> Placed:
        """Assign further images: each joins the nearest group by mean distance, if that is within the threshold.

        Args:
            vectors: Vectors of m images, (m, d).
        """
        blocks = _blocks(vectors, self.vectors, self.distance, self.device)
        return Placed.joined([self._assigned(block) for _, block in blocks])

    def _assigned(self, block: Matrix) -> Placed:
        means = mean_distances(block, self.placed.labels)
        labels = means.argmin(axis=1)
        smallest = means[np.arange(len(block)), labels]
        near, apart = _nearest(block, min(_NEAREST, block.shape[1]))
        positions = place(self.placed.positions, near[:, :_PLACED_BY])
        return Placed(np.where(smallest <= self.threshold, labels, -1), smallest, positions, apart[:, -1])


def numbered(labels: Labels) -> Labels:
    """Number the groups of two or more images from 0, the largest first, and give the other images -1."""
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    number_of = np.full(len(sizes), -1)
    groups = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes > 1)]
    number_of[groups] = np.arange(len(groups))
    return np.where(labels >= 0, number_of[labels], -1)


def _typical(vectors: Matrix, distance: Distance, device: str) -> float:
    """Return the median distance of some images, evenly spaced; above 0."""
    some = vectors[:: -(-len(vectors) // _TYPICAL)]
    between = distances(some, some, distance, device)[np.triu_indices(len(some), 1)]
    return max(float(np.median(between)) if len(between) else 0, 1e-6)


def _blocks(vectors: Matrix, sample: Matrix, distance: Distance, device: str) -> Iterator[tuple[int, Matrix]]:
    """Yield the first row and the distances of some vectors at a time to the sample."""
    step = max(1, _BLOCK_BYTES // (4 * len(sample)))
    for start in range(0, len(vectors), step):
        yield start, distances(vectors[start : start + step], sample, distance, device)


def _nearest(block: Matrix, number: int) -> tuple[NDArray[np.int64], Matrix]:
    """Return the columns and the distances of the smallest in each row, ascending, (m, number)."""
    columns = np.sort(np.argpartition(block, number - 1, axis=1)[:, :number], axis=1)
    found = np.take_along_axis(block, columns, axis=1)
    order = np.argsort(found, axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(found, order, axis=1)
