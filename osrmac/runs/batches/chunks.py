"""Chunks of many queries, small enough that their vectors and matches fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from osrmac.errors import OsrmacError
from osrmac.progress import stage
from osrmac.runs.methods import Method
from osrmac.runs.queries import QueryVectors, SearchQuery, find_queries, stacked
from osrmac.runs.shard_reader import Block, image_bytes, list_shards, read_blocks
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.types import Box, Matrix

__all__ = ["Chunk", "chunk_size", "list_chunks", "run_chunks"]

_CHUNK = 250_000_000
"""Bytes of the vectors and matches of the queries of a chunk."""

_MATCH = 1000
"""Bytes of a match with its location, about."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some queries.

    Attributes:
        queries: The queries, in order.
        errors: Those that have no vectors, by position, and why.
        vectors: For each recipe the vectors of the m others, (m, k); empty if there are none.
    """

    queries: Sequence[SearchQuery]
    errors: dict[int, OsrmacError]
    vectors: list[Matrix]


def chunk_size(run: Run, method: Method, top: int) -> int:
    """Return the number of queries of a chunk, so that their vectors and matches stay within 250 MB.

    Args:
        run: Run that is searched.
        method: Method that is compared.
        top: Number of matches of each query.
    """
    return max(1, _CHUNK // (image_bytes(run, replace(method, best_region=False)) + _MATCH * top))


def list_chunks(
    run: Run,
    method: Method,
    names: Iterable[str],
    size: int,
    within: Sequence[Location],
    box: Box | None = None,
    *,
    strict: bool = False,
) -> Iterator[Chunk]:
    """Yield queries that are ids of a run, or else paths or URLs, which are described.

    Args:
        run: Run that is searched.
        method: Method that is compared.
        names: Ids, paths or URLs.
        size: Number of queries of a chunk.
        within: Shards of the run's descriptors.
        box: Part of the images to search with; None for whole images.
        strict: Whether a query without vectors is an error.

    Raises:
        OsrmacError: The weights of the run are unavailable; or, if `strict`, a query has no vectors.
    """
    read = QueryVectors(run, method)
    remaining = iter(names)
    while some := list(islice(remaining, size)):
        queries = find_queries(some, within, box)
        with stage("describing the queries") as current:
            outcomes = read(queries, current.update, strict=strict)
        errors = {row: outcome for row, outcome in enumerate(outcomes) if isinstance(outcome, OsrmacError)}
        found = [outcome for outcome in outcomes if not isinstance(outcome, OsrmacError)]
        yield Chunk(queries, errors, stacked(found))


def run_chunks(run: Run, method: Method, size: int) -> Iterator[Chunk]:
    """Yield the described images of a run as queries.

    Args:
        run: Run of the queries; its vectors are read.
        method: Method that is compared.
        size: Number of queries of a chunk.
    """
    waiting: list[Block] = []
    for block in read_blocks(run, method, list_shards(run)):
        whole = replace(block, vectors=block.of_images(), regions=None)
        while len(whole.ids):
            room = size - sum(len(each.ids) for each in waiting)
            waiting.append(whole.part(slice(room)))
            whole = whole.part(slice(room, None))
            if len(waiting[-1].ids) == room:
                yield _chunk(waiting)
                waiting = []
    if waiting:
        yield _chunk(waiting)


def _chunk(blocks: Sequence[Block]) -> Chunk:
    queries = [SearchQuery(image, image, None, None) for block in blocks for image in block.ids]
    return Chunk(queries, {}, [np.concatenate(parts) for parts in zip(*(each.vectors for each in blocks), strict=True)])
