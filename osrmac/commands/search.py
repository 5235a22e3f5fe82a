"""The images of a run that are nearest to others, which may be its own or any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from osrmac.config import SearchConfig
from osrmac.errors import ConfigError
from osrmac.retrieval.topk import Neighbour
from osrmac.runs.methods import choose
from osrmac.runs.queries import questions, vectors
from osrmac.runs.query_results import Found, Match
from osrmac.runs.scan import Comparison, torch_device
from osrmac.runs.shard_reader import blocks, listed, rows
from osrmac.storage.run import Run

__all__ = ["search"]


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
