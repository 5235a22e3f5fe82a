"""The vectors of a run in pieces that fit into memory, and the pairs of images within a distance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.runs.methods import Method
from osrmac.runs.scan import smallest_distances
from osrmac.runs.shard_reader import list_shards, map_shards, read_blocks
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.storage.schema import OK
from osrmac.types import Matrix

__all__ = ["Pairs", "Piece", "Positions", "VectorPieces", "compare_panel"]

Positions = NDArray[np.int64]
"""Positions of images in a collection, in order of its shards."""

_DESCRIBED = pa.schema([("id", pa.string()), ("uri", pa.string()), ("width", pa.int32()), ("height", pa.int32())])

_PIECE = 2048
"""Number of images on each side of a matrix of distances."""

_PANEL_BYTES = 256_000_000
"""Bytes of vectors that stay in memory while all others are read and compared with them."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of images.

    Attributes:
        positions: Positions of both images, int64, (m, 2).
        distances: Distance of each pair, float32, (m,).
    """

    positions: Positions
    distances: Matrix

    def __len__(self) -> int:
        return len(self.distances)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Pairs:
        return Pairs(self.positions[rows], self.distances[rows])

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """Return the pairs of all parts."""
        return cls(
            np.concatenate([np.empty((0, 2), np.int64), *(part.positions for part in parts)]),
            np.concatenate([np.empty(0, np.float32), *(part.distances for part in parts)]),
        )


@dataclass(frozen=True, eq=False)
class Piece:
    """Some images of a collection.

    Attributes:
        positions: Ascending positions of the images, (n,).
        vectors: For each recipe of the method the vectors that are compared, (n, k).
    """

    positions: Positions
    vectors: tuple[Matrix, ...]

    def pairs(self, other: Piece, threshold: float, distance: Distance, device: str, *, later: bool = True) -> Pairs:
        """Return the pairs of an image here and one there within a threshold, the lower position first.

        Args:
            other: Images to compare with.
            threshold: Largest distance.
            distance: Distance between two vectors.
            device: Torch device that computes the distances.
            later: Compare each image only with those of higher positions.
        """
        if not (len(self.positions) and len(other.positions)):
            return Pairs.joined([])
        distances = smallest_distances(self.vectors, other.vectors, distance, device)
        within = distances <= threshold
        if later and self.positions[-1] >= other.positions[0]:
            within &= self.positions[:, None] < other.positions
        left, right = np.nonzero(within)
        return Pairs(np.sort(np.stack([self.positions[left], other.positions[right]], 1)), distances[within])

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Piece:
        return Piece(self.positions[rows], tuple(vectors[rows] for vectors in self.vectors))


@dataclass(frozen=True)
class VectorPieces:
    """The described images of a run, numbered in order of its shards.

    Attributes:
        run: Run with descriptors.
        method: Method that images are compared by.
        shards: Shards of the run's descriptors.
        starts: Position of the first image of each shard, followed by the position after the last image.
    """

    run: Run
    method: Method
    shards: tuple[Location, ...]
    starts: tuple[int, ...]

    @classmethod
    def of(cls, run: Run, method: Method, first: int = 0) -> VectorPieces:
        """Number the images of a run, the first of them with a given position."""
        within = tuple(list_shards(run))
        counts = map(len, map_shards(shards.described_ids, within))
        return cls(run, method, within, tuple(accumulate(counts, initial=first)))

    def __len__(self) -> int:
        return self.starts[-1] - self.starts[0]

    @cached_property
    def image_bytes(self) -> int:
        """Bytes of the vectors of one image."""
        for piece in self.pieces(range(len(self.shards))):
            return sum(vectors.nbytes for vectors in piece.vectors) // len(piece.positions)
        return 1

    def panels(self, size: int = _PANEL_BYTES) -> Iterator[range]:
        """Yield consecutive shards with images, by number, whose vectors have about so many bytes."""
        images = max(1, size // self.image_bytes)
        first = 0
        for number in range(1, len(self.shards) + 1):
            if number == len(self.shards) or self.starts[number + 1] - self.starts[first] > images:
                if self.starts[number] > self.starts[first]:
                    yield range(first, number)
                first = number

    def pieces(self, numbers: range) -> Iterator[Piece]:
        """Yield the images of some shards, by number, about as many at a time."""
        held: list[tuple[int, tuple[Matrix, ...]]] = []
        blocks = read_blocks(self.run, self.method, [self.shards[number] for number in numbers])
        for number, block in zip(numbers, blocks, strict=True):
            for row in range(0, len(block.ids), _PIECE):
                held.append((self.starts[number] + row, tuple(part[row : row + _PIECE] for part in block.vectors)))
                if sum(len(vectors[0]) for _, vectors in held) >= _PIECE:
                    yield _joined(held)
                    held = []
        if held:
            yield _joined(held)

    def vectors_at(self, positions: Positions) -> tuple[Matrix, ...]:
        """Read the vectors at sorted positions, one matrix for each recipe."""
        numbers = self._shard_numbers(positions)
        blocks = read_blocks(self.run, self.method, [self.shards[number] for number in numbers])
        parts = [
            [vectors[_within(positions, self.starts[number], self.starts[number + 1])] for vectors in block.vectors]
            for number, block in zip(numbers, blocks, strict=True)
        ]
        return tuple(np.concatenate(vectors) for vectors in zip(*parts, strict=True))

    def rows_at(self, positions: Positions) -> pa.Table:
        """Look up the images at sorted positions: a table of `id`, `uri`, `width` and `height`."""
        numbers = self._shard_numbers(positions)
        described = map_shards(_described, [self.shards[number] for number in numbers])
        rows = [
            table.take(_within(positions, self.starts[number], self.starts[number + 1]))
            for number, table in zip(numbers, described, strict=True)
        ]
        return pa.concat_tables(rows) if rows else _DESCRIBED.empty_table()

    def _shard_numbers(self, positions: Positions) -> list[int]:
        """Return the numbers of the shards that some positions are in."""
        numbers: list[int] = np.unique(np.searchsorted(self.starts, positions, side="right") - 1).tolist()
        return numbers


def _described(shard: Location) -> pa.Table:
    rows = shards.read(shard, [*_DESCRIBED.names, "status"])
    return rows.filter(pc.equal(rows["status"], OK)).select(_DESCRIBED.names).sort_by("id")


def _joined(parts: Sequence[tuple[int, tuple[Matrix, ...]]]) -> Piece:
    positions = [np.arange(start, start + len(vectors[0])) for start, vectors in parts]
    vectors = zip(*(vectors for _, vectors in parts), strict=True)
    return Piece(np.concatenate(positions), tuple(map(np.concatenate, vectors)))


def _within(positions: Positions, start: int, stop: int) -> Positions:
    """Return those of some positions that are in a range, relative to its start."""
    return positions[(positions >= start) & (positions < stop)] - start


def compare_panel(
    images: VectorPieces, panel: range, others: VectorPieces | None, threshold: float, distance: Distance, device: str
) -> Iterator[Pairs]:
    """Yield the pairs within a threshold of which the first image is in a panel.

    Args:
        images: Collection of the panel.
        panel: Shards of the panel, by number.
        others: Collection of the second images, whose positions follow those of the first; None for the same one.
        threshold: Largest distance.
        distance: Distance between two vectors.
        device: Torch device that computes the distances.
    """
    held = list(images.pieces(panel))
    rest = (
        images.pieces(range(panel.start, len(images.shards)))
        if others is None
        else others.pieces(range(len(others.shards)))
    )
    for piece in rest:
        for each in held:
            if each.positions[0] <= piece.positions[-1]:
                yield each.pairs(piece, threshold, distance, device)
