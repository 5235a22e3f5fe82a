"""Every pair of images of a run that are nearer than a threshold, and groups of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.retrieval.near_duplicates import suggest_threshold
from osrmac.runs.methods import Method
from osrmac.runs.scan import apart
from osrmac.runs.shard_reader import Block, blocks, rows
from osrmac.storage import shards
from osrmac.storage.run import Run
from osrmac.types import Matrix

__all__ = ["Collection", "Duplicates", "Twin"]

Places = NDArray[np.int64]

_PIECE = 2048
"""Images that are compared with as many others at once."""

_PANEL_BYTES = 256_000_000
"""Of vectors that stay in memory while all others pass by."""

_SAMPLE = 500
"""Images whose distances to all others suggest a threshold."""


@dataclass(frozen=True)
class Twin:
    """An image that is nearly the same as others.

    Attributes:
        id: Of the image.
        uri: Where it lies.
        width: In pixels.
        height: Likewise.
        distance: To the nearest of the others.
    """

    id: str
    uri: str
    width: int
    height: int
    distance: float


@dataclass(frozen=True)
class Duplicates:
    """The groups, and what they depend on.

    Attributes:
        system: How images were compared.
        distance: Likewise.
        threshold: Distance up to which two images are in one group.
        reason: Where the threshold comes from.
        groups: The largest first; of each the images, that of the most pixels first.
    """

    method: str
    distance: Distance
    threshold: float
    reason: str
    groups: tuple[tuple[Twin, ...], ...]


@dataclass(frozen=True, eq=False)
class _Piece:
    """Some images, and where the first of them stands among all."""

    start: int
    vectors: tuple[Matrix, ...]

    def pairs(self, other: _Piece, most: float, distance: Distance, device: str) -> tuple[Places, Matrix]:
        """Pairs of an image here and one there that are at most so far apart, (m, 2), and how far, (m,)."""
        found = apart(self.vectors, other.vectors, distance, device)
        close = found <= most
        if self.start == other.start:
            close = np.triu(close, 1)
        return np.argwhere(close) + np.array([self.start, other.start]), found[close]


@dataclass(frozen=True)
class Collection:
    """All images of a run in the order of its shards, where each stands at a place."""

    run: Run
    method: Method
    shards: Sequence[str]
    starts: Sequence[int]
    distance: Distance
    device: str

    def close(self, most: float) -> Iterator[tuple[Places, Matrix]]:
        """Pairs of places that are at most so far apart, and how far; each pair once."""
        for first, panel in self._panels():
            for piece in self._pieces(first):
                for one in panel:
                    if one.start <= piece.start:
                        yield one.pairs(piece, most, self.distance, self.device)

    def _panels(self) -> Iterator[tuple[int, list[_Piece]]]:
        """As many pieces as may stay in memory, and the number of the shard that the first is of."""
        held: list[_Piece] = []
        first = size = 0
        for number, block in enumerate(blocks(self.run, self.method, self.shards)):
            held += _cut(block, self.starts[number])
            size += sum(vectors.nbytes for vectors in block.vectors)
            if size > _PANEL_BYTES:
                yield first, held
                held, first, size = [], number + 1, 0
        if held:
            yield first, held

    def _pieces(self, first: int = 0) -> Iterator[_Piece]:
        """All pieces from a shard on."""
        for start, block in zip(self.starts[first:], blocks(self.run, self.method, self.shards[first:]), strict=False):
            yield from _cut(block, start)

    def suggested(self) -> tuple[float, str]:
        """What the distances of a sample to all images suggest."""
        number = self.starts[-1]
        drawn = np.sort(np.random.default_rng(0).choice(number, min(_SAMPLE, number), replace=False))
        parts = [
            tuple(
                vectors[drawn[(drawn >= piece.start) & (drawn < piece.start + len(vectors))] - piece.start]
                for vectors in piece.vectors
            )
            for piece in self._pieces()
        ]
        sample = [np.concatenate(of_recipe) for of_recipe in zip(*parts, strict=True)]
        nearest = np.full(len(drawn), np.inf, np.float32)
        for piece in self._pieces():
            distances = apart(sample, piece.vectors, self.distance, self.device)
            distances[drawn[:, None] == np.arange(piece.start, piece.start + distances.shape[1])] = np.inf
            nearest = np.minimum(nearest, distances.min(axis=1, initial=np.inf))
        between = apart(sample, sample, self.distance, self.device)[np.triu_indices(len(drawn), 1)]
        typical = float(np.median(between)) if len(between) else 0.0
        found = suggest_threshold(nearest, typical, self.distance)
        return found, f"suggested by the distances of {len(drawn)} images, the median of which is {typical:.4g}"

    def named(self, members: Iterable[Places], nearest: Matrix) -> list[tuple[Twin, ...]]:
        """The groups with what the run knows of their images."""
        members = list(members)
        twins = self._twins(np.unique(np.concatenate([*members, np.empty(0, np.int64)])), nearest)
        groups = [tuple(sorted((twins[place] for place in group.tolist()), key=_most_pixels)) for group in members]
        return sorted(groups, key=lambda group: (-len(group), group[0].id))

    def _twins(self, places: Places, nearest: Matrix) -> dict[int, Twin]:
        found = {}
        of_shard = np.searchsorted(self.starts, places, side="right") - 1
        for number in np.unique(of_shard).tolist():
            ids = shards.described_ids(self.shards[number])
            known = rows(ids, [self.shards[number]])
            for place in places[of_shard == number].tolist():
                row = known[ids[place - self.starts[number]]]
                found[place] = Twin(row["id"], row["uri"], row["width"], row["height"], float(nearest[place]))
        return found


def _cut(block: Block, start: int) -> Iterator[_Piece]:
    for row in range(0, len(block.ids), _PIECE):
        yield _Piece(start + row, tuple(vectors[row : row + _PIECE] for vectors in block.vectors))


def _most_pixels(twin: Twin) -> tuple[int, str]:
    return -twin.width * twin.height, twin.id
