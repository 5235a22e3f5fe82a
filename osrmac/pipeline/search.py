"""The images of a run that are nearest to others, which may be its own or any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osrmac.config import Distance, SearchConfig
from osrmac.descriptor.images import Box
from osrmac.errors import ConfigError
from osrmac.pipeline.blocks import apart, blocks, choose, listed, rows, torch_device
from osrmac.pipeline.questions import questions, vectors
from osrmac.pipeline.shorten import read_shard
from osrmac.pipeline.systems import System
from osrmac.retrieval import expansion
from osrmac.retrieval.nearest import Neighbour, nearest
from osrmac.storage.run import Run

__all__ = ["Found", "Match", "search"]

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Match:
    """An image that was found.

    Attributes:
        rank: From 1 on.
        id: Of the image.
        uri: Where it lies.
        distance: To the query.
    """

    rank: int
    id: str
    uri: str
    distance: float


@dataclass(frozen=True)
class Found:
    """What a query found.

    Attributes:
        query: As it was given.
        uri: Where its image lies.
        box: The part of it that was asked with, or None for all of it.
        system: How images were compared.
        distance: Likewise.
        matches: The nearest first.
    """

    query: str
    uri: str
    box: Box | None
    system: str
    distance: Distance
    matches: tuple[Match, ...]


def search(run: str, queries: Sequence[str], options: SearchConfig = SearchConfig()) -> list[Found]:
    """Find the images of a run that are nearest to each query, exactly.

    Args:
        run: A run with descriptors.
        queries: Ids of the run's images; what is none is a path or URL, and described as the run's images were.
        options: How many to find, and how they are compared.

    Raises:
        OsrmacError: No run, no such image, or one that cannot be described.
    """
    if not queries:
        raise ConfigError("nothing to look for: name images, by their ids in the run, paths or URLs")
    if options.box is not None and len(queries) > 1:
        raise ConfigError(f"--box is a part of one image, and {len(queries)} are given: ask with one at a time")
    place = Run(run)
    within = listed(place)
    system = choose(place, options.system)
    asked = questions(queries, within, options.box)
    collection = _Collection(place, system, within, options.distance, torch_device(options.device))
    compared = vectors(place, system, asked)
    if options.query_expansion:
        compared = list(collection.expanded(compared, options.query_expansion, options.alpha))
    neighbours = collection.nearest(compared, options.top)
    near = [each for of_query in neighbours for each in of_query]
    known = rows((each.id for each in near), (each.block for each in near))
    return [
        Found(question.name, question.uri, question.box, system.name, options.distance, tuple(_matches(each, known)))
        for question, each in zip(asked, neighbours, strict=True)
    ]


def _matches(neighbours: Sequence[Neighbour], known: Mapping[str, Mapping[str, Any]]) -> Iterator[Match]:
    for rank, each in enumerate(neighbours, 1):
        yield Match(rank, each.id, known[each.id]["uri"], each.distance)


@dataclass(frozen=True)
class _Collection:
    """What is searched, and how it is compared."""

    run: Run
    system: System
    shards: Sequence[str]
    distance: Distance
    device: str

    def nearest(self, asked: Sequence[Matrix], number: int, recipes: Sequence[str] = ()) -> list[list[Neighbour]]:
        """The nearest images of each query, from its vectors of some recipes, each (m, k)."""
        compared = (
            (block.shard, block.ids, apart(asked, block.vectors, self.distance, self.device))
            for block in blocks(self.run, self.system, self.shards, recipes)
        )
        return nearest(compared, len(asked[0]), number)

    def expanded(self, asked: Sequence[Matrix], neighbours: int, alpha: float) -> Iterator[Matrix]:
        """What is asked with, averaged with its neighbours by each recipe, as an evaluation does it."""
        for recipe, queries in zip(self.system.recipes, asked, strict=True):
            found = self.nearest([queries], neighbours, [recipe])
            yield expansion.average(queries, np.stack([self._values(recipe, each) for each in found]), alpha)

    def _values(self, recipe: str, neighbours: Sequence[Neighbour]) -> Matrix:
        """The vectors of some images, (k, d)."""
        found: dict[str, Matrix] = {}
        for shard in {each.block for each in neighbours}:
            read = read_shard(self.run, shard, recipe, self.system.shortening)
            found |= {each.id: read.values[read.ids.index(each.id)] for each in neighbours if each.block == shard}
        return np.stack([found[each.id] for each in neighbours])
