"""Search a run for the images nearest to a query."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from osrmac.config import SearchConfig
from osrmac.errors import ConfigError
from osrmac.progress import stage
from osrmac.runs.matches import find_matches
from osrmac.runs.methods import choose_method
from osrmac.runs.queries import SearchResult, find_queries, vectors
from osrmac.runs.scan import Scan, torch_device
from osrmac.runs.shard_reader import find_rows, list_shards, read_blocks, refused_if_pruned
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.types import Match, QueryResult

__all__ = ["search"]


@refused_if_pruned
def search(run: str, queries: Sequence[str], options: SearchConfig = SearchConfig()) -> SearchResult:
    """Find the images of a run that are nearest to each query, by exhaustive comparison.

    Args:
        run: Run with descriptors.
        queries: Ids of images of the run, or else paths or URLs of any images, which are described like the run's.
        options: Number of images to find, and how they are compared.

    Raises:
        ConfigError: No query, several queries with one box, or an unknown method.
        NotFoundError: No run.
        StorageError: A query cannot be read or decoded, or has no descriptor in the run.
    """
    if not queries:
        raise ConfigError("no query given: name images by their ids in the run, paths or URLs")
    if options.box is not None and len(queries) > 1:
        raise ConfigError(f"--box is a part of one image, but {len(queries)} are given: search for one at a time")
    place = Run(run)
    shards = list_shards(place)
    method = choose_method(place, options.method, regions=True)
    found_queries = find_queries(queries, shards, options.box)
    images = Scan(partial(read_blocks, place, method, shards), options.distance, torch_device(options.device))
    with stage("describing the queries"):
        query_vectors = vectors(place, method, found_queries)
    with stage("comparing"):
        found = find_matches(place, method, images, query_vectors, options, partial(_rows, shards))
    results = [
        QueryResult(query.name, tuple(matches), uri=query.uri, box=query.box)
        for query, matches in zip(found_queries, found, strict=True)
    ]
    return SearchResult(method.name, options.distance, tuple(results), options.conditions)


def _rows(shards: Sequence[Location], matches: Sequence[Match]) -> dict[str, dict[str, Any]]:
    """Return the rows of matches by id, from the shards that hold them."""
    urls = {match.shard for match in matches}
    return find_rows((match.id for match in matches), [shard for shard in shards if shard.url in urls])
