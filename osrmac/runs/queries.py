"""Queries of a search, images of the run or any others, and the result of the search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from osrmac.config import Distance
from osrmac.errors import NotFoundError, StorageError
from osrmac.runs.methods import Method
from osrmac.runs.reductions.reduced_reader import read_shard, summed
from osrmac.runs.shard_reader import find_rows
from osrmac.storage import schema
from osrmac.storage.file_names import file_url, is_unicode, to_unicode
from osrmac.storage.location import Location
from osrmac.storage.reading.member_uri import enclosing_file
from osrmac.storage.run import Run
from osrmac.types import Box, Matrix, QueryResult

__all__ = ["SearchQuery", "SearchResult", "find_queries", "vectors"]


@dataclass(frozen=True)
class SearchQuery:
    """An image to search with.

    Attributes:
        name: Id, path or URL as the user gave it, as valid Unicode.
        uri: Location of the image.
        box: Part of the image to search with; None for the whole image.
        row: Row of the image in the run, with its shard; None if the image has to be described.
    """

    name: str
    uri: str
    box: Box | None
    row: dict[str, Any] | None


@dataclass(frozen=True)
class SearchResult:
    """Outcome of a search: a sequence of query results, in the order of the queries.

    Attributes:
        method: Name of the method that images were compared by.
        distance: Distance between two vectors.
        queries: Result of each query.
        conditions: Query expansion and re-ranking in words, as an evaluation names them; empty without them.
    """

    method: str
    distance: Distance
    queries: tuple[QueryResult, ...]
    conditions: Mapping[str, str] = field(default_factory=dict)

    @property
    def reranked(self) -> bool:
        """Whether the nearest images of each query were re-ranked."""
        return "re-ranking" in self.conditions

    def __iter__(self) -> Iterator[QueryResult]:
        return iter(self.queries)

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, index: int) -> QueryResult:
        return self.queries[index]


def find_queries(queries: Sequence[str], within: Sequence[Location], box: Box | None) -> list[SearchQuery]:
    """Look up queries in a run; those that are not ids of its images are paths or URLs.

    Args:
        queries: Ids, paths or URLs.
        within: Shards of the run's descriptors.
        box: Part of the images to search with; None for whole images.

    Raises:
        StorageError: An image of the run has no descriptor because it failed.
    """
    names = [query if is_unicode(query) else to_unicode(query) for query in queries]
    rows = find_rows(names, within)
    return [_search_query(query, name, rows.get(name), box) for query, name in zip(queries, names, strict=True)]


def _search_query(query: str, name: str, row: dict[str, Any] | None, box: Box | None) -> SearchQuery:
    if row is None:
        uri = query if is_unicode(query) else file_url(Location.of(query).path)
        return SearchQuery(name, uri, box, None)
    if row["status"] != schema.OK:
        raise StorageError(f"{name} has no descriptor, it failed at {row['error_stage']}: {row['error']}")
    return SearchQuery(name, row["uri"], box, row if box is None else None)


def vectors(run: Run, method: Method, queries: Sequence[SearchQuery]) -> list[Matrix]:
    """Return the vectors of queries as a method compares them: for each recipe (m, k).

    Vectors of images of the run are read; other images, and parts of images, are described.

    Raises:
        OsrmacError: An image cannot be read or described, or the weights of the run are unavailable.
    """
    stored = iter([_stored(run, method, query.row) for query in queries if query.row is not None])
    described = iter(_described(run, method, [query for query in queries if query.row is None]))
    in_order = [next(described if query.row is None else stored) for query in queries]
    return [np.stack(recipe_vectors) for recipe_vectors in zip(*in_order, strict=True)]


def _stored(run: Run, method: Method, row: dict[str, Any]) -> list[Matrix]:
    """Read the vectors of an image of the run, one for each recipe, (k,)."""
    per_recipe = [summed(read_shard(run, row["shard"], recipe, method.reduction)) for recipe in method.recipes]
    return [vectors.values[vectors.ids.index(row["id"])] for vectors in per_recipe]


def _described(run: Run, method: Method, queries: Sequence[SearchQuery]) -> list[list[Matrix]]:
    if not queries:
        return []
    for query in queries:
        image = Location.of(enclosing_file(query.uri))
        if image.is_local and not image.exists():
            raise NotFoundError(f"{query.name} is neither the id of an image of {run.url} nor a file")
    # A search by id, or a mistyped one, must not wait for torch.
    from osrmac.runs.query_describer import describe_queries

    return describe_queries(run, method, queries)
