"""Queries against the images of a run, a block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from osrmac.config import Device, Distance
from osrmac.errors import ConfigError
from osrmac.retrieval import expansion
from osrmac.retrieval.distances import distances
from osrmac.retrieval.topk import nearest
from osrmac.runs.shard_reader import Block
from osrmac.types import Match, Matrix

__all__ = ["Scan", "apart", "torch_device"]


@dataclass(frozen=True)
class Scan:
    """Compares queries with all images. A query is, for each recipe of a system, a row of a matrix, (m, k).

    Attributes:
        blocks: Gives the images, from the first on whenever it is called.
        distance: How two vectors are compared.
        device: A torch device, where they are.
    """

    blocks: Callable[[], Iterable[Block]]
    distance: Distance
    device: str = "cpu"

    def distances(self, asked: Sequence[Matrix]) -> Iterator[tuple[str, list[str], Matrix]]:
        """For each block its shard, the ids of its n images, and the queries' distances to them, (m, n)."""
        for block in self.blocks():
            yield block.shard.url, block.ids, apart(asked, block.vectors, self.distance, self.device)

    def nearest(self, asked: Sequence[Matrix], number: int) -> list[list[Match]]:
        """The nearest images of each query."""
        return nearest(self.distances(asked), len(asked[0]), number)

    def expanded(self, asked: Sequence[Matrix], neighbours: int, alpha: float) -> list[Matrix]:
        """The queries averaged with their nearest neighbours, for each recipe with those by this recipe alone."""
        return [self._of(place)._expanded(queries, neighbours, alpha) for place, queries in enumerate(asked)]

    def _of(self, recipe: int) -> Scan:
        """The same by one recipe."""

        def alone() -> Iterator[Block]:
            return (Block(block.shard, block.ids, (block.vectors[recipe],)) for block in self.blocks())

        return Scan(alone, self.distance, self.device)

    def _expanded(self, queries: Matrix, neighbours: int, alpha: float) -> Matrix:
        near = [[each.id for each in of_query] for of_query in self.nearest([queries], neighbours)]
        (known,) = self.vectors({image for ids in near for image in ids})
        return expansion.average(queries, np.stack([np.stack([known[image] for image in ids]) for ids in near]), alpha)

    def vectors(self, ids: Iterable[str]) -> list[dict[str, Matrix]]:
        """For each recipe the vectors of some images, (k,), by id; one that is not there is left out."""
        wanted = frozenset(ids)
        found: dict[str, list[Matrix]] = {}
        for block in self.blocks():
            for row, image in enumerate(block.ids):
                if image in wanted:
                    found[image] = [vectors[row] for vectors in block.vectors]
        return [dict(zip(found, of_recipe, strict=True)) for of_recipe in zip(*found.values(), strict=True)]


def torch_device(chosen: Device) -> str:
    """Where vectors are compared.

    Raises:
        ConfigError: There is no such device.
    """
    if chosen == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda, but torch finds no GPU on this machine: use --device cpu")
    return "cuda" if chosen != "cpu" and torch.cuda.is_available() else "cpu"


def apart(one: Sequence[Matrix], other: Sequence[Matrix], distance: Distance, device: str) -> Matrix:
    """Distances by the recipe in which two images are nearest, from the vectors of each recipe, (m, k) and (n, k)."""
    found = [distances(left, right, distance, device) for left, right in zip(one, other, strict=True)]
    nearest: Matrix = np.minimum.reduce(found)
    return nearest
