"""The images of a run that are nearest to others, which may be its own or any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from osrmac.config import Distance, SearchConfig
from osrmac.descriptor.images import Box
from osrmac.errors import ConfigError
from osrmac.pipeline.blocks import blocks, choose, listed, rows, torch_device
from osrmac.pipeline.comparison import Comparison
from osrmac.pipeline.questions import questions, vectors
from osrmac.retrieval.nearest import Neighbour
from osrmac.storage.run import Run

__all__ = ["Found", "Match", "search"]


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
    images = Comparison(partial(blocks, place, system, within), options.distance, torch_device(options.device))
    compared = vectors(place, system, asked)
    if options.query_expansion:
        compared = images.expanded(compared, options.query_expansion, options.alpha)
    neighbours = images.nearest(compared, options.top)
    near = [each for of_query in neighbours for each in of_query]
    known = rows((each.id for each in near), (each.block for each in near))
    return [
        Found(question.name, question.uri, question.box, system.name, options.distance, tuple(_matches(each, known)))
        for question, each in zip(asked, neighbours, strict=True)
    ]


def _matches(neighbours: Sequence[Neighbour], known: Mapping[str, Mapping[str, Any]]) -> Iterator[Match]:
    for rank, each in enumerate(neighbours, 1):
        yield Match(rank, each.id, known[each.id]["uri"], each.distance)
