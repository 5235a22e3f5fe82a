"""Near-duplicates within a run: all pairs of images closer than a threshold, and the groups that they form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.retrieval.near_duplicates import suggest_threshold
from osrmac.runs.methods import Method
from osrmac.runs.scan import smallest_distances
from osrmac.runs.shard_reader import Block, find_rows, read_blocks
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.types import Matrix

__all__ = ["Collection", "Duplicates", "Twin"]

Positions = NDArray[np.int64]
"""Positions of images in a collection, in order of its shards."""

_PIECE = 2048
"""Number of images on each side of a matrix of distances."""

_PANEL_BYTES = 256_000_000
"""Bytes of vectors that stay in memory while all others are read and compared with them."""

_SAMPLE = 500
"""Number of images whose nearest neighbours suggest a threshold."""


@dataclass(frozen=True)
class Twin:
    """A member of a group of near-duplicates.

    Attributes:
        id: Id of the image.
        uri: Location of the image.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.
        distance: Distance to the nearest other member of the group.
    """

    id: str
    uri: str
    width: int
    height: int
    distance: float


@dataclass(frozen=True)
class Duplicates:
    """Groups of near-duplicates, and what they depend on.

    Attributes:
        method: Name of the method that images were compared by.
        distance: Distance between two vectors.
        threshold: Largest distance of two images that are linked.
        reason: Origin of the threshold, in words.
        groups: Groups, the largest first; in each, the image with the most pixels comes first.
    """

    method: str
    distance: Distance
    threshold: float
    reason: str
    groups: tuple[tuple[Twin, ...], ...]


@dataclass(frozen=True, eq=False)
class _Piece:
    """Consecutive images of a collection, the first of them at position `start`."""

    start: int
    vectors: tuple[Matrix, ...]

    def pairs(self, other: _Piece, threshold: float, distance: Distance, device: str) -> tuple[Positions, Matrix]:
        """Return the pairs of an image here and one there within a threshold, (m, 2), and their distances, (m,)."""
        distances = smallest_distances(self.vectors, other.vectors, distance, device)
        within = distances <= threshold
        if self.start == other.start:
            within = np.triu(within, 1)
        return np.argwhere(within) + np.array([self.start, other.start]), distances[within]


@dataclass(frozen=True)
class Collection:
    """The described images of a run, numbered in order of its shards.

    Attributes:
        run: Run with descriptors.
        method: Method that images are compared by.
        shards: Shards of the run's descriptors.
        starts: Position of the first image of each shard, followed by the number of all images.
        distance: Distance between two vectors.
        device: Torch device that computes the distances.
    """

    run: Run
    method: Method
    shards: Sequence[Location]
    starts: Sequence[int]
    distance: Distance
    device: str

    def pairs(self, threshold: float) -> Iterator[tuple[Positions, Matrix]]:
        """Yield the pairs of images within a threshold, (m, 2), each pair once, and their distances, (m,)."""
        for first, panel in self._panels():
            for piece in self._pieces(first):
                for held in panel:
                    if held.start <= piece.start:
                        yield held.pairs(piece, threshold, self.distance, self.device)

    def _panels(self) -> Iterator[tuple[int, list[_Piece]]]:
        """Yield as many pieces as may stay in memory, with the number of the first one's shard."""
        held: list[_Piece] = []
        first = size = 0
        for number, block in enumerate(read_blocks(self.run, self.method, self.shards)):
            held += _cut(block, self.starts[number])
            size += sum(vectors.nbytes for vectors in block.vectors)
            if size > _PANEL_BYTES:
                yield first, held
                held, first, size = [], number + 1, 0
        if held:
            yield first, held

    def _pieces(self, first: int = 0) -> Iterator[_Piece]:
        """Yield all pieces, beginning with those of a given shard."""
        blocks = read_blocks(self.run, self.method, self.shards[first:])
        for start, block in zip(self.starts[first:], blocks, strict=False):
            yield from _cut(block, start)

    def suggested_threshold(self) -> tuple[float, str]:
        """Return a threshold derived from the nearest neighbours of a sample, and its origin in words."""
        number = self.starts[-1]
        drawn = np.sort(np.random.default_rng(0).choice(number, min(_SAMPLE, number), replace=False))
        sample = self._vectors_at(drawn)
        nearest = np.full(len(drawn), np.inf, np.float32)
        for piece in self._pieces():
            distances = smallest_distances(sample, piece.vectors, self.distance, self.device)
            distances[drawn[:, None] == np.arange(piece.start, piece.start + distances.shape[1])] = np.inf
            nearest = np.minimum(nearest, distances.min(axis=1, initial=np.inf))
        within = smallest_distances(sample, sample, self.distance, self.device)[np.triu_indices(len(drawn), 1)]
        typical = float(np.median(within)) if len(within) else 0.0
        threshold = suggest_threshold(nearest, typical, self.distance)
        return threshold, f"suggested by the distances of {len(drawn)} images, the median of which is {typical:.4g}"

    def _vectors_at(self, positions: Positions) -> list[Matrix]:
        """Read the vectors at sorted positions, one matrix for each recipe."""
        parts = [
            [
                vectors[positions[(positions >= piece.start) & (positions < piece.start + len(vectors))] - piece.start]
                for vectors in piece.vectors
            ]
            for piece in self._pieces()
        ]
        return [np.concatenate(vectors) for vectors in zip(*parts, strict=True)]

    def describe_groups(self, members: Iterable[Positions], nearest: Matrix) -> list[tuple[Twin, ...]]:
        """Look up the images of groups, and sort the groups and their members.

        Args:
            members: Positions of the members of each group.
            nearest: Distance of each image of the collection to the nearest other, (n,).
        """
        members = list(members)
        twins = self._twins(np.unique(np.concatenate([*members, np.empty(0, np.int64)])), nearest)
        groups = [tuple(sorted((twins[index] for index in group.tolist()), key=_largest_first)) for group in members]
        return sorted(groups, key=lambda group: (-len(group), group[0].id))

    def _twins(self, positions: Positions, nearest: Matrix) -> dict[int, Twin]:
        twins = {}
        shard_numbers = np.searchsorted(self.starts, positions, side="right") - 1
        for number in np.unique(shard_numbers).tolist():
            ids = shards.described_ids(self.shards[number])
            rows = find_rows(ids, [self.shards[number]])
            for position in positions[shard_numbers == number].tolist():
                row = rows[ids[position - self.starts[number]]]
                twins[position] = Twin(row["id"], row["uri"], row["width"], row["height"], float(nearest[position]))
        return twins


def _cut(block: Block, start: int) -> Iterator[_Piece]:
    """Cut a block, whose first image is at position `start`, into pieces."""
    for row in range(0, len(block.ids), _PIECE):
        yield _Piece(start + row, tuple(vectors[row : row + _PIECE] for vectors in block.vectors))


def _largest_first(twin: Twin) -> tuple[int, str]:
    return -twin.width * twin.height, twin.id
