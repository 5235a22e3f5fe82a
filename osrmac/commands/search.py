"""The images of a run that are nearest to others, which may be its own or any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from osrmac.config import SearchConfig
from osrmac.errors import ConfigError
from osrmac.runs.methods import choose_method
from osrmac.runs.queries import find_queries, vectors
from osrmac.runs.query_results import SearchResult
from osrmac.runs.scan import Scan, torch_device
from osrmac.runs.shard_reader import find_rows, list_shards, read_blocks
from osrmac.storage.run import Run
from osrmac.types import QueryResult

__all__ = ["search"]


def search(run: str, queries: Sequence[str], options: SearchConfig = SearchConfig()) -> SearchResult:
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
    within = list_shards(place)
    method = choose_method(place, options.method)
    asked = find_queries(queries, within, options.box)
    images = Scan(partial(read_blocks, place, method, within), options.distance, torch_device(options.device))
    compared = vectors(place, method, asked)
    if options.query_expansion:
        compared = images.expanded(compared, options.query_expansion, options.alpha)
    nearest = images.nearest(compared, options.top)
    urls = {match.shard for matches in nearest for match in matches}
    shards = [shard for shard in within if shard.url in urls]
    known = find_rows((match.id for matches in nearest for match in matches), shards)
    results = [
        QueryResult(
            query.name,
            tuple(replace(match, uri=known[match.id]["uri"]) for match in matches),
            uri=query.uri,
            box=query.box,
        )
        for query, matches in zip(asked, nearest, strict=True)
    ]
    return SearchResult(method.name, options.distance, tuple(results))
