"""Exact comparison of queries with all images of a collection."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np

from osrmac.config import Device, Distance
from osrmac.errors import ConfigError
from osrmac.retrieval.distances import distances, nearest_region
from osrmac.retrieval.topk import nearest
from osrmac.runs.shard_reader import Block, Source
from osrmac.types import DistanceBlock, Match, Matrix

__all__ = ["LocalComparison", "Scan", "smallest_distances", "torch_device"]

_DISTANCES = 100_000_000
"""Bytes of distances that are computed at once."""

_KEPT_DISTANCES = 500_000_000
"""Bytes of distances up to which those of a comparison are kept; more of them are computed for each summary."""

_Summary = TypeVar("_Summary")


@dataclass(frozen=True)
class Scan:
    """An exact scan of a collection by this process: see `osrmac.runs.searcher.ExactSearcher`.

    Attributes:
        blocks: Returns the blocks of the collection, from the first one on with each call.
        distance: Distance between two vectors.
        device: Torch device that computes the distances.
        outside: Ids of images that have vectors, but do not belong to the collection and are never found.
    """

    blocks: Callable[[], Iterable[Block]]
    distance: Distance
    device: str = "cpu"
    outside: frozenset[str] = frozenset()

    @classmethod
    def of(cls, sources: Sequence[Source], distance: Distance, device: str = "cpu") -> Scan:
        """Return a scan that reads some sources again with each pass."""
        return cls(partial(_read, sources), distance, device)

    def distances(self, queries: Sequence[Matrix]) -> Iterator[DistanceBlock]:
        """Yield the distances of all queries to the images of the collection, block by block, at most 100 MB each."""
        for block in self.blocks():
            url = block.shard.url if block.shard else ""
            step = max(1, _DISTANCES * len(block.ids) // (4 * len(queries[0]) * max(1, len(block.vectors[0]))))
            for start in range(0, len(block.ids), step):
                part = block.part(slice(start, start + step))
                found = smallest_distances(queries, part.vectors, self.distance, self.device)
                found = found if part.regions is None else nearest_region(found, part.regions)
                yield self._inside(url, part.ids, found)

    def _inside(self, url: str, ids: Sequence[str], distances: Matrix) -> DistanceBlock:
        if self.outside.isdisjoint(ids):
            return url, ids, distances
        rows = [row for row, image in enumerate(ids) if image not in self.outside]
        return url, [ids[row] for row in rows], distances[:, rows]

    def nearest(self, queries: Sequence[Matrix], number: int) -> list[list[Match]]:
        """Return the nearest images of each query, nearest first; ties are ordered by id and marked."""
        return nearest(self.distances(queries), len(queries[0]), number)

    def compare(self, queries: Sequence[Matrix]) -> LocalComparison:
        """Compare queries with all images; up to 500 MB of distances are kept."""
        return LocalComparison(_Replayed(partial(self.distances, queries)))

    def joined(self, sources: Sequence[Source]) -> Scan:
        """Return a scan of these images and of others."""
        return replace(self, blocks=partial(_joined, self.blocks, sources))

    def of_recipe(self, index: int) -> Scan:
        """Return a scan of one recipe's vectors."""
        return replace(self, blocks=partial(_of_recipe, self.blocks, index))

    def of_all(self) -> Scan:
        """Return a scan that leaves no image out of the results."""
        return replace(self, outside=frozenset())

    def vectors(self, ids: Iterable[str]) -> list[dict[str, Matrix]]:
        """Look up images, and return for each recipe their vectors, (k,), by id; unknown ids are left out.

        An image with several regions has their sum.
        """
        wanted = frozenset(ids)
        found = {
            image: [vectors[row].copy() for vectors in of_images]  # a view would keep the block in memory
            for block in self.blocks()
            if not wanted.isdisjoint(block.ids)
            for of_images in [block.of_images()]
            for row, image in enumerate(block.ids)
            if image in wanted
        }
        return [dict(zip(found, vectors, strict=True)) for vectors in zip(*found.values(), strict=True)]


def _read(sources: Sequence[Source]) -> Iterator[Block]:
    for images in sources:
        yield from images.read(images.shards)


def _joined(blocks: Callable[[], Iterable[Block]], others: Sequence[Source]) -> Iterator[Block]:
    return chain(blocks(), _read(others))


def _of_recipe(blocks: Callable[[], Iterable[Block]], index: int) -> Iterator[Block]:
    return (replace(block, vectors=(block.vectors[index],)) for block in blocks())


@dataclass(frozen=True)
class LocalComparison:
    """Distances that this process computes: see `osrmac.runs.searcher.Comparison`.

    Attributes:
        blocks: The distances, block by block, which can be iterated over repeatedly.
    """

    blocks: Iterable[DistanceBlock]

    def summarize(self, summary: Callable[[Iterable[DistanceBlock]], _Summary]) -> Iterator[_Summary]:
        """Yield the summary of all distances."""
        yield summary(self.blocks)


class _Replayed:
    """Blocks of distances that can be iterated over repeatedly; kept from the first pass on if they are small enough.

    Args:
        compute: Computes the blocks, from the first one on with each call.
    """

    def __init__(self, compute: Callable[[], Iterable[DistanceBlock]]) -> None:
        self._compute = compute
        self._kept: list[DistanceBlock] | None = None

    def __iter__(self) -> Iterator[DistanceBlock]:
        return self._first_pass() if self._kept is None else iter(self._kept)

    def _first_pass(self) -> Iterator[DistanceBlock]:
        kept: list[DistanceBlock] = []
        size = 0
        for block in self._compute():
            size += block[-1].nbytes
            kept.append(block)
            if size > _KEPT_DISTANCES:
                kept.clear()
            yield block
        if size <= _KEPT_DISTANCES:
            self._kept = kept


def smallest_distances(
    queries: Sequence[Matrix], images: Sequence[Matrix], distance: Distance, device: str = "cpu"
) -> Matrix:
    """Return the distance of each query to each image, (m, n), by the recipe in which the two are nearest.

    This is how global and local descriptors are combined (paper, section 4.1).

    Args:
        queries: For each recipe (m, k).
        images: For each recipe (n, k).
        distance: Distance between two vectors.
        device: Torch device to compute on.
    """
    per_recipe = [distances(left, right, distance, device) for left, right in zip(queries, images, strict=True)]
    smallest: Matrix = np.minimum.reduce(per_recipe)
    return smallest


def torch_device(chosen: Device) -> str:
    """Return the torch device to compare vectors on; torch is imported only where the machine may have a GPU.

    Raises:
        ConfigError: A GPU was asked for, and torch finds none.
    """
    has_gpu = chosen != "cpu" and _has_gpu_driver() and _torch_finds_gpu()
    if chosen == "cuda" and not has_gpu:
        raise ConfigError("--device cuda, but torch finds no GPU on this machine: use --device cpu")
    return "cuda" if has_gpu else "cpu"


def _has_gpu_driver() -> bool:
    """Return whether the driver of an NVIDIA or AMD GPU is installed, without which torch finds no GPU."""
    with suppress(OSError):
        ctypes.CDLL("libcuda.so.1")
        return True
    return Path("/dev/kfd").exists()


def _torch_finds_gpu() -> bool:
    import torch  # noqa: PLC0415  # a search by id must not wait for torch

    return torch.cuda.is_available()
