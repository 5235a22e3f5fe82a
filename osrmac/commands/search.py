"""Search a run for the images nearest to queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from osrmac.config import Distance, SearchClusterConfig, SearchConfig
from osrmac.errors import ConfigError
from osrmac.progress import Stage, note, stage
from osrmac.runs.batches.chunks import Chunk, chunk_size, list_chunks, run_chunks
from osrmac.runs.batches.own_image import BEYOND, without_own
from osrmac.runs.index_search.choice import describe, index_searcher, open_images
from osrmac.runs.index_search.images import IndexedImages
from osrmac.runs.matches import find_matches
from osrmac.runs.methods import Method, choose_method
from osrmac.runs.queries import SearchResult
from osrmac.runs.scan import Scan, torch_device
from osrmac.runs.searcher import Searcher
from osrmac.runs.shard_reader import find_rows, list_shards, source, unpruned
from osrmac.storage import schema
from osrmac.storage.listing.name_list import read_names
from osrmac.storage.location import Location
from osrmac.storage.planning.image_columns import ImageColumns
from osrmac.storage.run import Run
from osrmac.types import Match, QueryResult

__all__ = ["ResultStream", "search", "search_stream"]


@dataclass(frozen=True)
class ResultStream:
    """Outcome of a search with many queries: an iterator of their results, which are computed as they are taken.

    Attributes:
        method: Name of the method that images are compared by.
        distance: Distance between two vectors.
        conditions: Query expansion and re-ranking in words; empty without them.
        searched: Which images are compared, in words.
        boxes: Whether matches have boxes, because regions are matched.
        own_columns: The user's own columns of the run, and the types of their values.
        results: Result of each query, in order.
    """

    method: str
    distance: Distance
    conditions: Mapping[str, str]
    searched: str
    boxes: bool
    own_columns: Mapping[str, type]
    results: Iterator[QueryResult]

    @property
    def reranked(self) -> bool:
        """Whether the nearest images of each query are re-ranked."""
        return "re-ranking" in self.conditions

    def __iter__(self) -> Iterator[QueryResult]:
        return self.results


def search(
    run: str,
    queries: Sequence[str],
    options: SearchConfig = SearchConfig(),
    cluster: SearchClusterConfig = SearchClusterConfig(),
) -> SearchResult:
    """Find the images of a run that are nearest to each query, by its index if it has one, or else among all images.

    Args:
        run: Run with descriptors.
        queries: Ids of images of the run, or else paths or URLs of any images, which are described like the run's.
            Empty where the options name a list or another run.
        options: Queries, number of images to find, and how they are compared.
        cluster: Cluster that compares the images, if any.

    Raises:
        OsrmacError: See `search_stream`; or a query given here has no descriptor, or cannot be read or decoded. Of the
            queries of a list, those have an error in place of matches.
    """
    found = search_stream(run, queries, options, cluster)
    return SearchResult(found.method, found.distance, tuple(found), found.conditions, found.searched)


def search_stream(
    run: str,
    queries: Sequence[str],
    options: SearchConfig = SearchConfig(),
    cluster: SearchClusterConfig = SearchClusterConfig(),
) -> ResultStream:
    """Find the images nearest to each query, a bounded number of queries at a time: see `search`.

    The collection is read once for each chunk of queries, again for query expansion and re-ranking.

    Raises:
        ConfigError: No query, several queries with one box, an unknown method, or no such cluster or GPU.
        NotFoundError: No run, or no list.
        StorageError: The other run has other settings; while results are taken, images are removed from a run.
    """
    _check_queries(queries, options)
    place = Run(run)
    shards = list_shards(place)
    method = choose_method(place, options.method, regions=True)
    _check_list(options)
    _check_machines(options, cluster)
    other = None if options.query_run is None else _query_run(place, options.query_run)
    own = ImageColumns(place.manifest).types
    indexed = open_images(place, method, shards, options)
    searcher = partial(_searcher, place, method, indexed, options, cluster)
    results = _results(place, method, queries, other, options, searcher)
    searched = describe(indexed, options)
    boxes = method.best_region
    return ResultStream(method.name, options.distance, options.conditions, searched, boxes, own, results)


def _check_queries(queries: Sequence[str], options: SearchConfig) -> None:
    if queries and options.in_batches:
        raise ConfigError("queries are given as QUERY and as --queries-from or --query-run: choose one of them")
    if not queries and not options.in_batches:
        raise ConfigError("no query given: name images by their ids in the run, paths or URLs")
    if options.box is not None and len(queries) > 1:
        raise ConfigError(f"--box is a part of one image, but {len(queries)} are given: search for one at a time")


def _check_list(options: SearchConfig) -> None:
    """Read the first queries of a list, so that a missing or malformed one is an error before anything is done."""
    if options.queries_from is not None:
        next(read_names(Location.of(options.queries_from)))


def _check_machines(options: SearchConfig, cluster: SearchClusterConfig) -> None:
    """Connect to the cluster, or look for the GPU of this machine, before queries are described."""
    if cluster.named is None:
        torch_device(options.device)
        return
    from osrmac.distributed.cluster.connect import connect

    connect(cluster)


def _query_run(run: Run, url: str) -> Run:
    """Return the run whose images are the queries, and note how many of its images are not."""
    other = Run(url)
    other.require(run.identity(), "describe the queries with the settings of the run that is searched")
    list_shards(other)
    failed = other.record()["counts"].get(schema.FAILED)
    if failed:
        note(f"{failed} images of {other.url} have no descriptor, and are no queries")
    return other


def _results(
    run: Run,
    method: Method,
    queries: Sequence[str],
    other: Run | None,
    options: SearchConfig,
    searcher: Callable[[Stage], Searcher],
) -> Iterator[QueryResult]:
    """Yield the result of each query, chunk by chunk."""
    with unpruned(run), nullcontext() if other is None else unpruned(other):
        shards = list_shards(run)
        size = chunk_size(run, method, options.top)
        if other is not None:
            chunks = run_chunks(other, method, size)
        else:
            names = queries if options.queries_from is None else _names(options.queries_from)
            chunks = list_chunks(run, method, names, size, shards, options.box, strict=not options.in_batches)
        without = BEYOND if other is not None and other.location == run.location else 0
        wanted = replace(options, top=options.top + without)
        done = 0
        for chunk in chunks:
            last = done + len(chunk.queries)
            with stage(f"comparing queries {done + 1:,} to {last:,}" if options.in_batches else "comparing") as current:
                found = iter(_matches(run, method, chunk, searcher(current), wanted, shards))
            for position, query in enumerate(chunk.queries):
                error = chunk.errors.get(position)
                matches = [] if error is not None else next(found)
                kept = without_own(matches, query.name, options.top) if without else matches
                reason = None if error is None else str(error)
                uri = query.uri if other is None else None
                yield QueryResult(query.name, tuple(kept), uri=uri, box=query.box, error=reason)
            done = last


def _names(listed: str) -> Iterator[str]:
    return chain.from_iterable(read_names(Location.of(listed)))


def _searcher(
    run: Run,
    method: Method,
    indexed: IndexedImages | None,
    options: SearchConfig,
    cluster: SearchClusterConfig,
    current: Stage,
) -> Searcher:
    """Return a search by the index, or else a scan of the run by this process, or on a cluster if there is one."""
    if indexed is not None:
        return index_searcher(indexed, options, torch_device(options.device))
    images = [source(run, method)]
    if cluster.named is None:
        return Scan.of(images, options.distance, torch_device(options.device))
    from osrmac.distributed.scan import Nodes

    return Nodes(cluster, options.device, current.update).scan(images, options.distance)


def _matches(
    run: Run, method: Method, chunk: Chunk, images: Searcher, options: SearchConfig, shards: Sequence[Location]
) -> list[list[Match]]:
    if not chunk.vectors:
        return []
    return find_matches(run, method, images, chunk.vectors, options, partial(_rows, shards))


def _rows(shards: Sequence[Location], matches: Sequence[Match]) -> dict[str, dict[str, Any]]:
    """Return the rows of matches by id, from the shards that hold them."""
    urls = {match.shard for match in matches}
    return find_rows((match.id for match in matches), [shard for shard in shards if shard.url in urls])
