"""Exact comparison of queries with all images of a collection."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from osrmac.config import Device, Distance
from osrmac.errors import ConfigError
from osrmac.retrieval.distances import distances, nearest_region
from osrmac.retrieval.expansion import average
from osrmac.retrieval.topk import nearest
from osrmac.runs.shard_reader import Block
from osrmac.types import DistanceBlock, Match, Matrix

__all__ = ["Scan", "at_once", "smallest_distances", "torch_device"]

_DISTANCES = 100_000_000
"""Bytes of distances that are computed at once."""

_GATHERED = 250_000_000
"""Bytes of the vectors of neighbours that are looked up at once; a copy of them is made for the computation."""


def at_once(neighbours: int, dimension: int) -> int:
    """Return the number of queries whose neighbours are looked up at once, so that their vectors stay within 250 MB.

    Args:
        neighbours: Number of neighbours of each query.
        dimension: Length of their vectors, of all recipes together.
    """
    return max(1, _GATHERED // (4 * neighbours * dimension))


@dataclass(frozen=True)
class Scan:
    """An exact scan of a collection.

    A set of m queries is a sequence of matrices, (m, k), one for each recipe of the method that is compared.

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

    def expanded(self, queries: Sequence[Matrix], neighbours: int, alpha: float) -> list[Matrix]:
        """Return the queries averaged with their nearest neighbours, each recipe by its own distances.

        This is alpha query expansion (Radenovic et al. 2019). Applied to the images of the collection themselves, it
        is database-side augmentation (Arandjelovic and Zisserman 2012), where each image is its own nearest neighbour
        and counts twice. See `osrmac.retrieval.expansion.average` for the weights.

        The collection is read twice for every 250 MB of neighbours' vectors.
        """
        return [self._single(index)._expanded(vectors, neighbours, alpha) for index, vectors in enumerate(queries)]

    def _single(self, index: int) -> Scan:
        """Return a scan of one recipe's vectors."""

        def blocks() -> Iterator[Block]:
            return (replace(block, vectors=(block.vectors[index],)) for block in self.blocks())

        return replace(self, blocks=blocks)

    def _expanded(self, queries: Matrix, neighbours: int, alpha: float) -> Matrix:
        step = at_once(neighbours, queries.shape[1])
        parts = [queries[start : start + step] for start in range(0, len(queries), step)]
        return np.concatenate([self._averaged(part, neighbours, alpha) for part in parts])

    def _averaged(self, queries: Matrix, neighbours: int, alpha: float) -> Matrix:
        ids = [[match.id for match in matches] for matches in self.nearest([queries], neighbours)]
        (vectors,) = self.vectors({image for near in ids for image in near})
        return average(queries, np.stack([np.stack([vectors[image] for image in near]) for near in ids]), alpha)

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
